"""A client of Ollama's own API. It starts nothing, and asks nobody for consent.

Source: Ollama 0.9 to 0.33. ``/api/pull`` answers 200 before it has tried: what counts
is its last line.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from codex_oss.engines.base import Pulling, Verifying
from codex_oss.engines.ollama import faults, names
from codex_oss.engines.ollama.pulling import Layers
from codex_oss.errors import EngineError, ModelError, NotFound, StreamCut
from codex_oss.net import Client, Reply
from codex_oss.wire import servers
from codex_oss.wire.framing import LineDecoder
from codex_oss.wire.ollama.library import PullLine, Shown
from codex_oss.wire.ollama.version import older

LEAST_VERSION = (0, 9, 0)
"""The first whose chat can think, and be told not to; older ones lack fields that every
request here has."""
ASK_S = 10.0
"""For one question to a server that is there: it may be loading a model."""
WORK_S = 120.0
"""For what needs the disk: to delete, copy or make a variant of a model."""
PULL_SILENCE_S = 1800.0
"""Between two lines of a pull: 65 GB are checked at the end without a word."""
LOAD_S = 3600.0
"""For a model to be read into memory; Ollama gives up earlier, without progress."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_EXCERPT = 300

_OK, _NOT_FOUND = 200, 404
_REFUSED = (401, 403)
_T = TypeVar("_T")


class _Said(msgspec.Struct, frozen=True):
    error: str | None = None


