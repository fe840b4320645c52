"""A program that is talked to on its stdin and stdout, such as an MCP server."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

SAID = 2048
"""Bytes of the end of stderr that are kept."""
GRACE_S = 1.0
"""For the end after stdin is closed, and again after SIGTERM; SIGKILL follows."""


async def start_piped(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit: int
) -> "Piped":
    """Start a program in a session of its own; raises ``OSError``.

    ``limit`` is the most bytes of a line. It sees its stdin closed when this program
    is gone, by which such programs end.
    """
    if any("\0" in word for word in argv):
        raise OSError("a word of the command holds a null byte")
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=limit,
    )
    return Piped(process)


class Piped:
    """A running program. Made by ``start_piped``; ``end`` must be called."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = b""
        self._hearing = asyncio.create_task(self._hear())

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Yield each line of stdout; raises ``ValueError`` for one that is too long."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            yield line

    async def write(self, data: bytes) -> None:
        """Write to stdin; raises ``OSError`` when the program reads no more."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(data)
        await stdin.drain()

    async def code(self) -> int | None:
        """Return the exit code of a program that closed its stdout; None: it runs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._hearing
                await self._process.wait()
        return self._process.returncode

    def said(self) -> str:
        """Return the end of what it said on stderr, as one line."""
        return " ".join(self._said.decode(errors="replace").split())

    async def end(self) -> None:
        """End the program and what it started in its process group."""
        process = self._process
        assert process.stdin is not None
        process.stdin.close()
        draining = asyncio.create_task(self._drain())
        try:
            for number in (None, signal.SIGTERM, signal.SIGKILL):
                if number is not None:
                    self._signal(number)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_S):
                        await process.wait()
                        break
        finally:
            self._signal(signal.SIGKILL)
            self._hearing.cancel()
            draining.cancel()
            await asyncio.gather(self._hearing, draining, return_exceptions=True)
            _close(process)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _hear(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(SAID):
            self._said = (self._said + data)[-SAID:]

    async def _drain(self) -> None:
        """Let it write what it still wants to write before it ends."""
        assert self._process.stdout is not None
        while await self._process.stdout.read(1 << 16):
            pass


def _close(process: asyncio.subprocess.Process) -> None:
    """Close the pipes, which a descendant in another session may hold open."""
    transport = getattr(process, "_transport", None)
    if isinstance(transport, asyncio.SubprocessTransport):
        transport.close()
