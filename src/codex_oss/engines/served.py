"""Servers that we start from their lines and keep in the foreground.

Their output goes to a log; its end is shown when one of them fails.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from io import FileIO
from pathlib import Path

from codex_oss import process
from codex_oss.engines import discover
from codex_oss.engines.base import Loading, Place
from codex_oss.engines.launch import Launch, Line, filled
from codex_oss.errors import EngineError, ModelError
from codex_oss.net import Client

LIST_S = 10.0
"""For what a server that is well says of its models."""
TICK_S = 1.0
"""Between two looks at a server that starts."""
ASK_S = 5.0
"""For the answer to one look."""
READY_LIMIT_S = 2 * 3600.0
"""How long a server may take that lives: it may download a model of 100 GB first."""
GRACE_S = 20.0
"""For the end of a server that is asked to: it frees the GPUs and tells the others."""
LOG_LIMIT = 64 * 1024 * 1024
"""Bytes of a log; what comes later is dropped."""
SHOWN_LINES = 15
"""Of the log's end, in a message."""
_KEPT_BYTES = 16 * 1024
_OK = 200


class Log:
    """Takes the output of all programs of one launch."""

    def __init__(self, path: Path) -> None:
        """Begin the log anew; raises ``EngineError`` where it cannot be written."""
        self.path = path
        self._tail = b""
        self._left = LOG_LIMIT
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: FileIO = path.open("wb", buffering=0)
        except OSError as error:
            raise EngineError(
                f"cannot write the log {path}: {error.strerror}",
                hint="Set CODEX_OSS_HOME to a folder that can be written.",
            ) from error

    def feed(self, data: bytes) -> None:
        """Take output."""
        self._tail = (self._tail + data)[-_KEPT_BYTES:]
        self._left -= len(data)
        if self._left >= 0:
            with contextlib.suppress(OSError):  # a full disk does not stop the server
                self._file.write(data)

    def end(self) -> str:
        """Return its last lines."""
        lines = self._tail.decode("utf-8", "replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-SHOWN_LINES:])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Served:
    """The programs of one machine's lines; the last one is the server itself."""

    def __init__(
        self, lines: Sequence[Line], env: Mapping[str, str], cwd: Path, log: Log
    ) -> None:
        self._lines = lines
        self._env = env
        self._cwd = cwd
        self._log = log
        self._children: list[process.Child] = []
        self._client = Client(env)

    async def need_place(self, launch: Launch) -> None:
        """Raise ``EngineError`` where another server answers already."""
        if await self._is_well(launch.url):
            raise EngineError(
                f"a server answers at {launch.url} already",
                hint="`codex-oss engines` shows which. Another one needs --port.",
            )

    async def start(self) -> None:
        """Start them in their order; raises ``EngineError``."""
        for line in self._lines:
            own = {name: filled(value, self._env) for name, value in line.env}
            argv = [filled(word, self._env) for word in line.argv]
            try:
                child = await process.start(
                    argv,
                    cwd=self._cwd,
                    env={**self._env, **own},
                    on_output=self._log.feed,
                )
            except OSError as error:
                raise EngineError(
                    f"cannot start {line.argv[0]}: {error.strerror or error}",
                    hint="Install it in this environment, or use --print and type the "
                    "line where it is installed.",
                ) from error
            self._children.append(child)

    async def until_ready(self, launch: Launch) -> AsyncGenerator[Loading]:
        """Yield ``Loading`` each second until the server is well.

        Raises ``EngineError`` when it ends instead, or takes ``READY_LIMIT_S``.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await self._is_well(launch.url):
            seconds = loop.time() - began
            self._need_all()
            if seconds > READY_LIMIT_S:
                raise EngineError(
                    f"{self._lines[-1].argv[0]} does not answer at {launch.url} "
                    f"after "
                    f"{seconds / 60:.0f} minutes",
                    hint=f"Its log: {self._log.path}",
                )
            yield Loading(launch.name, seconds)
            await self._pause()

    async def context(self, launch: Launch) -> int | None:
        """Return the tokens of context that the server says it gives."""
        key = filled(f"${launch.key_env}", self._env) if launch.key_env else ""
        place = Place(
            url=launch.url, said_by="started", expected=launch.server, key=key
        )
        found = await discover.identify(self._client, place, timeout_s=LIST_S)
        models = found.models if found else ()
        return next((model.loaded for model in models if model.loaded), None)

    async def _is_well(self, url: str) -> bool:
        """Tell whether ``GET /health`` says so; both servers have it, without a key."""
        try:
            async with asyncio.timeout(ASK_S):
                with await self._client.open("GET", f"{url}/health") as reply:
                    return reply.status == _OK
        except (ModelError, TimeoutError):
            return False

    def _need_all(self) -> None:
        for line, child in zip(self._lines, self._children, strict=True):
            if child.exit_code is not None:
                raise self._ended(line, child.exit_code, " before it was ready")

    def _ended(self, line: Line, code: int, when: str) -> EngineError:
        told = self._log.end()
        return EngineError(
            f"{line.argv[0]} ended with exit code {code}{when}"
            + (f":\n{told}" if told else ""),
            hint=f"The whole log: {self._log.path}",
        )

    async def _pause(self) -> None:
        """Wait a second, or until one of them has ended."""
        ends = [asyncio.ensure_future(child.wait()) for child in self._children]
        await asyncio.wait(ends, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()

    async def wait(self) -> None:
        """Return never; raises ``EngineError`` when the server has ended."""
        code = await self._children[-1].wait()
        raise self._ended(self._lines[-1], code, "")

    async def close(self) -> None:
        """End what still runs, the last first."""
        for child in reversed(self._children):
            await child.kill(GRACE_S)
        await self._client.close()
        self._log.close()