class Api:
    """One server, by its URL without ``/v1``.

    Methods raise ``errors.ModelError`` when it cannot be reached or does not answer as
    Ollama does, ``errors.NotFound`` for a model that it does not have, and
    ``errors.EngineError`` for what it refuses.
    """

    def __init__(self, client: Client, root: str, *, key: str = "") -> None:
        """Ask the server at ``root``; ``key`` is for one that stands behind a proxy."""
        self.root = root.rstrip("/").removesuffix("/v1").rstrip("/")
        self.client = client
        self._headers = (("accept", "application/json"),)
        if key:
            self._headers += (("authorization", f"Bearer {key}"),)

    # --- questions ---------------------------------------------------------------

    async def answers(self, *, timeout_s: float = ASK_S) -> bool:
        """Tell whether an Ollama server answers in time."""
        try:
            await self.version(timeout_s=timeout_s)
        except (ModelError, EngineError):
            return False
        return True

    async def version(self, *, timeout_s: float = ASK_S) -> str:
        """Return the server's version; development builds say ``0.0.0``."""
        doing = "asking for its version"
        answer = await self._ask(
            "GET", "/api/version", servers.Version, doing, timeout_s=timeout_s
        )
        return answer.version

    async def tags(self) -> list[servers.Tag]:
        """Return the installed models."""
        answer = await self._ask("GET", "/api/tags", servers.Tags, "listing its models")
        return answer.models or []

    async def running(self) -> list[servers.Loaded]:
        """Return the models in memory, with the context that each really has."""
        answer = await self._ask(
            "GET", "/api/ps", servers.Running, "listing loaded models"
        )
        return answer.models or []

    async def loaded(self, model: str) -> servers.Loaded | None:
        """Return how a model is loaded; None: it is not."""
        found = (each for each in await self.running() if names.same(each.name, model))
        return next(found, None)

    async def show(self, model: str) -> Shown:
        """Return what it says of an installed model."""
        doing, body = f"looking at {model}", {"model": model}
        return await self._ask("POST", "/api/show", Shown, doing, body)

    # --- changes -----------------------------------------------------------------

    async def delete(self, model: str) -> None:
        """Delete a model, and the layers that no other needs."""
        doing, body = f"deleting {model}", {"model": model}
        await self._do("DELETE", "/api/delete", doing, body)

    async def copy(self, model: str, name: str) -> None:
        """Give a model a second name."""
        doing, body = f"copying {model}", {"source": model, "destination": name}
        await self._do("POST", "/api/copy", doing, body)

    async def create(
        self, name: str, of: str, parameters: Mapping[str, object]
    ) -> None:
        """Make a variant of a model with other parameters, such as ``num_ctx``.

        It has no weights of its own. This is the only way to give clients of ``/v1``
        another context than the server's default.
        """
        doing = f"making {name} of {of}"
        body = {"model": name, "from": of, "parameters": dict(parameters)}
        async with aclosing(self._lines("/api/create", body, WORK_S)) as lines:
            async for line in lines:
                if line.error:
                    raise faults.of_request(doing, line.error)
                if line.status == "success":
                    return
        raise StreamCut(f"{doing}: Ollama at {self.root} ended before it was done")

    async def load(
        self, model: str, *, num_ctx: int | None, keep_alive: str | None
    ) -> None:
        """Read a model into memory; returns when it is there.

        One that is loaded with another context is loaded anew.
        """
        body: dict[str, Any] = {"model": model, "messages": [], "stream": False}
        if num_ctx is not None:
            body["options"] = {"num_ctx": num_ctx}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        await self._do("POST", "/api/chat", f"loading {model}", body, timeout_s=LOAD_S)

    async def unload(self, model: str, *, timeout_s: float = ASK_S) -> None:
        """Free the memory of a model."""
        body: dict[str, Any] = {"model": model, "messages": [], "keep_alive": 0}
        body["stream"] = False
        doing = f"unloading {model}"
        await self._do("POST", "/api/chat", doing, body, timeout_s=timeout_s)

    async def pull(
        self, model: str, *, total: int | None = None, known: Iterable[str] = ()
    ) -> AsyncGenerator[Pulling | Verifying]:
        """Download a model, from where an earlier try ended.

        ``total`` are its bytes, where the registry told them; ``known`` names of models
        that exist, to offer one for a wrong name. Closing this ends the download; what
        has arrived stays. Raises ``errors.DownloadError``, also for an end without
        Ollama's ``success``.
        """
        name, layers = names.parse(model), Layers(model, total)
        body: dict[str, Any] = {"model": model, "stream": True}
        if name.insecure:
            body["insecure"] = True
        now = asyncio.get_running_loop().time
        why = "the connection was closed"
        try:
            async with aclosing(
                self._lines("/api/pull", body, PULL_SILENCE_S)
            ) as lines:
                async for line in lines:
                    if line.error:
                        raise faults.of_pull(model, line.error, self.root, known)
                    if event := layers.feed(line, now()):
                        yield event
        except StreamCut as error:
            why = str(error)
        if not layers.success:
            raise faults.cut(model, why, layers.done, layers.total)

    # --- exchanges ---------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[_T],
        doing: str,
        body: object = None,
        *,
        timeout_s: float = ASK_S,
    ) -> _T:
        data = await self._do(method, path, doing, body, timeout_s=timeout_s)
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"{doing}: {self.root} is no Ollama: {error}") from error

    async def _do(
        self,
        method: str,
        path: str,
        doing: str,
        body: object = None,
        *,
        timeout_s: float = WORK_S,
    ) -> bytes:
        """Return the body of an answer that is 200."""
        try:
            async with asyncio.timeout(timeout_s):
                with await self._open(method, path, body, timeout_s) as reply:
                    data = await reply.read(MAX_ANSWER_BYTES)
        except TimeoutError as error:
            told = f"{doing}: Ollama at {self.root} did not answer in {timeout_s:g} s"
            raise StreamCut(told) from error
        if reply.status != _OK:
            raise _refusal(doing, reply.status, data)
        return data

    async def _lines(
        self, path: str, body: object, idle_s: float
    ) -> AsyncGenerator[PullLine]:
        """Yield the lines of an answer; a refusal is a line with its words.

        Leaving this early closes the connection, which is how Ollama is told to stop.
        """
        with await self._open("POST", path, body, idle_s) as reply:
            if reply.status != _OK:
                data = await reply.read(MAX_ANSWER_BYTES)
                yield PullLine(error=_words(data) or f"status {reply.status}")
                return
            decoder = LineDecoder()
            while data := await reply.receive():
                for line in decoder.feed(data):
                    yield _line(line)
            for line in decoder.finish():
                yield _line(line)

    async def _open(self, method: str, path: str, body: object, idle_s: float) -> Reply:
        headers, data = self._headers, b""
        if body is not None:
            headers = (*headers, ("content-type", "application/json"))
            data = msgspec.json.encode(body)
        url = f"{self.root}{path}"
        return await self.client.open(
            method, url, headers=headers, body=data, idle_s=idle_s
        )


def require_version(version: str, root: str) -> None:
    """Raise ``errors.EngineError`` for a server that is too old for this program."""
    if older(version, LEAST_VERSION):
        least = ".".join(map(str, LEAST_VERSION))
        raise EngineError(
            f"Ollama {version} at {root} is too old: codex-oss needs {least} or newer",
            hint=faults.UPDATE,
        )


def _line(data: bytes) -> PullLine:
    """Return what a line says; one that is not Ollama's says nothing."""
    try:
        return msgspec.json.decode(data, type=PullLine)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return PullLine()


def _words(data: bytes) -> str:
    try:
        said = msgspec.json.decode(data, type=_Said).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    return said or " ".join(data[:_EXCERPT].decode("utf-8", "replace").split())


def _refusal(doing: str, status: int, data: bytes) -> ModelError | EngineError:
    words = _words(data)
    if status == _NOT_FOUND:
        return NotFound(f"{doing}: {words or 'not found'}")
    if status in _REFUSED:
        return EngineError(
            f"{doing} failed: Ollama, or a proxy before it, refuses ({status})"
            + (f": {words}" if words else ""),
            hint="If it wants a key, set `env_key` in [model_providers.ollama] to the "
            "variable that holds it.",
        )
    return faults.of_request(doing, words or f"status {status}")
