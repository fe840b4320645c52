"""Where the prompt of ``exec`` comes from: the argument, stdin, or both."""

import asyncio
import io
import os
import select
from typing import TextIO

from codex_oss.errors import CodexOssError

_BEFORE_IMAGES = (
    "If it was an argument: `-i` takes all words behind it; write it before them."
)
CHUNK_BYTES = 64 * 1024
"""Of a pipe, at a time."""


class Prompt:
    """The prompt, as Codex's ``exec`` puts it together.

    ``-`` and no argument read stdin. With an argument, piped stdin is read to its end
    and appended inside ``<stdin>``; a terminal is left alone. What another program
    still writes can be waited for while other work goes on.
    """

    def __init__(self, given: str | None, stdin: TextIO, err: TextIO) -> None:
        """Tell ``err`` what is read; raise ``CodexOssError`` if there is no prompt."""
        if given is not None and not _is_text(given):
            raise CodexOssError("the prompt is not UTF-8 text")
        self._typed = stdin.isatty()
        if given is None and self._typed:
            raise CodexOssError(
                "No prompt provided. Either specify one as an argument or pipe the "
                "prompt into stdin."
            )
        self._given = given
        self._stdin = stdin
        self._bytes = bytearray()
        self._over = False
        if given is None:
            err.write("Reading prompt from stdin...\n")
        elif given != "-" and not self._typed:
            err.write("Reading additional input from stdin...\n")

    def begun(self) -> str | None:
        """Return the prompt if it is there; None: another program still writes it."""
        if self._typed:
            alone = self._given != "-"
            return self._whole("" if alone else read_text(self._stdin))
        fd = self._stdin.fileno()
        while not self._over and select.select([fd], [], [], 0)[0]:
            self._take(fd)
        return self._decoded() if self._over else None

    async def rest(self) -> str:
        """Return the prompt when all of it is there."""
        fd, loop = self._stdin.fileno(), asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        def take() -> None:
            self._take(fd)
            if self._over and not over.done():
                over.set_result(None)

        loop.add_reader(fd, take)
        try:
            await over
        finally:
            loop.remove_reader(fd)
        return self._decoded()

    def _take(self, fd: int) -> None:
        data = os.read(fd, CHUNK_BYTES)
        self._bytes += data
        self._over = not data

    def _decoded(self) -> str:
        data = io.BytesIO(self._bytes)
        return self._whole(read_text(io.TextIOWrapper(data, encoding="utf-8")))

    def _whole(self, text: str) -> str:
        given = self._given
        if given in (None, "-"):
            if not text.strip():
                raise CodexOssError(
                    "No prompt provided via stdin.",
                    hint="" if given else _BEFORE_IMAGES,
                )
            return text
        if not text:
            return given
        end = "" if text.endswith("\n") else "\n"
        return f"{given}\n\n<stdin>\n{text}{end}</stdin>"


def read_text(stdin: TextIO) -> str:
    """Return all of a text; raises ``CodexOssError`` for what is none."""
    try:
        return stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise CodexOssError(f"stdin is not UTF-8 text: {error.reason}") from error


def _is_text(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True
