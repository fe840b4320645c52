"""What a model is told of a file's syntax after an edit.

Only what the edit has done counts: a file that did not parse before is said to have
been so, and nothing is said of formats that nobody here knows.
"""

import asyncio
from collections.abc import Callable
from pathlib import PurePath

from codex_oss.tools.syntax.fault import UNKNOWN, Fault

MAX_BYTES = 512 * 1024
"""Larger files are not checked: Python's parser takes a second for each megabyte."""
LIMIT_S = 5.0
"""How long an edit waits for the answer."""
_SHOWN = 120

Parse = Callable[[str], Fault | None]


async def verdict(path: str, before: bytes | None, after: bytes) -> str:
    """Return one line or two about the syntax of a file; nothing if nobody can say.

    ``before`` is None for a new file.
    """
    if len(after) > MAX_BYTES or len(before or b"") > MAX_BYTES:
        return ""
    asked = asyncio.to_thread(judged, path, before, after)
    try:
        return await asyncio.wait_for(asked, LIMIT_S)
    except TimeoutError:
        return ""


def judged(path: str, before: bytes | None, after: bytes) -> str:
    """Return what ``verdict`` does, without a limit on the time."""
    parse = _parser(path)
    try:
        text = after.decode("utf-8-sig")
        old = before.decode("utf-8-sig") if before is not None else None
    except UnicodeDecodeError:
        return ""
    if parse is None or not text.strip():
        return ""
    now = parse(text)
    if now is None:
        return "Parses: OK"
    if now is UNKNOWN:
        return ""
    was = parse(old) if old is not None and old.strip() else None
    if was is not None and was.errors >= now.errors:
        return f"Does not parse, as before this edit: {_place(now, text)}"
    return f"SYNTAX ERROR ({now.by}): {_place(now, text)}\nMend it now."


def _parser(path: str) -> Parse | None:
    name, suffix = PurePath(path).name.lower(), PurePath(path).suffix.lower()
    if suffix in (".py", ".pyi", ".pyw"):
        from codex_oss.tools.syntax import python  # noqa: PLC0415  `ast` is slow

        return python.fault
    from codex_oss.tools.syntax import data  # noqa: PLC0415  `json`, `tomllib`

    if data.takes_comments(path):
        return data.jsonc_fault
    if suffix in (".json", ".ipynb", ".webmanifest", ".geojson"):
        return data.json_fault
    if suffix in (".jsonl", ".ndjson"):
        return data.lines_fault
    if suffix == ".toml" or name in ("cargo.lock", "poetry.lock", "uv.lock"):
        return data.toml_fault
    from codex_oss.tools.syntax import trees  # noqa: PLC0415  the parser: 10 ms

    return trees.grammar(suffix)


def _place(fault: Fault, text: str) -> str:
    lines = text.split("\n")
    line = lines[fault.line - 1].strip()[:_SHOWN] if fault.line <= len(lines) else ""
    shown = f": {line}" if line else ""
    return f"line {fault.line}, column {fault.column}: {fault.what}{shown}"
