"""Which engine is taken for which model, and why: a decision about what was found."""

from collections.abc import Iterable, Sequence

import msgspec

from codex_oss.config.builtin import EMBEDDED, OSS
from codex_oss.engines import sources
from codex_oss.engines.base import EngineName, Found, Installed, Machine, Server
from codex_oss.errors import EngineError

NAMES: dict[EngineName, str] = {
    "ollama": "Ollama",
    "embedded": "the embedded engine",
    "lmstudio": "LM Studio",
    "llamacpp": "llama.cpp",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "openai": "an OpenAI-compatible server",
}
"""What people call them."""
DEFAULTS = ("gpt-oss:20b", "openai/gpt-oss-20b", "gpt-oss-20b")
"""The default model, as different servers name it."""
PULL_DEFAULT = "gpt-oss:20b"
MOST_OF_MEMORY = 0.9
"""A model whose file is more than this share of the memory is not taken unasked."""
_FIXED: tuple[Server, ...] = ("vllm", "sglang")
"""Servers that serve what they were started with, and nothing else."""
_SHOWN = 8


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken; ``why`` and why not the others, a line each for people.

    ``url`` is the root of the server that answers; None: one is to be started.
    """

    engine: EngineName
    model: str | None
    url: str | None = None
    why: str
    passed_over: tuple[tuple[str, str], ...] = ()
    to_pull: bool = False
    """Nobody named the model, and the engine does not have it."""

    @property
    def toy(self) -> bool:
        """Whether it is no more than the proof that an engine works."""
        return self.model == sources.DEFAULT_MODEL


def needs_no_look(wanted: str | None, local_provider: str | None) -> bool:
    """Tell whether the choice is made whatever servers there are."""
    if local_provider in (None, OSS):
        return wanted is not None and sources.is_embedded(wanted)
    return local_provider == EMBEDDED


def choose(
    wanted: str | None,
    found: Sequence[Found],
    machine: Machine,
    *,
    local_provider: str | None,
    at_hand: Sequence[str],
) -> Choice:
    """Return what to take for the model ``wanted``; None: the best that is there.

    ``found`` is in the order of preference; ``local_provider`` limits the choice to
    one engine; ``at_hand`` are downloaded models of the embedded engine, the best
    first. A name of a GGUF model is the embedded engine's. Raises
    ``errors.EngineError`` when nothing that runs can serve ``wanted``.
    """
    only = None if local_provider == OSS else local_provider
    served = only == "llamacpp" and any(find(f, wanted or "") for f in found)
    if wanted is not None and sources.is_embedded(wanted) and not served:
        return _embedded(wanted, found, only)
    if only == EMBEDDED:
        return _best_embedded(wanted, (), at_hand, "It was asked for")
    if wanted is not None:
        return _with(wanted, found, only)
    taken = _best(found, machine)
    if taken is not None:
        server, model = taken
        return Choice(
            engine=server.server,
            model=model.name,
            url=server.url or None,
            why=f"{title(server)} has {model.name}",
            passed_over=_others(found, server, machine),
        )
    if only is not None and only != "llamacpp":
        return _nothing_usable(found, only, machine)
    why = "No server with a model answers here"
    if found:
        why = "No server here has a model to work with"
    return _best_embedded(None, _others(found, None, machine), at_hand, why)


def title(found: Found) -> str:
    """Return a server's name, version and place for people."""
    name = NAMES[found.server]
    name = f"{name} {found.version}" if found.version else name
    place = f"at {found.url}" if found.url else f"({found.said_by}, not running)"
    return f"{name} {place}"


def called(provider: str) -> str:
    """Return what people call a local provider's engine."""
    engine = _engine(provider)
    return NAMES[engine] if engine else provider


def _engine(provider: str | None) -> EngineName | None:
    return next((name for name in NAMES if name == provider), None)


def find(found: Found, name: str) -> Installed | None:
    """Return a server's model of a name; Ollama's without a tag is ``:latest``."""
    names = {name}
    if found.server == "ollama" and ":" not in name.rpartition("/")[2]:
        names.add(f"{name}:latest")
    return next((model for model in found.models if model.name in names), None)


def usable(model: Installed, machine: Machine) -> str:
    """Return "" for a model that may be taken unasked, else why it is not."""
    if model.remote:
        return "runs in a cloud"
    if model.tools is False:
        return "cannot call tools"
    room = (machine.memory or 0) + (machine.graphics or 0)
    if not model.loaded and too_large(model.size or 0, room):
        return f"is larger than the memory ({room / 1e9:.0f} GB)"
    return ""


def too_large(size: int, memory: int | None) -> bool:
    """Tell whether a model's file is too large for a memory, both in bytes."""
    return bool(memory) and size > memory * MOST_OF_MEMORY


