"""What a model is told of a file's syntax after an edit.

Only what the edit has done counts: a file that did not parse before is said to have
been so, and nothing is said of formats that nobody here knows.
"""

import asyncio

from codex_oss.process.aside import asked, of_ours
from codex_oss.tools.syntax import judging

MAX_BYTES = 512 * 1024
"""Larger files are not checked: Python's parser takes a second for each megabyte."""
LIMIT_S = 10.0
"""How long an edit waits for the answer."""


async def verdict(path: str, before: bytes | None, after: bytes) -> str:
    """Return one line or two about the syntax of a file; nothing if nobody can say.

    ``before`` is None for a new file.
    """
    if len(after) > MAX_BYTES or len(before or b"") > MAX_BYTES:
        return ""
    argv, question = of_ours(judging.__name__), judging.packed(path, before, after)
    told = await asyncio.to_thread(asked, argv, question, env={}, limit_s=LIMIT_S)
    return "" if told is None else told.decode("utf-8", "replace")
