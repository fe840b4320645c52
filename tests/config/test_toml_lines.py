"""On which line of a file a key stands."""

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.config.keys import dotted
from codex_oss.config.toml import key_lines, parse
from codex_oss.config.tree import leaves

FILE = '''\
model = "a"  # model_provider = "b"
instructions = """
model_verbosity = "low"
[history]
"""
notify = [
  "model = 3",
  "[x]",
]
history = { persistence = "none", max_bytes = 3 }
projects."/a.b".trust_level = "trusted"

  [ sandbox_workspace_write ]
  writable_roots = ["/x"]
[mcp_servers."x.y".env]
'A B' = "c"
[[hooks]]
name = "one"
[[hooks]]
name = "two"
'''


STRINGS = '''\
a = "\'\'\'"  # """
b = [ """
c = 1
d = \\"""
e = 1""", \'\'\'
f = 1 \'\'\', """x"""
]
g = """ "quoted" """"
h = "\\"\\"" # \'\'\'
i = 1
'''


def test_what_a_string_over_lines_contains_is_no_key() -> None:
    tomllib.loads(STRINGS)
    assert key_lines(STRINGS) == {
        ("a",): 1,
        ("b",): 2,
        ("g",): 8,
        ("h",): 9,
        ("i",): 10,
    }


def test_every_leaf_has_the_line_of_its_key_or_of_its_inline_table() -> None:
    tree = parse(FILE, Path("/c"), "c")
    assert {dotted(key): found.origin for key, found in leaves(tree)} == {
        "model": "c:1",
        "instructions": "c:2",
        "notify": "c:6",
        "history.persistence": "c:10",
        "history.max_bytes": "c:10",
        'projects."/a.b".trust_level': "c:11",
        "sandbox_workspace_write.writable_roots": "c:14",
        'mcp_servers."x.y".env."A B"': "c:16",
        "hooks": "c:17",
    }


@given(st.dictionaries(st.text(min_size=1), st.integers(), min_size=1))
def test_lines_are_found_for_keys_of_any_spelling(table: dict[str, int]) -> None:
    text = "".join(f"{dotted((key,))} = {value}\n" for key, value in table.items())
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # TOML forbids characters that JSON writes as they are
    lines = enumerate(table, 1)
    assert key_lines(text) == {(key,): number for number, key in lines}
