"""Other languages, by tree-sitter's grammars, as far as their wheels are installed.

A grammar for editors is more easily satisfied than a compiler, and sometimes calls
wrong what is right. So it is only believed when an edit has made more errors.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from tree_sitter import Language, Node, Parser, Point

from codex_oss.tools.syntax.doubts import unless_macro
from codex_oss.tools.syntax.fault import UNKNOWN, Fault

MAX_STEPS = 3000
"""Of the parser, each some hundred operations: half a second."""
MAX_NODES = 20_000
"""Looked at to count errors; more errors than that are no matter."""
CHUNK_BYTES = 64 * 1024
_SHOWN = 40
_AT_END = "something here, or in a line beside, does not fit what stands above"

GRAMMARS: dict[str, tuple[str, str]] = {
    ".sh": ("tree_sitter_bash", "language"),
    ".bash": ("tree_sitter_bash", "language"),
    ".c": ("tree_sitter_c", "language"),
    ".go": ("tree_sitter_go", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".js": ("tree_sitter_javascript", "language"),
    ".mjs": ("tree_sitter_javascript", "language"),
    ".cjs": ("tree_sitter_javascript", "language"),
    ".jsx": ("tree_sitter_javascript", "language"),
    ".rs": ("tree_sitter_rust", "language"),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".mts": ("tree_sitter_typescript", "language_typescript"),
    ".cts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".yaml": ("tree_sitter_yaml", "language"),
    ".yml": ("tree_sitter_yaml", "language"),
}
"""A file's suffix, and the module and function of its grammar."""


def grammar(suffix: str) -> Callable[[str], Fault | None] | None:
    """Return what checks files with ``suffix``; None where no grammar is installed."""
    named = GRAMMARS.get(suffix)
    if named is None:
        return None
    module, function = named
    try:
        language = Language(cast("object", getattr(import_module(module), function)()))
    except (ImportError, AttributeError, ValueError):  # absent, or of another version
        return None
    name = module.removeprefix("tree_sitter_")
    return lambda text: _fault(text, language, name)


def _fault(text: str, language: Language, name: str) -> Fault | None:
    source = text.encode()
    root = _parsed(source, language)
    if root is None:
        return UNKNOWN
    found = _errors(root) if root.has_error else []
    if not found:
        return None
    first = found[0]
    row, column = first.start_point
    by = f"tree-sitter's {name} grammar"
    last = first.end_point.row
    if name == "yaml" and first.is_error and last > row:
        # This grammar gives up where it is wrong, with all that it has read so far.
        return Fault(last + 1, 1, _AT_END, by, len(found))
    line = source.split(b"\n")[row] if source else b""
    before = line[:column].decode("utf-8", "replace")
    if first.is_missing:
        what = f"{first.type} is missing"
    elif first.end_point.row > row:
        what = f"something from here to line {first.end_point.row + 1} does not fit"
    else:
        shown = source[first.start_byte : first.end_byte].decode("utf-8", "replace")
        what = f"unexpected {shown.strip()[:_SHOWN]!r}"
    unless = unless_macro(text) if name == "c" else ""
    return Fault(row + 1, len(before) + 1, what, by, len(found), unless)


def _parsed(source: bytes, language: Language) -> Node | None:
    steps = MAX_STEPS

    def take(at: int, _: Point) -> bytes:
        return source[at : at + CHUNK_BYTES]

    def too_long(_at: int, _error: bool) -> bool:  # noqa: FBT001  by position
        nonlocal steps
        steps -= 1
        return steps < 0

    try:
        tree = Parser(language).parse(take, progress_callback=cast("Any", too_long))
    except ValueError:  # stopped by `too_long`
        return None
    return tree.root_node


def _errors(root: Node) -> list[Node]:
    """Return the nodes that are wrong or missing, in the order of the text."""
    found: list[Node] = []
    waiting = [root]
    for _ in range(MAX_NODES):
        if not waiting:
            break
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append(node)
        elif node.has_error:
            waiting += reversed(node.children)
    return found
