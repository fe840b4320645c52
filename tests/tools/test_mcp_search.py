"""Many tools of MCP servers: names, and a search."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import ToolError
from codex_oss.items import Call
from codex_oss.ports import Output, Scope
from codex_oss.tools.mcp_search import names_within, search, too_many
from codex_oss.wire.responses import FunctionTool


class Named:
    """A tool that is only looked at."""

    def __init__(self, name: str, description: str) -> None:
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        self.spec = FunctionTool(
            name=name, description=description, strict=False, parameters=schema
        )

    async def run(self, call: Call, scope: Scope) -> Output:
        raise ToolError("it is only looked at")

    def end_turn(self, scope: Scope) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""


TOOLS = {
    name: Named(name, description)
    for name, description in (
        ("mcp__git__create_issue", "Opens an issue."),
        ("mcp__git__list_issues", "Lists open issues of a repository."),
        ("mcp__db__query", "Runs SQL against the database."),
    )
}


def found(query: str) -> list[str]:
    return [spec.name for spec in search(query, TOOLS)]


def test_words_in_names_count_more_than_those_in_descriptions() -> None:
    assert found("list issues") == ["mcp__git__list_issues", "mcp__git__create_issue"]
    assert found("database") == ["mcp__db__query"]
    assert found("SQL!") == ["mcp__db__query"]
    assert found("weather") == []
    assert found("") == []


def test_a_whole_name_finds_that_tool_alone() -> None:
    assert found("mcp__git__create_issue") == ["mcp__git__create_issue"]


def test_names_are_listed_by_server_as_far_as_they_fit() -> None:
    groups = {"git": ["create", "list"], "db": ["query"]}
    assert names_within(groups, 900) == "git: create, list; db: query"
    assert names_within(groups, 30) == "git: create and 1 more; db: query"
    assert names_within(groups, 8) == "gi: 2 tools; db: 1 tools"


@given(
    st.dictionaries(st.text(max_size=40), st.lists(st.text(max_size=80)), max_size=20),
    st.integers(min_value=100, max_value=2000),
)
def test_names_keep_about_to_their_size(
    groups: dict[str, list[str]], size: int
) -> None:
    room = size + len(groups) * len("x: and 9999 more; ")
    assert len(names_within(groups, size)) <= room


def test_few_small_tools_are_shown_whole_and_many_or_large_ones_are_not() -> None:
    specs = [Named(f"t{n}", "does it").spec for n in range(33)]
    assert not too_many(specs[:32], None)
    assert too_many(specs, None)
    assert too_many(specs[:20], 2000)
    assert not too_many([], 0)
