"""Tables of a configuration file that are written and taken out."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.config.edit_table import drop_table, put_table
from codex_oss.errors import ConfigError

KEY = ("mcp_servers", "a")
FILE = """\
# at the top
model = "m"  # mine

# servers of mine
[mcp_servers.a]
command = "x"  # gone with it
# gone, too
[mcp_servers.a.env]
A = "1"

# about b
[mcp_servers.b]
command = "y"

[tui]
# the end
"""
WITHOUT = """\
# at the top
model = "m"  # mine

# servers of mine
# about b
[mcp_servers.b]
command = "y"

[tui]
# the end
"""
WRITTEN = """
[mcp_servers.a]
command = "npx"
args = ["-y", "a b"]

[mcp_servers.a.env]
K = "v"
"""
TABLE = {"command": "npx", "args": ["-y", "a b"], "env": {"K": "v"}}


def put(path: Path, table: Any = TABLE, key: tuple[str, ...] = KEY) -> str:
    return put_table(path, "file", key, table).after


def drop(path: Path, key: tuple[str, ...] = KEY) -> str | None:
    made = drop_table(path, "file", key)
    return made.after if made else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(FILE)
    return file


def test_a_table_is_taken_out_and_everything_else_stays(path: Path) -> None:
    assert drop(path) == WITHOUT


def test_a_table_is_written_at_the_end_in_place_of_the_one_before(path: Path) -> None:
    assert put(path) == WITHOUT + WRITTEN
    assert put_table(path, "file", KEY, TABLE).line == WITHOUT.count("\n") + 2


def test_a_table_is_written_to_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert put(tmp_path / "none.toml") == WRITTEN[1:]
    assert drop(tmp_path / "none.toml") is None


def test_a_table_that_is_not_there_is_not_taken_out(path: Path) -> None:
    assert drop(path, ("mcp_servers", "none")) is None


def test_the_last_table_is_taken_out(path: Path) -> None:
    path.write_text('model = "m"\n\n[mcp_servers.a]\ncommand = "x"\n')
    assert drop(path) == 'model = "m"\n'


def test_a_name_that_needs_quotes_gets_them(path: Path) -> None:
    after = put(path, {"command": "x"}, ("mcp_servers", "a.b c"))
    assert after.endswith('\n[mcp_servers."a.b c"]\ncommand = "x"\n')
    path.write_text(after)
    assert drop(path, ("mcp_servers", "a.b c")) == FILE


@pytest.mark.parametrize(
    "text",
    [
        'mcp_servers = {a = {command = "x"}}\n',
        'mcp_servers.a.command = "x"\n',
        '[mcp_servers]\na = {command = "x"}\nb = {command = "y"}\n',
    ],
)
def test_what_is_no_table_of_its_own_is_left_to_the_person(
    path: Path, text: str
) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"cannot change \[mcp_servers.a\]"):
        drop(path)
    with pytest.raises(ConfigError, match=r"cannot change \[mcp_servers.a\]"):
        put(path)


NAMES = st.sampled_from(["a", "b", "c.d", "e f", 'g"h', "ä"])
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
ENV = st.dictionaries(NAMES, TEXTS, min_size=1)
TABLES = st.fixed_dictionaries(
    {"command": TEXTS},
    optional={
        "args": st.lists(TEXTS, max_size=2),
        "env": st.dictionaries(NAMES, TEXTS),
    },
)


@given(st.lists(st.tuples(NAMES, TABLES, st.booleans()), max_size=5))
def test_whatever_is_written_and_taken_out_the_file_says_it(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, dict[str, Any], bool]],
) -> None:
    file = tmp_path_factory.mktemp("toml") / "config.toml"
    expected: dict[str, Any] = {}
    for name, table, taken in steps:
        key = ("mcp_servers", name)
        made = drop_table(file, "f", key) if taken else put_table(file, "f", key, table)
        if made is not None:
            file.write_bytes(made.after.encode())
        expected.pop(name, None)
        if not taken:
            expected[name] = table
        text = file.read_bytes().decode() if file.exists() else ""
        assert tomllib.loads(text).get("mcp_servers", {}) == expected
