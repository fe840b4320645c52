"""What every engine has in common: its events, its settings and its two methods."""

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

Server = Literal["llamacpp", "ollama"]
"""Which program answers; the keys of ``ENGINES``."""


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
    api_key: str | None
    server: Server
    supports_tools: bool | None = None
    """Whether the model's chat template shows tools to the model. None: unknown."""


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


class Engine(Protocol):
    """A program that serves models."""

    def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Bring up ``model`` (None: the engine's default); the last event is Ready.

        Raises ``errors.EngineError`` or ``errors.DownloadError``. Closing the
        generator early ends what was started for it.
        """
        ...

    async def close(self) -> None:
        """End what ``ensure`` started, and only that."""
        ...
