"""Requests made small: what goes, what stays, and that the prefix never changes."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.items import Message, text_of
from codex_oss.translate import diet
from codex_oss.translate.diet.instructions import instructions
from codex_oss.translate.quirks import quirks_for
from codex_oss.translate.request import to_chat
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import responses
from fake_codex_requests import (
    AGENTS,
    EXEC,
    MCP,
    PATCH,
    TOOLS,
    base,
    environment,
    function,
    head,
    message,
    mode,
    namespace,
    permissions,
    request,
    skills,
)

Small = Literal["safe", "aggressive"]
LEVELS: tuple[Small, ...] = ("safe", "aggressive")
both_levels = pytest.mark.parametrize("level", LEVELS)


def given_tools(asked: responses.Request) -> list[Any]:
    """Return the tools of a request; an empty list where it has none."""
    return [*(asked.tools or [])]


def names(asked: responses.Request) -> list[str]:
    """Return the names of all tools, in order; the kind of what has no name."""
    found: list[str] = []
    for tool in given_tools(asked):
        if isinstance(tool, responses.NamespaceTool):
            found += [f"{tool.name}/{each.name}" for each in tool.tools]
        else:
            found.append(getattr(tool, "name", "") or tool.type)
    return found


def properties(asked: responses.Request, name: str) -> dict[str, Any]:
    """Return the parameters of the tool called ``name``, also inside namespaces."""
    for tool in given_tools(asked):
        inside: list[Any] = getattr(tool, "tools", [tool])
        for each in inside:
            if getattr(each, "name", "") == name:
                return each.parameters["properties"]
    raise AssertionError(f"{name} is not offered")


def texts(asked: responses.Request) -> list[str]:
    """Return the text of each message."""
    return [text_of(item.content) for item in asked.input if isinstance(item, Message)]


# --- levels ------------------------------------------------------------------------


def test_off_returns_the_same_object() -> None:
    asked = request()
    assert diet.slim(asked, "off", codex=True) is asked


@both_levels
def test_a_slim_request_stays_as_it_is_when_it_is_slimmed_again(level: Small) -> None:
    items = [
        message("developer", base()),
        message("developer", skills(), permissions(asks=True), mode("Default")),
        message("user", environment()),
    ]
    once = diet.slim(request(items, [*TOOLS, PATCH]), level, codex=True)
    assert diet.slim(once, level, codex=True) == once


def test_a_first_turn_is_read_in_a_fraction_of_its_tokens() -> None:
    asked = request()
    sizes = {
        level: diet.tokens(diet.slim(asked, level, codex=True)) for level in LEVELS
    }
    assert diet.tokens(asked) > 7500
    assert sizes["safe"] <= 2900
    assert sizes["aggressive"] <= 1200


def test_our_instructions_are_short_for_every_set_of_tools() -> None:
    all_names = ["exec_command", "write_stdin", "update_plan"]
    for offered in (all_names, [*all_names, "apply_patch"], []):
        assert len(instructions("aggressive", offered)) / 4 <= 480
        assert len(instructions("safe", offered)) / 4 <= 1000


def test_a_small_window_makes_safe_aggressive() -> None:
    asked = request()
    aggressive = diet.slim(asked, "aggressive", codex=True)
    assert diet.slim(asked, "safe", codex=True, window=8192) == aggressive
    safe = diet.slim(asked, "safe", codex=True)
    assert diet.slim(asked, "safe", codex=True, window=32768) == safe
    assert safe != aggressive


@both_levels
def test_only_the_words_of_tools_change_for_other_clients(level: Small) -> None:
    asked = request()
    slim = diet.slim(asked, level, codex=False)
    assert slim.input == asked.input
    assert names(slim) == names(asked)
    kept = properties(slim, "exec_command")
    assert kept.keys() == EXEC["parameters"]["properties"].keys()
    assert diet.tokens(slim) < diet.tokens(asked)


# --- the prefix --------------------------------------------------------------------

_POOL: list[dict[str, Any]] = [
    message("user", "do it"),
    message("user", environment()),
    message("user", "<environment_context> is a tag, is it not?"),
    message("developer", permissions("read-only")),
    message("developer", permissions(asks=True)),
    message("developer", skills()),
    message("developer", mode("Default")),
    message("developer", mode("Plan")),
    message("developer", base()),
    message("assistant", "Done."),
    {"type": "reasoning", "summary": []},
    {"type": "function_call", "name": "get_goal", "arguments": "{}", "call_id": "c1"},
    {"type": "function_call_output", "call_id": "c1", "output": "x" * 5000},
    {"type": "tool_search_output", "call_id": "c2", "tools": [MCP]},
    {"type": "something_new", "x": [1, 2]},
]
_histories = st.lists(st.sampled_from(_POOL), max_size=8)


@given(_histories, _histories, st.sampled_from(LEVELS))
def test_what_comes_later_never_changes_an_item_before(
    history: list[dict[str, Any]], continuation: list[dict[str, Any]], level: Small
) -> None:
    start = [*head(), *history]
    first = diet.slim(request(start), level, codex=True).input
    later = diet.slim(request([*start, *continuation]), level, codex=True).input
    encoded = [responses.encode(item) for item in first]
    assert [responses.encode(item) for item in later[: len(first)]] == encoded


@given(_histories, st.sampled_from(LEVELS))
def test_tools_change_only_when_a_developer_allows_more(
    history: list[dict[str, Any]], level: Small
) -> None:
    allowing = (_POOL[4], _POOL[7])
    kept = [item for item in history if item not in allowing]
    before = diet.slim(request(head()), level, codex=True).tools
    assert diet.slim(request([*head(), *kept]), level, codex=True).tools == before


@both_levels
def test_items_of_unknown_kind_and_outputs_stay(level: Small) -> None:
    items = [_POOL[-1], _POOL[12], _POOL[11], _POOL[10], _POOL[9]]
    asked = request(items)
    assert diet.slim(asked, level, codex=True).input == asked.input


# --- tools -------------------------------------------------------------------------


def test_safe_offers_every_tool_under_its_name() -> None:
    asked = request(tools=[*TOOLS, PATCH])
    slim = diet.slim(asked, "safe", codex=True)
    assert names(slim) == names(asked)


def test_aggressive_leaves_out_what_stands_in_the_table() -> None:
    slim = diet.slim(request(tools=[*TOOLS, PATCH]), "aggressive", codex=True)
    assert names(slim) == [
        "exec_command",
        "write_stdin",
        "view_image",
        "multi_agent_v1/close_agent",
        "multi_agent_v1/send_input",
        "multi_agent_v1/spawn_agent",
        "multi_agent_v1/wait_agent",
        "mcp__demo/echo",
        "web_search",
        "apply_patch",
    ]


@both_levels
def test_required_parameters_stay_even_of_a_form_that_is_not_known(
    level: Small,
) -> None:
    changed = function("exec_command", "cmd purpose", "tty shell")
    slim = diet.slim(request(tools=[changed]), level, codex=True)
    assert [*properties(slim, "exec_command")] == ["cmd", "purpose", "tty"]
    (tool,) = slim.tools or []
    assert isinstance(tool, responses.FunctionTool)
    assert (tool.parameters or {})["required"] == ["cmd", "purpose"]


def test_a_command_may_ask_for_escalation_only_where_somebody_answers() -> None:
    never = diet.slim(request(head()), "safe", codex=True)
    asks = diet.slim(request(head(asks=True)), "safe", codex=True)
    few = diet.slim(request(head(asks=True)), "aggressive", codex=True)
    assert [*properties(never, "exec_command")] == [
        "cmd",
        "tty",
        "workdir",
        "yield_time_ms",
    ]
    more = {"justification", "prefix_rule", "sandbox_permissions"}
    assert more <= properties(asks, "exec_command").keys()
    assert properties(few, "exec_command") == {
        name: {"type": "string"}
        for name in ("cmd", "justification", "sandbox_permissions", "tty", "workdir")
    }


def test_a_user_who_quotes_permissions_allows_nothing() -> None:
    quoted = [*head(), message("user", permissions(asks=True))]
    slim = diet.slim(request(quoted), "safe", codex=True)
    assert "justification" not in properties(slim, "exec_command")


def test_plan_mode_keeps_the_tool_that_asks_the_user() -> None:
    planning = [*head(), message("developer", mode("Plan"))]
    slim = diet.slim(request(planning), "aggressive", codex=True)
    assert properties(slim, "request_user_input") == {"questions": {"type": "string"}}


@both_levels
def test_a_tool_of_a_server_is_not_taken_for_one_of_codex(level: Small) -> None:
    theirs = namespace("mcp__x", function("exec_command", "cmd", "shell login"))
    slim = diet.slim(request(tools=[theirs]), level, codex=True)
    assert [*properties(slim, "exec_command")] == ["cmd", "shell", "login"]


def test_aggressive_shows_a_patch_where_safe_sends_the_grammar() -> None:
    asked = request(tools=[PATCH])
    (safe,) = diet.slim(asked, "safe", codex=True).tools or []
    (few,) = diet.slim(asked, "aggressive", codex=True).tools or []
    assert isinstance(safe, responses.CustomTool)
    assert isinstance(few, responses.CustomTool)
    assert safe.format == PATCH["format"]
    assert not few.format
    assert "*** Update File: " in (few.description or "")


@both_levels
def test_a_freeform_tool_of_others_keeps_its_only_documentation(level: Small) -> None:
    theirs = {**PATCH, "name": "run_query", "description": "Query language. " * 99}
    asked = request(tools=[theirs])
    assert diet.slim(asked, level, codex=True).tools == asked.tools


@both_levels
def test_tools_that_a_search_found_get_shorter_and_keep_what_is_not_known(
    level: Small,
) -> None:
    found = {**MCP, "defer_loading": True}
    item = {"type": "tool_search_output", "call_id": "c", "tools": [found]}
    asked = request([item])
    slim = diet.slim(asked, level, codex=True)
    (before,), (after,) = (
        [getattr(each, "tools", []) for each in side.input] for side in (asked, slim)
    )
    assert (after[0]["name"], after[0]["defer_loading"]) == ("mcp__demo", True)
    assert [*after[0]["tools"][0]["parameters"]["properties"]] == ["text", "loud"]
    assert len(responses.encode(after)) < len(responses.encode(before))


def test_all_tools_of_a_namespace_dropped_drops_the_namespace() -> None:
    only = namespace("multi_agent_v1", AGENTS["tools"][1])
    assert not diet.slim(request(tools=[only]), "aggressive", codex=True).tools


# --- instructions ------------------------------------------------------------------


@both_levels
def test_the_base_gives_way_to_ours_in_the_item_and_in_the_field(level: Small) -> None:
    as_item = diet.slim(request(), level, codex=True)
    as_field = diet.slim(request([], instructions=base()), level, codex=True)
    ours = instructions(level, ["exec_command"])
    assert texts(as_item)[0] == ours
    assert as_field.instructions == ours
    assert "apply_patch <<'EOF'" in ours


@both_levels
@pytest.mark.parametrize(
    "text",
    [
        "You are a tiny local agent.",
        "You are judging one planned action. " * 400,
        base("You are a reviewer of code, "),
        base() + "\n\n# House rules\n\nAlways write tests.",
        base()[:5000],
    ],
    ids=["short", "guardian", "other opening", "own heading", "cut"],
)
def test_instructions_that_are_not_codex_s_own_stay(level: Small, text: str) -> None:
    items = [message("developer", text), message("user", "hello")]
    assert texts(diet.slim(request(items), level, codex=True)) == [text, "hello"]
    asked = request([], instructions=text)
    assert diet.slim(asked, level, codex=True).instructions == text


@pytest.mark.parametrize(
    "text",
    [
        base("You are Codex, a coding agent based on a model "),
        base() + "\n\n## Planning\n\nWords.\n\n## `update_plan`\n\nWords.",
        base() + "\n\n## Values\n\nWords.\n\n## Interaction Style\n\nWords.",
    ],
    ids=["gpt-5.5", "with a plan", "with a personality"],
)
def test_the_base_is_known_in_all_its_forms(text: str) -> None:
    slim = diet.slim(request([message("developer", text)]), "safe", codex=True)
    assert texts(slim) == [instructions("safe", ["exec_command"])]


@both_levels
def test_the_base_stays_where_codex_never_puts_it(level: Small) -> None:
    items = [message("user", base()), message("developer", base())]
    asked = request(items)
    assert diet.slim(asked, level, codex=True).input == asked.input


@both_levels
def test_ours_speak_of_the_tools_that_are_offered(level: Small) -> None:
    plain = instructions(level, ["exec_command"])
    patching = instructions(level, ["exec_command", "apply_patch"])
    planning = instructions(level, ["exec_command", "update_plan"])
    nothing = instructions(level, [])
    assert "<<'EOF'" not in patching
    assert "update_plan" not in plain
    assert "update_plan" in planning
    assert "exec_command" not in nothing
    assert "patch" not in nothing
    assert "\n---" not in plain + patching + planning + nothing


@both_levels
def test_agents_md_stays_word_by_word(level: Small) -> None:
    rules = message("user", "# AGENTS.md instructions for /repo\n\n<INSTRUCTIONS>\nX")
    asked = request([*head(), rules])
    slim = diet.slim(asked, level, codex=True)
    assert slim.input[-1] == asked.input[-1]


# --- other requests of Codex -------------------------------------------------------


@both_levels
def test_a_request_for_a_summary_or_a_title_keeps_its_question(level: Small) -> None:
    form: dict[str, Any] = {
        "format": {"type": "json_schema", "name": "t", "schema": {}}
    }
    asked = request([*head(), message("user", "Say it in short.")], [], text=form)
    slim = diet.slim(asked, level, codex=True)
    assert texts(slim)[-1] == "Say it in short."
    assert slim.text == asked.text
    assert not slim.tools
    assert texts(slim)[0] == instructions(level, [])


@both_levels
def test_a_slim_request_makes_a_chat_request(level: Small) -> None:
    slim = diet.slim(request(tools=[*TOOLS, PATCH]), level, codex=True)
    chat = to_chat(slim, ToolMap.of(slim), quirks_for("llamacpp", "qwen3"))
    kinds = [type(each).__name__ for each in chat.messages]
    assert kinds == ["System", "User", "User"]
    offered = {tool.function.name for tool in chat.tools or []}
    assert {"exec_command", "apply_patch", "mcp__demo__echo"} <= offered


# --- the estimate ------------------------------------------------------------------


def test_tokens_counts_what_a_model_reads() -> None:
    long = "word " * 400
    items: list[dict[str, Any]] = [
        message("user", long),
        {"type": "reasoning", "summary": [], "encrypted_content": "x" * 9000},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": long},
    ]
    assert diet.tokens(request(items, [])) == (2000 + 3 + 2000) // 4


def test_an_image_counts_the_same_whatever_its_size() -> None:
    def seen(url: str) -> int:
        part = {"type": "input_image", "image_url": url}
        item = {"type": "message", "role": "user", "content": [part]}
        return diet.tokens(request([item], []))

    assert seen("data:image/png;base64,AA") == seen("data:image/png;base64," + "A" * 99)
