"""A question to a small program, mostly our own: bytes in, bytes out, and it ends.

For work that must not be able to end or hold up this process, such as parsers in C that
are given anything.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from {} import main; main()"


def of_ours(module: str) -> tuple[str, ...]:
    """Return what runs ``main`` of a module of ours, with our path and no other."""
    folders = [folder for folder in sys.path if os.path.isabs(folder)]  # noqa: PTH117
    return sys.executable, "-I", "-c", _MAIN.format(module), *folders


def asked(
    argv: Sequence[str], given: bytes, *, env: Mapping[str, str], limit_s: float
) -> bytes | None:
    """Return what a program prints that reads ``given``; blocks for some seconds.

    None when it cannot be started, fails, crashes or takes longer; it is ended then.
    """
    try:
        done = subprocess.run(
            argv,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=dict(env),
            timeout=limit_s,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def ran(argv: Sequence[str], *, limit_s: float) -> tuple[int, str]:
    """Run a program of the system's; return its exit code and what it said, or why.

    1 stands for one that cannot be started or takes longer.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 1, str(error)
    said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
    return done.returncode, said or f"exit code {done.returncode}"
