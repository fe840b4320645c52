"""The end of a child: announced, looked at, and its number kept from others."""

import contextlib
import os
import subprocess


def announce_end(pid: int) -> int | None:
    """Return a descriptor that is readable once ``pid`` has ended, if there is one."""
    with contextlib.suppress(AttributeError, OSError):
        # Linux 5.3; other systems lack it and some containers refuse it.
        return os.pidfd_open(pid)
    return None


def has_ended(popen: subprocess.Popen[bytes]) -> bool:
    """Return whether a child has ended, and keep its number reserved if possible."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return popen.poll() is not None
    flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
    return os.waitid(os.P_PID, popen.pid, flags) is not None


def await_end(popen: subprocess.Popen[bytes]) -> None:
    """Wait until a child has ended, and keep its number reserved if possible."""
    if hasattr(os, "waitid"):
        with contextlib.suppress(ChildProcessError):  # another thread was quicker
            os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    else:
        popen.wait()
