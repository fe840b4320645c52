"""House rules on the maps: what the design's pages name is what the code has."""

import configparser
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

from codex_oss import errors

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "codex_oss"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
AGENTS = (ROOT / "AGENTS.md").read_text()

Layers = list[frozenset[str]]


def enforced() -> Layers:
    """Return the layers that the gate enforces, the highest first."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    rows = contracts["importlinter:contract:layers"]["layers"].split("\n")
    return [names(row) for row in rows if row and row != "__main__"]


def names(row: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", row))


def drawn() -> Layers:
    """Return the layers of the picture; a row that begins with `|` goes on."""
    picture = ARCHITECTURE.partition("## Layers")[2].partition("```text\n")[2]
    rows: list[str] = []
    for line in picture.partition("```")[0].splitlines():
        left = line[:34].strip()  # what a layer is for stands behind that
        if left.startswith("|"):
            rows[-1] += left
        elif left:
            rows.append(left)
    return [names(row) for row in rows]


def mapped() -> Layers:
    """Return the layers of the map for people in a hurry."""
    line = AGENTS.partition("src/codex_oss/ ")[2].partition("(imports")[0]
    return [names(row) for row in line.split(">")]


def test_the_layers_in_the_picture_and_on_the_map_are_the_enforced_ones() -> None:
    assert drawn() == enforced()
    assert mapped() == enforced()


def test_layers_on_one_line_do_not_know_each_other() -> None:
    text = (ROOT / ".importlinter").read_text()
    layers = text.partition("layers =")[2].partition("[importlinter")[0]
    assert " : " not in layers


# --- names ----------------------------------------------------------------------------

PLACEHOLDER = re.compile(r"\bx\b|\*")


def spans(page: str) -> set[str]:
    """Return what stands in backticks, without that of blocks."""
    text = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", text))


def exists(name: str) -> bool:
    """Return whether a dotted name is a module of ours, or something in one."""
    found: object = import_module("codex_oss")
    for part in name.split("."):
        if not hasattr(found, part) and inspect.ismodule(found):
            try:
                import_module(f"{found.__name__}.{part}")
            except ModuleNotFoundError:
                return False
        found = getattr(found, part, None)
        if found is None:
            return False
    return True


@pytest.mark.parametrize("page", [ARCHITECTURE, AGENTS], ids=["architecture", "AGENTS"])
def test_a_module_that_is_named_exists(page: str) -> None:
    packages = {path.stem for path in SRC.iterdir() if path.suffix in ("", ".py")}
    dotted = {
        span
        for span in spans(page)
        if re.fullmatch(r"[a-z_]+(\.[A-Za-z_]+)+", span)
        if span.partition(".")[0] in packages and not PLACEHOLDER.search(span)
        if not (SRC / span).exists() and not (ROOT / span).exists()
    }
    assert {name for name in dotted if not exists(name)} == set()


@pytest.mark.parametrize("page", [ARCHITECTURE, AGENTS], ids=["architecture", "AGENTS"])
def test_a_file_that_is_named_exists(page: str) -> None:
    paths = {
        span
        for span in spans(page)
        if re.fullmatch(r"[\w./-]+/[\w.-]*\.\w+", span) and not PLACEHOLDER.search(span)
    }
    missing = {
        path for path in paths if not ((SRC / path).exists() or (ROOT / path).exists())
    }
    assert missing == set()


# --- errors ---------------------------------------------------------------------------


def test_the_tree_of_errors_has_all_of_them() -> None:
    classes = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.CodexOssError)
        if value.__base__ is not None
    }
    assert tree(errors.__doc__ or "") == classes


def tree(text: str) -> dict[str, str]:
    """Return the names in a drawn tree, each with what it hangs on."""
    above: dict[int, str] = {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        drawn = re.match(r"    ((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)  ", line)
        if drawn is None:
            continue
        depth = len(drawn[1]) // 4 + ("── " in line)
        above[depth] = drawn[2]
        found[drawn[2]] = above[depth - 1] if depth else "Exception"
    return found