# --- a model was named ---------------------------------------------------------------


def _embedded(wanted: str, found: Sequence[Found], only: str | None) -> Choice:
    if only not in (None, EMBEDDED, "llamacpp"):
        raise EngineError(
            f"`{wanted}` is a model of the embedded engine, not of provider {only}",
            hint=f"Leave out --local-provider {only}, or name a model that it has.",
        )
    reason = f"{wanted} is a model of the embedded engine"
    return Choice(
        engine="embedded",
        model=wanted,
        why=reason,
        passed_over=tuple((title(other), reason) for other in found),
    )


def _with(wanted: str, found: Sequence[Found], only: str | None) -> Choice:
    lacking = f"lacks {wanted}"
    for server in found:
        if model := find(server, wanted):
            return Choice(
                engine=server.server,
                model=model.name,
                url=server.url or None,
                why=f"{title(server)} has {model.name}",
                passed_over=tuple(
                    (title(o), "comes later" if find(o, wanted) else lacking)
                    for o in found
                    if o is not server
                ),
            )
    taken = _can_get(found, only)
    if taken is None and found and only != "ollama":
        raise _not_served(wanted, found)
    engine = taken.server if taken else _engine(only) or "ollama"
    return Choice(
        engine=engine,
        model=wanted,
        url=(taken.url or None) if taken else None,
        why=f"{wanted} is asked of {title(taken) if taken else NAMES[engine]}",
        passed_over=tuple((title(o), lacking) for o in found if o is not taken),
    )


def _can_get(found: Sequence[Found], only: str | None) -> Found | None:
    """Return the server that can load, or pull, what it has not listed."""
    able = [f for f in found if f.server not in _FIXED]
    if only is None:
        able = [f for f in able if f.server == "ollama"]
    return able[0] if able else None


def _not_served(wanted: str, found: Sequence[Found]) -> EngineError:
    there = [
        f"{model.name} ({NAMES[server.server]})"
        for server in found
        for model in server.models
    ]
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    listed = ", ".join(there[:_SHOWN]) + more if there else "no models at all"
    return EngineError(
        f"no server here serves `{wanted}`; there is {listed}",
        hint="`codex-oss engines` shows what was found.",
    )


# --- no model was named --------------------------------------------------------------


def _best(found: Sequence[Found], machine: Machine) -> tuple[Found, Installed] | None:
    """Return the best usable model of the servers that run, else of one that can."""
    pairs = [
        (server, model)
        for server in found
        for model in server.models
        if not usable(model, machine)
    ]
    # Of equals the first; the default, then what is loaded, then what is large.
    return max(pairs, key=lambda pair: _worth(*pair), default=None)


def _worth(server: Found, model: Installed) -> tuple[bool, bool, bool, bool, int]:
    return (
        bool(server.url),
        model.name in DEFAULTS,
        model.loaded is not None,
        model.tools is True,
        model.size or 0,
    )


def _nothing_usable(found: Sequence[Found], only: str, machine: Machine) -> Choice:
    """Return the engine that was asked for, to pull or load what it lacks."""
    engine = _engine(only) or "openai"
    server = found[0] if found else None
    return Choice(
        engine=server.server if server else engine,
        model=PULL_DEFAULT if engine == "ollama" else None,
        to_pull=engine == "ollama",
        url=(server.url or None) if server else None,
        why=f"{NAMES[engine]} was asked for",
        passed_over=_others(found, server, machine),
    )


def _best_embedded(
    wanted: str | None,
    passed_over: tuple[tuple[str, str], ...],
    at_hand: Sequence[str],
    why: str,
) -> Choice:
    model = wanted or next(iter(at_hand), sources.DEFAULT_MODEL)
    toy = model == sources.DEFAULT_MODEL and wanted is None
    return Choice(
        engine="embedded",
        model=model,
        why=f"{why}. {sources.DEFAULT_IS_A_TOY}"
        if toy
        else f"{why}; the embedded engine has {model}",
        passed_over=passed_over,
    )


def _others(
    found: Iterable[Found], taken: Found | None, machine: Machine
) -> tuple[tuple[str, str], ...]:
    return tuple(
        (title(other), _why_not(other, machine))
        for other in found
        if other is not taken
    )


def _why_not(found: Found, machine: Machine) -> str:
    reasons = {usable(model, machine) for model in found.models}
    if "" in reasons:
        return "another is preferred"
    if not reasons:
        return found.note or "it has no model"
    return (
        f"its model {reasons.pop()}"
        if len(reasons) == 1
        else ("no model of it is of use: " + ", ".join(sorted(reasons)))
    )
