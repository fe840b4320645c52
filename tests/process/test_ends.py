"""The end of a child, as its threads see it."""

import subprocess
import sys

from codex_oss.process import ends


def test_an_end_that_another_thread_saw_first_is_one() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    ends.await_end(child)
    assert child.returncode == 0
