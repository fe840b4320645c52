"""What a model is told of a file's syntax after an edit.

Only what the edit has done counts: a file that did not parse before is said to have
been so, and nothing is said of formats that nobody here knows.
"""

import asyncio
import os
import sys

from codex_oss.process.aside import asked
from codex_oss.tools.syntax.judging import packed

MAX_BYTES = 512 * 1024
"""Larger files are not checked: Python's parser takes a second for each megabyte."""
LIMIT_S = 10.0
"""How long an edit waits for the answer."""
_CODE = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from codex_oss.tools.syntax.judging import main; main()"
)


async def verdict(path: str, before: bytes | None, after: bytes) -> str:
    """Return one line or two about the syntax of a file; nothing if nobody can say.

    ``before`` is None for a new file.
    """
    if len(after) > MAX_BYTES or len(before or b"") > MAX_BYTES:
        return ""
    folders = [folder for folder in sys.path if os.path.isabs(folder)]  # noqa: PTH117
    argv = (sys.executable, "-I", "-c", _CODE, *folders)
    question = packed(path, before, after)
    told = await asyncio.to_thread(asked, argv, question, env={}, limit_s=LIMIT_S)
    return "" if told is None else told.decode("utf-8", "replace")
