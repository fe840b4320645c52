"""What an MCP server offers, whatever it sends."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.mcp.offer import (
    ANYTHING,
    MAX_DESCRIPTION,
    MAX_TOOLS,
    RemoteTool,
    flat_name,
    read_tools,
)
from mcp_scripted import ODD

NEAR = "a_é "
"""Letters of which names that come near to each other are made."""
OBJECT: dict[str, Any] = {"type": "object", "properties": {}}


def test_a_tool_is_read_with_its_schema_and_what_it_says_of_itself() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    listed = {
        "name": "look",
        "description": " Looks. ",
        "inputSchema": {"$schema": "https://json-schema.org/x", **schema},
        "annotations": {"readOnlyHint": True},
    }
    assert read_tools([listed]) == [
        RemoteTool(name="look", description="Looks.", parameters=schema, read_only=True)
    ]


def test_tools_that_cannot_be_used_are_left_out_and_bad_schemas_take_anything() -> None:
    tools = {tool.name: tool for tool in read_tools(ODD)}
    assert set(tools) == {
        *("a.b", "a/b", "a_b", "x" * 90),
        *("no schema", "a list", "a string", "huge"),
    }
    for name in ("no schema", "a list", "a string", "huge"):
        assert tools[name].parameters == ANYTHING


def test_a_list_without_end_and_a_long_description_are_cut() -> None:
    listed = [
        {"name": f"t{n}", "description": "d" * 9999, "inputSchema": OBJECT}
        for n in range(2000)
    ]
    tools = read_tools(listed)
    assert len(tools) == MAX_TOOLS
    assert {len(tool.description) for tool in tools} == {MAX_DESCRIPTION}


def test_the_same_tools_in_another_order_make_the_same_prompt() -> None:
    listed = [{"name": name, "inputSchema": OBJECT} for name in ("b", "a", "c")]
    assert read_tools(listed) == read_tools(reversed(listed))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=10,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "name": JSON,
        "description": JSON,
        "inputSchema": JSON,
        "annotations": JSON,
    },
)


@given(st.lists(JSON | ENTRY, max_size=5))
def test_nothing_that_a_server_lists_breaks_the_reading(listed: list[Any]) -> None:
    for tool in read_tools(listed):
        assert tool.parameters["type"] == "object"
        assert isinstance(tool.parameters["properties"], dict)
        msgspec.json.encode(tool.parameters)


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), max_size=20))
def test_names_can_be_called_and_are_all_different(
    pairs: list[tuple[str, str]],
) -> None:
    taken: list[str] = []
    for server, tool in pairs:
        name = flat_name(server, tool, taken)
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        assert name not in taken
        taken.append(name)


def test_a_name_is_flat_and_long_ones_are_cut() -> None:
    assert flat_name("github", "make.issue", ()) == "mcp__github__make_issue"
    name = flat_name("a", "x" * 90, ())
    assert name == f"mcp__a__{'x' * 47}_{name[-8:]}"
    assert name != flat_name("a", "x" * 91, ())


@pytest.mark.parametrize(
    ("server", "tool", "others", "name"),
    [
        ("a__b", "c", "mcp__a__b__c", "mcp__a_b_"),
        ("a_", "b", "mcp__a___b", "mcp__a_"),
        ("a b", "c", "mcp__a_b__c", "mcp__a_b_"),
        ("s" * 60, "c", f"mcp__{'s' * 49}__c", f"mcp__{'s' * 31}_"),
    ],
    ids=["inner", "end", "space", "long"],
)
def test_no_server_takes_a_name_away_from_another(
    server: str, tool: str, others: str, name: str
) -> None:
    mine = flat_name(server, tool, ())
    assert re.fullmatch(f"{name}[0-9a-f]{{8}}__{tool}", mine)
    assert mine != others
    assert flat_name(server, tool, [others]) == mine


@given(*[st.text(NEAR, max_size=6)] * 4)
def test_the_names_of_two_servers_are_never_the_same(
    one: str, tool: str, two: str, other: str
) -> None:
    if one != two:
        assert flat_name(one, tool, ()) != flat_name(two, other, ())
