"""A program that is talked to on its stdin and stdout, such as an MCP server.

Like a command (see ``child``) it wears a mark and has a guard beside it: whatever it
started ends with it, and it ends with us, also when we are killed and it takes no
notice of its stdin.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import IO

from codex_oss.process import ends, guard, marks, signals

SAID = 2048
"""Bytes of the end of stderr that are kept."""
GRACE_S = 1.0
"""For the end after stdin is closed, and again after SIGTERM; SIGKILL follows."""


async def start_piped(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit: int
) -> "Piped":
    """Start a program in a session of its own; raises ``OSError``.

    ``limit`` is the most bytes of a line.
    """
    if any("\0" in word for word in argv):
        raise OSError("a word of the command holds a null byte")
    mark = marks.new()
    # Before the program, so that we can be killed at any moment.
    keeper = guard.post(mark)
    since = time.monotonic()
    try:
        popen = _open(argv, cwd, env, mark)
    except BaseException:
        if keeper is not None:
            keeper.dismiss()
        raise
    if keeper is not None and mark == marks.NONE:
        keeper.tell(popen.pid)
    piped = Piped(popen, keeper, mark, since)
    try:
        await piped.begin(limit)
    except BaseException:
        piped.kill()
        raise
    return piped


def _open(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], mark: int
) -> subprocess.Popen[bytes]:
    with marks.worn(mark) if mark else contextlib.nullcontext():
        return subprocess.Popen(
            argv,
            bufsize=0,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


class Piped:
    """A running program. Made by ``start_piped``; ``end`` must be called."""

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        keeper: guard.Guard | None,
        mark: int,
        since: float,
    ) -> None:
        self._popen = popen
        self._guard = keeper
        self._mark = mark
        self._since = popen.pid, since
        self._said = b""
        self._ended = asyncio.Event()
        self._transports: list[asyncio.BaseTransport] = []
        self._loop = asyncio.get_running_loop()
        # asyncio's own subprocesses are started where no mark can be put on.
        threading.Thread(target=self._await_end, name="piped", daemon=True).start()

    async def begin(self, limit: int) -> None:
        """Open the pipes."""
        popen = self._popen
        assert popen.stdin is not None
        assert popen.stdout is not None
        assert popen.stderr is not None
        self._stdout = await self._reader(popen.stdout, limit)
        self._stderr = await self._reader(popen.stderr, limit)
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        transport, _ = await self._loop.connect_write_pipe(
            lambda: protocol, popen.stdin
        )
        self._transports.append(transport)
        self._stdin = asyncio.StreamWriter(transport, protocol, None, self._loop)
        self._hearing = asyncio.create_task(self._hear())

    async def _reader(self, pipe: IO[bytes], limit: int) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=limit)
        transport, _ = await self._loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        self._transports.append(transport)
        return reader

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Yield each line of stdout; raises ``ValueError`` for one that is too long."""
        while line := await self._stdout.readline():
            yield line

    async def write(self, data: bytes) -> None:
        """Write to stdin; raises ``OSError`` when the program reads no more."""
        self._stdin.write(data)
        await self._stdin.drain()

    async def code(self) -> int | None:
        """Return the exit code of a program that closed its stdout; None: it runs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._hearing
                await self._ended.wait()
                return _exit_code(self._popen)
        return None

    def said(self) -> str:
        """Return the end of what it said on stderr, as one line."""
        return " ".join(self._said.decode(errors="replace").split())

    async def end(self) -> None:
        """End the program and what it started."""
        self._stdin.close()
        draining = asyncio.create_task(self._drain())
        try:
            for number in (None, signal.SIGTERM):
                if number is not None:
                    signals.to_group(self._popen.pid, number)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_S):
                        await self._ended.wait()
                        break
        finally:
            self._hearing.cancel()
            draining.cancel()
            await asyncio.shield(asyncio.to_thread(self._end_rest))
            await asyncio.gather(self._hearing, draining, return_exceptions=True)
            self._close()

    def kill(self) -> None:
        """End it by force."""
        self._end_rest()
        self._close()

    def _close(self) -> None:
        """Close the pipes, which somebody beyond our reach may hold open."""
        for transport in self._transports:
            waits = isinstance(transport, asyncio.WriteTransport)
            if waits and transport.get_write_buffer_size():
                transport.abort()
            elif not transport.is_closing():
                transport.close()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            assert pipe is not None
            pipe.close()

    def _end_rest(self) -> None:
        """End by force what is left, within about ``marks.KILL_S``."""
        signals.to_group(self._popen.pid, signal.SIGKILL)
        marks.kill(self._mark, since=self._since)
        if self._guard is not None:
            if self._mark == marks.NONE:
                self._guard.strike()
            self._guard.dismiss()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(marks.KILL_S)

    def _await_end(self) -> None:
        ends.await_end(self._popen)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._ended.set)

    async def _hear(self) -> None:
        while data := await self._stderr.read(SAID):
            self._said = (self._said + data)[-SAID:]

    async def _drain(self) -> None:
        """Let it write what it still wants to write before it ends."""
        while await self._stdout.read(1 << 16):
            pass


def _exit_code(popen: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of an ended child, and keep its number reserved if possible.

    The number is that of its group, which is still to be ended.
    """
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return popen.poll()
    seen = os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if seen is None:
        return None
    return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status
