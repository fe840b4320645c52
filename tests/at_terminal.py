"""Programs at a terminal whose screen is read and whose keys are pressed by a test."""

import codecs
import os
import re
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

TIMEOUT_S = 180.0
LOOK_S = 0.5
"""How often to look whether the program still runs."""
ROWS, COLUMNS = 60, 200
# The first terminal that the leader of a session opens becomes the session's own.
_TAKE = 'exec 3<>"$1"; shift; exec "$@"'
_TAKE_ALL = 'exec <>"$1" 1>&0 2>&0; shift; exec "$@"'
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BEGUN = re.compile(r"\x1b(?:\[[0-9;?]*)?$")
"""The begin of a control whose end is still to be read."""


class AtTerminal:
    """A program in a session of its own, with a terminal.

    ``streams`` makes the terminal its standard streams too; else standard input is
    empty, and output and error are kept together for ``end``.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        streams: bool = False,
    ) -> None:
        self._ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
        wrapped = ("/bin/sh", "-c", _TAKE_ALL if streams else _TAKE, "sh")
        try:
            self.popen = subprocess.Popen(
                (*wrapped, os.ttyname(theirs), *argv),
                cwd=cwd,
                env=dict(env),
                stdin=theirs if streams else subprocess.DEVNULL,
                stdout=theirs if streams else subprocess.PIPE,
                stderr=theirs if streams else subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            os.close(self._ours)
            os.close(theirs)
            raise
        # Without anybody at it, a terminal ends: the program opens its own later.
        self._theirs = theirs
        self.screen: str = ""
        self._begun: str = ""
        # What is read at once may end anywhere, in a letter and in a control as well.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.popen.kill()
        self.popen.wait()
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        os.close(self._ours)
        os.close(self._theirs)

    def sees(self, text: str) -> str:
        """Wait until the screen shows ``text`` anew; return what it showed before."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.screen:
            ready = select.select([self._ours], [], [], LOOK_S)[0]
            if ready:
                self._show(self._decoder.decode(os.read(self._ours, 65536)))
            elif self.popen.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no {text!r} on the screen: {self.screen!r}")
        before, _, self.screen = self.screen.partition(text)
        return before

    def _show(self, text: str) -> None:
        """Add what was read to the screen, without its controls."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        end = begun.start() if begun else len(text)
        self._begun = text[end:]
        self.screen += _CONTROLS.sub("", text[:end])

    def press(self, keys: str) -> None:
        """Type; ``\\x03`` is Ctrl-C."""
        os.write(self._ours, keys.encode())

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and the output that was kept."""
        output = self.popen.stdout.read() if self.popen.stdout is not None else b""
        return self.popen.wait(TIMEOUT_S), output.decode()
