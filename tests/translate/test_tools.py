import re

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from codex_oss.items import Unknown
from codex_oss.translate.tools import INPUT_SCHEMA, NAME_LIMIT, Target, ToolMap
from codex_oss.wire import chat, responses

ECHO_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
EXEC = responses.FunctionTool(
    name="exec_command",
    description="Runs a command.",
    parameters={"type": "object", "properties": {"cmd": {"type": "string"}}},
    strict=False,
)
ECHO = responses.FunctionTool(name="echo", parameters=ECHO_SCHEMA)
PATCH = responses.CustomTool(
    name="apply_patch",
    description="Edits files.",
    format={"type": "grammar", "syntax": "lark", "definition": "start: patch"},
)


def namespace(name: str, *tools: responses.FunctionTool) -> responses.NamespaceTool:
    return responses.NamespaceTool(name=name, tools=list(tools))


def function(name: str, **fields: object) -> chat.FunctionTool:
    return chat.FunctionTool(chat.Function(name=name, **fields))  # pyright: ignore[reportArgumentType]


def test_tools_become_functions_in_their_order() -> None:
    tools = ToolMap(
        [
            EXEC,
            namespace("mcp__demo", ECHO),
            PATCH,
            Unknown(b'{"type":"web_search","external_web_access":false}'),
            responses.FunctionTool(name="get_goal"),
        ]
    )
    assert tools.chat_tools() == [
        function(
            "exec_command", description="Runs a command.", parameters=EXEC.parameters
        ),
        function("mcp__demo__echo", parameters=ECHO_SCHEMA),
        function(
            "apply_patch",
            description=(
                "Edits files.\n\nThe input follows this lark grammar:\nstart: patch"
            ),
            parameters=INPUT_SCHEMA,
        ),
        function("get_goal", parameters={"type": "object", "properties": {}}),
    ]


def test_a_name_leads_back_to_its_tool() -> None:
    tools = ToolMap([EXEC, namespace("mcp__demo", ECHO), PATCH])
    assert tools.resolve("exec_command") == Target(
        "exec_command", schema=EXEC.parameters
    )
    assert tools.resolve("mcp__demo__echo") == Target(
        "echo", "mcp__demo", schema=ECHO_SCHEMA
    )
    assert tools.resolve("apply_patch") == Target(
        "apply_patch", kind="custom", schema=INPUT_SCHEMA
    )
    assert tools.resolve("mcp__demo") is None
    assert tools.schemas == {
        "exec_command": EXEC.parameters,
        "mcp__demo__echo": ECHO_SCHEMA,
        "apply_patch": INPUT_SCHEMA,
    }


def test_a_bare_name_leads_back_when_only_one_tool_has_it() -> None:
    one = ToolMap([namespace("mcp__a", ECHO)])
    assert one.resolve("echo") == Target("echo", "mcp__a", schema=ECHO_SCHEMA)
    two = ToolMap([namespace("mcp__a", ECHO), namespace("mcp__b", ECHO)])
    assert two.resolve("echo") is None


def test_underscores_in_names_do_not_confuse() -> None:
    tools = ToolMap(
        [
            namespace("a__b", ECHO),
            namespace("a", responses.FunctionTool(name="b__echo")),
        ]
    )
    assert list(tools.schemas) == ["a__b__echo", "a__b__echo_2"]
    assert tools.resolve("a__b__echo") == Target("echo", "a__b", schema=ECHO_SCHEMA)
    assert tools.chat_name("b__echo", "a") == "a__b__echo_2"


def test_a_tool_of_an_earlier_request_has_a_name_too() -> None:
    tools = ToolMap([EXEC])
    assert tools.chat_name("echo", "mcp__gone") == "mcp__gone__echo"
    assert tools.chat_name("gone", UNSET) == "gone"


def test_without_tools_there_are_none() -> None:
    tools = ToolMap(UNSET)
    assert tools.chat_tools() == []
    assert tools.resolve("exec_command") is None


names = st.text(min_size=1, max_size=80)


@given(st.lists(st.tuples(st.none() | names, names), max_size=8))
def test_every_name_is_legal_and_of_one_tool(
    given_names: list[tuple[str | None, str]],
) -> None:
    offered: list[responses.Tool] = [
        namespace(space, responses.FunctionTool(name=name))
        if space
        else responses.FunctionTool(name=name)
        for space, name in given_names
    ]
    tools = ToolMap(offered)
    got = list(tools.schemas)
    once = [
        *dict.fromkeys(
            (None if space == "functions" else space, name)
            for space, name in given_names
        )
    ]
    assert len(set(got)) == len(got) == len(once)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in got)
    targets = [tools.resolve(name) for name in got]
    assert [(t.namespace, t.name) for t in targets if t] == once
    assert list(ToolMap(offered).schemas) == got


def test_a_long_name_keeps_the_tools_own() -> None:
    tools = ToolMap([namespace("n" * 80, ECHO)])
    assert list(tools.schemas) == ["n" * (NAME_LIMIT - 6) + "__echo"]


def test_bounds_are_taken_out_of_schemas_but_not_out_of_names() -> None:
    grep = responses.FunctionTool(
        name="grep",
        parameters={
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "pattern": "^a", "maxLength": 9},
                "paths": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"anyOf": [{"type": "string", "minLength": 1}]},
                },
                "mode": {"enum": [{"format": "x"}], "default": {"pattern": "y"}},
            },
            "required": ["pattern"],
        },
    )
    assert ToolMap([grep]).chat_tools(bounds=False) == [
        function(
            "grep",
            parameters={
                "type": "object",
                "properties": {
                    "pattern": {"type": "string"},
                    "paths": {
                        "type": "array",
                        "items": {"anyOf": [{"type": "string"}]},
                    },
                    "mode": {"enum": [{"format": "x"}], "default": {"pattern": "y"}},
                },
                "required": ["pattern"],
            },
        )
    ]
    assert ToolMap([grep]).resolve("grep") == Target("grep", schema=grep.parameters)
