"""The model that a configuration names, its engine started if it needs one."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec
from msgspec.structs import replace

from codex_oss import __version__, providers
from codex_oss.config.load import Loaded
from codex_oss.config.provider import Provider
from codex_oss.config.schema import Config
from codex_oss.errors import ConfigError, EngineError
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.wiring.ending import Endings
from codex_oss.wiring.world import state_home


async def open_model(
    loaded: Loaded, env: Mapping[str, str], client: Client, err: TextIO, end: Endings
) -> tuple[Model, str]:
    """Return the model and its name at its server.

    What is started for it is added to ``end``. Raises ``ConfigError`` or
    ``EngineError``.
    """
    provider, name = loaded.provider, loaded.config.model
    if provider.base_url is None:
        served = Served(loaded.provider_id, provider, name)
        provider, name = await start_engine(
            served, loaded.config, env, client, err, end
        )
    if name is None:
        raise ConfigError(
            f"no model is set for provider `{loaded.provider_id}`",
            hint="Name one with -m, or set `model` in config.toml.",
        )
    model = providers.connect(
        loaded.provider_id,
        provider,
        name,
        env=env,
        client=client,
        memory=providers.ProbeMemory(state_home(env) / "probes.json"),
        version=__version__,
        context_length=loaded.config.engine.context_length,
    )
    return model, name


class Served(msgspec.Struct, frozen=True):
    """A provider whose engine is to be started, and the model it shall serve."""

    provider_id: str
    provider: Provider
    model: str | None


async def start_engine(
    served: Served,
    config: Config,
    env: Mapping[str, str],
    client: Client,
    err: TextIO,
    end: Endings,
) -> tuple[Provider, str]:
    """Return the provider at the engine's URL, and the model's name there."""
    # Only who has no server of their own pays for the engines' imports.
    from codex_oss.engines import ENGINES, base, choose  # noqa: PLC0415
    from codex_oss.engines.sources import DEFAULT_MODEL  # noqa: PLC0415
    from codex_oss.exec_mode.progress import Progress  # noqa: PLC0415

    settings, wanted = config.engine, served.model
    options = base.Options(
        models=models_home(config, env),
        logs=state_home(env) / "logs",
        env=env,
        context_length=settings.context_length,
        threads=settings.threads,
    )
    if served.provider_id == "llamacpp":
        wanted = wanted or DEFAULT_MODEL
    choice = await choose.choose(wanted, options, client)
    if served.model is None:
        err.write(f"{choice.why}\n")
    engine = ENGINES[choice.engine](options, client)
    end.append(engine.close)
    progress = Progress(err, isatty=err.isatty())
    try:
        async for event in engine.ensure(choice.model):
            progress.feed(event)
            if isinstance(event, base.Ready):
                return _at(served.provider, event.base_url, event.api_key), event.model
    finally:
        progress.close()
    raise EngineError(f"{choice.engine} ended without being ready")


def _at(provider: Provider, base_url: str, key: str | None) -> Provider:
    return replace(provider, base_url=base_url, experimental_bearer_token=key)


def models_home(config: Config, env: Mapping[str, str]) -> Path:
    """Return the folder of downloaded models."""
    named = config.engine.models_dir
    if named is None:
        return state_home(env) / "models"
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"`engine.models_dir`: {error}") from error
