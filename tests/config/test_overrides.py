"""``-c key=value``: how a key and a value are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.config.keys import dotted, read_key
from codex_oss.config.overrides import parse_override
from codex_oss.config.tree import plain
from codex_oss.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model=o3", {"model": "o3"}),
        ('model="o3"', {"model": "o3"}),
        ("model='o3'", {"model": "o3"}),
        (" model = o3 ", {"model": "o3"}),
        ("model=", {"model": ""}),
        ("model=a=b", {"model": "a=b"}),
        ("model=qwen3:8b", {"model": "qwen3:8b"}),
        ("model=3", {"model": 3}),
        ("a=true", {"a": True}),
        ("a=1.5", {"a": 1.5}),
        ("a=[1, 2]", {"a": [1, 2]}),
        ("a=[x, y]", {"a": "[x, y]"}),
        ('a={b = {c = "d"}}', {"a": {"b": {"c": "d"}}}),
        ("a={}", {"a": {}}),
        ("a.b.c=1", {"a": {"b": {"c": 1}}}),
        (
            'projects."/x/a.b".trust_level=trusted',
            {"projects": {"/x/a.b": {"trust_level": "trusted"}}},
        ),
        (
            "projects.'/x/a.b'.trust_level=trusted",
            {"projects": {"/x/a.b": {"trust_level": "trusted"}}},
        ),
        (
            "projects./x.trust_level=trusted",
            {"projects": {"/x": {"trust_level": "trusted"}}},
        ),
        ('a."b\\"c"=1', {"a": {'b"c': 1}}),
        ("instructions=1\nmodel = 2", {"instructions": "1\nmodel = 2"}),
    ],
)
def test_an_override_is_a_key_and_a_toml_value_or_text(
    text: str, expected: dict[str, Any]
) -> None:
    assert plain(parse_override(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "Error parsing -c overrides: Invalid override (missing '='): foo"),
        ("=foo", "Error parsing -c overrides: Empty key in override: =foo"),
        (" =foo", "Error parsing -c overrides: Empty key in override:  =foo"),
        ("a..b=1", "Error parsing -c overrides: Invalid key in override: a..b=1"),
        (".a=1", "Error parsing -c overrides: Invalid key in override: .a=1"),
        ("a b=1", "Error parsing -c overrides: Invalid key in override: a b=1"),
        ('"a=1', 'Error parsing -c overrides: Invalid key in override: "a=1'),
        ('"\\q"=1', 'Error parsing -c overrides: Invalid key in override: "\\q"=1'),
    ],
)
def test_what_is_no_override_is_refused_in_codexs_words(
    text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_override(text)
    assert (str(caught.value), caught.value.exit_code) == (message, 1)


@given(st.lists(st.text(), min_size=1).map(tuple))
def test_a_key_that_is_written_is_read_again(key: tuple[str, ...]) -> None:
    assert read_key(dotted(key)) == (key, "")


@given(st.text())
def test_reading_a_key_never_fails(text: str) -> None:
    found = read_key(text)
    assert found is None or text.endswith(found[1])
