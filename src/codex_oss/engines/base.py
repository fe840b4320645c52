"""What every engine has in common: what was found, its events, settings and methods."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    # Servers that run have none.
    from codex_oss.engines.revival import Revival

Server = Literal["ollama", "lmstudio", "llamacpp", "vllm", "sglang", "openai"]
"""Which program answers a URL; ``openai``: compatible, and nothing more is known."""

EngineName = Literal[
    "ollama", "embedded", "lmstudio", "llamacpp", "vllm", "sglang", "openai"
]
"""What people and the configuration call an engine; the keys of ``ENGINES``.

``embedded`` is llama.cpp inside this program's own package, ``llamacpp`` a
llama-server that somebody started.
"""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a server has. None: the server does not say."""

    name: str
    """The name to send as ``model``."""
    size: int | None = None
    """Bytes on disk."""
    context: int | None = None
    """Tokens of context the model was trained on."""
    loaded: int | None = None
    """Tokens of context really allocated; None also when it is not in memory."""
    on_gpu: float | None = None
    """Share of the loaded model in graphics memory, 0 to 1."""
    tools: bool | None = None
    """Whether it was made to call tools."""
    remote: bool = False
    """It runs in a cloud: what is sent to it leaves this machine."""
    quantization: str = ""
    parameters: str = ""
    """How many, in the server's words, such as ``20.9B``."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has for models, in bytes. None: not known."""

    memory: int | None = None
    """Main memory that can be had without swapping."""
    graphics: int | None = None
    """Memory of the graphics cards, together; 0: there is none of their own."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answered. ``url`` is its root, without ``/v1``.

    Empty: an Ollama that is installed and stands still; ``said_by`` is its program.
    """

    server: Server
    url: str
    version: str = ""
    models: tuple[Installed, ...] = ()
    said_by: str
    """Why it was asked: ``CODEX_OSS_BASE_URL``, ``OLLAMA_HOST``, ``port 11434``."""
    note: str = ""
    """What people should know of it, such as that it wants a key."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server may be; ``url`` without ``/v1``. ``expected``: None: any."""

    url: str
    said_by: str
    expected: Server | None = None
    named: bool = False
    """A person named it; else it is a server's usual port."""
    key: str = ""
    """What its provider sends as a bearer token."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked before something is installed, pulled or removed."""

    kind: Literal["install", "start", "pull", "update", "remove"]
    what: str
    """What it is about, such as ``Ollama`` or ``gpt-oss:20b``."""
    facts: tuple[tuple[str, str], ...] = ()
    """Name and value: size, free disk, memory needed, URL, root, how to remove."""
    command: str
    """Exactly what will be run; what to type instead where nobody can be asked."""


class Consent(Protocol):
    """Somebody who may say yes to a question."""

    async def ask(self, question: Question) -> bool:
        """Return whether it may be done.

        Raises ``errors.EngineError`` with the command to type where nobody can be
        asked.
        """
        ...


class Looking(msgspec.Struct, frozen=True):
    """Something is being looked up, such as a server or a list of files."""

    what: str


class Starting(msgspec.Struct, frozen=True):
    """The engine's process is being started."""

    engine: str
    model: str


class Pulling(msgspec.Struct, frozen=True):
    """A model's files are being downloaded. Sizes in bytes; ``total`` None: unknown."""

    model: str
    done: int
    total: int | None
    bytes_per_s: float
    resumes: bool = True
    """What has arrived is kept when it is stopped."""


class Verifying(msgspec.Struct, frozen=True):
    """Downloaded bytes are being checked against their SHA-256."""

    model: str


class Loading(msgspec.Struct, frozen=True):
    """The engine reads the model into memory, since ``seconds``. Sent each second."""

    model: str
    seconds: float = 0.0


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The model answers at ``base_url`` (which ends in ``/v1``)."""

    base_url: str
    model: str
    """The name to send as ``model``."""
    context_window: int | None
    """Tokens of context that are really allocated. None: the engine does not say."""
    context_asked: int | None = None
    """Tokens that were asked for, and must be again: others would load it anew."""
    api_key: str | None
    server: Server
    on_gpu: float | None = None
    """Share of the model that is in graphics memory, 0 to 1. None: not known."""
    supports_tools: bool | None = None
    """Whether the model's chat template shows tools to the model. None: unknown."""
    notes: tuple[str, ...] = ()
    """What people should know of how the model runs, a sentence or two each."""
    ours: bool = False
    """It was loaded for us, into a server that stays."""


EngineEvent = Looking | Starting | Pulling | Verifying | Loading | Ready


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What engines are told by the configuration and the command line."""

    models: Path
    """Directory of downloaded models."""
    logs: Path
    """Directory of the logs of engines that we start."""
    env: Mapping[str, str]
    """The environment; HF_*, OLLAMA_HOST and what child processes inherit."""
    context_length: int | None = None
    """Tokens of context to allocate. None: what the model and the memory allow."""
    threads: int | None = None
    """CPU threads to compute with. None: one per physical core."""
    offline: bool = False
    """Never download."""
    url: str = ""
    """Root of the server that the configuration names, without ``/v1``."""
    key: str = ""
    """What that server gets as a bearer token; empty: nothing."""
    found: Found | None = None
    """That server, where it answers, or an Ollama that is installed and stands still
    (its ``url`` is empty). None: nothing was found of this engine."""
    consent: Consent | None = None
    """Who is asked before something is installed, started or pulled; None: nobody."""
    unloads: bool = True
    """Whether ``close`` unloads what ``ensure`` has loaded; else who asks it does."""
    make_room: Callable[[int], Awaitable[None]] | None = None
    """Awaited with the bytes of memory that a model needs, before it is loaded by a
    server of ours; None: there are no other engines that could make room."""


class Engine(Protocol):
    """A program that serves models."""

    @property
    def reviver(self) -> "Revival | None":
        """Who starts it again when it has ended; None: it is not ours."""
        ...

    def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Bring up ``model`` (None: the engine's default); the last event is Ready.

        Raises ``errors.EngineError`` or ``errors.DownloadError``. Closing the
        generator early ends what was started for it.
        """
        ...

    async def close(self) -> None:
        """End what ``ensure`` started, and only that."""
        ...
