"""The guard: a process that ends a command when this program is gone.

It runs beside every command and does nothing but wait at a pipe whose other end only
we have. (bwrap takes its command down with us as well, but only once it has asked
Linux for that.) It leads a session of its own and wears no mark, so that nothing that
is meant for the command, or for a command that we are part of, meets it. What it does
at the end stands in ``guard.sh``: a shell starts in a tenth of the time that Python
takes.
"""

import contextlib
import os
import subprocess
from pathlib import Path

from codex_oss.process import marks

STRIKE_S = 5.0
"""How long a guard may take to end what it guards."""

_SCRIPT = str(Path(__file__).with_name("guard.sh"))


class Guard:
    """A waiting guard."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    def tell(self, group: int) -> None:
        """Tell which process group the command has got, if it wears no mark."""
        if self._popen.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # something killed the guard
                self._popen.stdin.write(b"%d\n" % group)

    def strike(self) -> None:
        """Have the command ended now."""
        self._close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(STRIKE_S)

    def dismiss(self) -> None:
        """End the guard; what it guards is left alone if it did not strike."""
        self._popen.kill()
        self._popen.wait()
        self._close()

    def _close(self) -> None:
        if self._popen.stdin is not None:
            self._popen.stdin.close()


def post(mark: int) -> Guard | None:
    """Start a guard for a command that will wear ``mark``.

    None when the system has no process left for it: the command runs all the same.
    """
    path = os.pathsep.join(("/usr/bin", "/bin", os.environ.get("PATH", "")))
    with contextlib.suppress(OSError), marks.worn(marks.NONE):
        return Guard(
            subprocess.Popen(
                ("/bin/sh", _SCRIPT, str(mark or "")),
                bufsize=0,
                cwd="/",
                env={"PATH": path, "LC_ALL": "C"},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
    return None
