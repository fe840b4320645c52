"""House rules on files: their size, and a first line that says what they are."""

import ast
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src" / "codex_oss"
MAX_LINES = 400

TEXTS = {
    path.relative_to(SRC).as_posix(): path.read_text()
    for path in sorted(SRC.rglob("*.py"))
}


def test_a_module_fits_in_400_lines_or_becomes_a_package() -> None:
    lines = {name: len(text.splitlines()) for name, text in TEXTS.items()}
    assert {name: n for name, n in lines.items() if n > MAX_LINES} == {}


def test_a_module_says_on_its_first_line_what_it_is() -> None:
    silent = [
        name
        for name, text in TEXTS.items()
        # A package that is no more than a folder has an empty table of contents.
        if text or not name.endswith("__init__.py")
        if not says_what_it_is(text)
    ]
    assert silent == []


def says_what_it_is(text: str) -> bool:
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return text.startswith(('"""', 'r"""')) and len(first.split()) > 1
