"""The judgement on one file's syntax, and the program that makes it.

Parsers are given whatever models write. Some of tree-sitter's grammars end the process
for it (a hundred kilobytes of ``- `` as YAML), so it is made in a process of its own.
"""

import resource
import sys
from collections.abc import Callable
from pathlib import PurePath

from codex_oss.tools.syntax.doubts import in_another_language, unless_template
from codex_oss.tools.syntax.fault import UNKNOWN, Fault

CPU_S = 4
MEMORY_BYTES = 2 * 1024**3
_SHOWN = 120
_NONE = -1

Parse = Callable[[str], Fault | None]


def packed(path: str, before: bytes | None, after: bytes) -> bytes:
    """Return a question as ``main`` reads it."""
    name = path.encode("utf-8", "surrogateescape")
    size = _NONE if before is None else len(before)
    return b"%d %d\n" % (len(name), size) + name + (before or b"") + after


def main() -> None:
    """Read a question from stdin and write the answer, within limits of our own."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    if sys.platform == "linux":  # elsewhere what is shared counts too
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    head, _, rest = sys.stdin.buffer.read().partition(b"\n")
    of_name, of_before = map(int, head.split())
    name = rest[:of_name].decode("utf-8", "surrogateescape")
    rest = rest[of_name:]
    before = None if of_before == _NONE else rest[:of_before]
    answer = judged(name, before, rest[max(of_before, 0) :])
    sys.stdout.buffer.write(answer.encode("utf-8", "replace"))


def judged(path: str, before: bytes | None, after: bytes) -> str:
    """Return what ``check.verdict`` does, in this process and without limits."""
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
    if now is UNKNOWN or in_another_language(path, text):
        return ""
    was = parse(old) if old is not None and old.strip() else None
    if was is not None and was.errors >= now.errors:
        return f"Does not parse, as before this edit: {_place(now, text)}"
    if unless := now.unless or unless_template(path, text):
        return f"Does not parse ({now.by}): {_place(now, text)}\n{unless}"
    return f"SYNTAX ERROR ({now.by}): {_place(now, text)}\nMend it now."


def _parser(path: str) -> Parse | None:
    name, suffix = PurePath(path).name.lower(), PurePath(path).suffix.lower()
    if suffix in (".py", ".pyi", ".pyw"):
        from codex_oss.tools.syntax import python  # noqa: PLC0415  `ast` is slow

        return python.fault
    from codex_oss.tools.syntax import data  # noqa: PLC0415  `json`, `tomllib`

    if data.takes_comments(path):
        return data.jsonc_fault
    if suffix == ".json" and name not in data.NEVER_WITH_COMMENTS:
        return data.loose_fault
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
