"""What the Codex CLI needs to use a bridge: a profile, and a catalogue of models.

``codex -p codex-oss`` reads ``$CODEX_HOME/codex-oss.config.toml`` on top of the user's
``config.toml``, which is never touched.
"""

from pathlib import Path

import msgspec

from codex_oss.bridge import catalog
from codex_oss.bridge.catalog import CodexModel
from codex_oss.bridge.settings import CODEX_PROFILE
from codex_oss.config.edit import encode
from codex_oss.config.whole import write_whole
from codex_oss.errors import CodexOssError

PROVIDER = "codex_oss_bridge"
CATALOG_FILE = "codex-oss.models.json"
IDLE_MS = 300_000
"""Codex's own; the bridge sends events far more often."""
RETRIES = 2
"""Codex's five would each read the whole prompt again; the bridge retries itself."""
READABLE = 0o644


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bridge is; ``key_env`` names the variable of its key, if it has one."""

    url: str
    key_env: str | None = None


class Written(msgspec.Struct, frozen=True):
    """A file that was written, and where the one before it is now."""

    path: Path
    backup: Path | None


def profile(model: str, access: Access, catalog_file: Path) -> str:
    """Return the profile's text."""
    key = "" if access.key_env is None else f"env_key = {encode(access.key_env)}\n"
    return f"""\
# Written by `codex-oss bridge codex-config`. Use: codex -p {CODEX_PROFILE}
model = {encode(model)}
model_provider = {encode(PROVIDER)}
model_catalog_json = {encode(str(catalog_file))}
# There is no web search behind a local model.
web_search = "disabled"

[features]
# Three tools of 3 KB that local models call for no reason. Remove to have them.
goals = false

[model_providers.{PROVIDER}]
name = "codex-oss bridge"
base_url = {encode(f"{access.url}/v1")}
wire_api = "responses"
{key}request_max_retries = {RETRIES}
stream_max_retries = {RETRIES}
stream_idle_timeout_ms = {IDLE_MS}
"""


def choose(models: list[CodexModel], wanted: str | None, url: str) -> str:
    """Return the model of the profile: the one wanted, else the first there is."""
    names = [model.slug for model in models]
    if not names:
        raise CodexOssError(
            f"the bridge at {url} has no models",
            hint="Get one for the server behind it (`ollama pull MODEL`).",
        )
    if wanted is None or wanted in names:
        return wanted or names[0]
    tagged = f"{wanted}:latest"  # Ollama's name for a name without a tag
    if tagged in names:
        return tagged
    raise CodexOssError(
        f"the bridge at {url} has no model `{wanted}`",
        hint=f"It has: {', '.join(names)}.",
    )


def write(
    home: Path, model: str, access: Access, models: list[CodexModel]
) -> list[Written]:
    """Write profile and catalogue into ``$CODEX_HOME``; keep what they replace."""
    catalog_file = home / CATALOG_FILE
    files = {
        catalog_file: catalog.encode(models),
        home / f"{CODEX_PROFILE}.config.toml": profile(
            model, access, catalog_file
        ).encode(),
    }
    return [_write(path, data) for path, data in files.items()]


def _write(path: Path, data: bytes) -> Written:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        backup = _keep(path, data)
        write_whole(path, data, mode=READABLE)
    except OSError as error:
        raise CodexOssError(
            f"cannot write {error.filename or path}: {error.strerror}",
            hint="Without --write, `codex-oss bridge codex-config` prints the text.",
        ) from error
    return Written(path, backup)


def _keep(path: Path, data: bytes) -> Path | None:
    """Keep a file that others than we may have changed; return where."""
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        return None
    if before == data:
        return None
    backup = path.with_name(f"{path.name}.bak")
    backup.write_bytes(before)
    return backup
