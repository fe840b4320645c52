"""What models do wrong, a line each, and the items that a client gets for it.

The lines are those that no bridge in the field mended when they were measured.
"""

import json
from typing import Any

import pytest

from chat_streams import call, delta, ids, text
from codex_oss.facts import Fact, Mended
from codex_oss.items import CustomToolCall, FunctionCall, Item, Message
from codex_oss.translate.quirks import Mending, Quirks
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses
from response_grammar import check_grammar, items

Chunks = list[dict[str, Any]]
Calls = list[tuple[str, Any]]


def tool(name: str, required: str, **properties: str) -> responses.FunctionTool:
    fields = {key: {"type": kind} for key, kind in properties.items()}
    schema = {
        "type": "object",
        "properties": fields,
        "required": required.split(),
        "additionalProperties": False,
    }
    return responses.FunctionTool(name=name, parameters=schema)


CODEX: list[responses.Tool] = [
    tool(
        "exec_command",
        "cmd",
        cmd="string",
        workdir="string",
        yield_time_ms="number",
        tty="boolean",
        login="boolean",
    ),
    tool("write_stdin", "session_id", session_id="number", chars="string"),
    tool("view_image", "path", path="string"),
    responses.NamespaceTool(
        name="multi_agent_v1",
        tools=[tool("wait_agent", "targets", targets="array")],
    ),
    responses.NamespaceTool(
        name="mcp__demo", tools=[tool("echo", "text", text="string")]
    ),
]
FREEFORM: list[responses.Tool] = [*CODEX, responses.CustomTool(name="apply_patch")]
BRIDGE = Quirks(mending=Mending(emulate=True, ask_again=True))
LS = '{"cmd": "ls -la"}'
RAN: Calls = [("exec_command", {"cmd": "ls -la"})]
PATCH = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch"
HEREDOC = f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"
PATCHED: Calls = [("exec_command", {"cmd": HEREDOC})]


def shell(arguments: str, name: str = "exec_command") -> Chunks:
    return [call(arguments, name=name, id="c1"), delta("tool_calls")]


def wrapped(arguments: str) -> str:
    return json.dumps({"name": "exec_command", "arguments": json.loads(arguments)})


DSML = "\uff5cDSML\uff5c"
LINES: dict[str, tuple[Chunks, Calls]] = {
    "tool-exec-stopfin": ([call(LS, name="exec_command", id="c1"), delta("stop")], RAN),
    "tool-noid": ([call(LS, name="exec_command")], RAN),
    "tool-objargs": ([call({"cmd": "ls -la"}, name="exec_command", id="c1")], RAN),
    "tool-parallel-sameidx": (
        [
            call(LS, name="exec_command", id="c1"),
            call('{"cmd": "pwd"}', name="exec_command", id="c2"),
        ],
        [*RAN, ("exec_command", {"cmd": "pwd"})],
    ),
    "tool-malformed-trunc": (shell('{"cmd": "ls -la"'), RAN),
    "tool-malformed-quote": (shell("{'cmd': 'ls -la'}"), RAN),
    "tool-malformed-comma": (shell('{"cmd": "ls -la",}'), RAN),
    "tool-malformed-newline": (
        shell('{"cmd": "cat <<X\nls\nX"}'),
        [("exec_command", {"cmd": "cat <<X\nls\nX"})],
    ),
    "tool-malformed-double": (shell(LS + LS), RAN),
    "tool-malformed-encoded": (shell(json.dumps(LS)), RAN),
    "tool-malformed-fence": (shell(f"```json\n{LS}\n```"), RAN),
    "tool-malformed-plain": (shell("ls -la"), RAN),
    "tool-argalias": (shell('{"command": "ls -la"}'), RAN),
    "tool-argarray": (shell('{"cmd": ["bash", "-lc", "ls -la"]}'), RAN),
    "tool-argarray-words": (shell('{"command": ["ls", "-la"]}'), RAN),
    "tool-argstrnum": (
        shell('{"cmd": "ls -la", "yield_time_ms": "1000", "tty": "true"}'),
        [("exec_command", {"cmd": "ls -la", "yield_time_ms": 1000, "tty": True})],
    ),
    "tool-argextra": (
        shell('{"cmd": "ls -la", "description": "list"}'),
        [("exec_command", {"cmd": "ls -la", "description": "list"})],
    ),
    "tool-argwrapped": (shell(wrapped(LS)), RAN),
    "tool-unknown-shell": (shell('{"command": ["ls", "-la"]}', "shell"), RAN),
    "tool-unknown-bash": (shell('{"command": "ls -la"}', "bash"), RAN),
    "tool-unknown-container": (
        shell('{"cmd": ["bash", "-lc", "ls -la"]}', "container.exec"),
        RAN,
    ),
    "tool-unknown-prefix": (shell(LS, "functions.exec_command"), RAN),
    "tool-unknown-harmonyleak": (shell(LS, "exec_command<|channel|>commentary"), RAN),
    "tool-unknown-harmonyhead": (
        shell(LS, "assistant<|channel|>commentary to=functions.exec_command"),
        RAN,
    ),
    "tool-unknown-readfile": (
        shell('{"path": "README.md"}', "read_file"),
        [("exec_command", {"cmd": "cat README.md"})],
    ),
    "txt-hermes": (text(f"<tool_call>\n{wrapped(LS)}\n</tool_call>"), RAN),
    "txt-hermes2": (
        text(f"<tool_call>{wrapped(LS)}</tool_call>\n<tool_call>{wrapped(LS)}"),
        [*RAN, *RAN],
    ),
    "txt-bare": (text(wrapped(LS)), RAN),
    "txt-barefn": (
        text('{"function": {"name": "exec_command", "arguments": {"cmd": "ls -la"}}}'),
        RAN,
    ),
    "txt-bareopenai": (
        text(
            '{"type": "function", "function": '
            '{"name": "exec_command", "parameters": {"cmd": "ls -la"}}}'
        ),
        RAN,
    ),
    "txt-bareparameters": (
        text('{"name": "exec_command", "parameters": {"cmd": "ls -la"}}'),
        RAN,
    ),
    "txt-fence": (text(f"```json\n{wrapped(LS)}\n```"), RAN),
    "txt-qwencoder": (
        text(
            "<tool_call>\n<function=exec_command>\n<parameter=cmd>\nls -la\n"
            "</parameter>\n</function>\n</tool_call>"
        ),
        RAN,
    ),
    "txt-qwencoder-noopen": (
        text(
            "<function=exec_command>\n<parameter=cmd>\nls -la\n</parameter>\n"
            "</function>\n</tool_call>"
        ),
        RAN,
    ),
    "txt-mistral": (text(f"[TOOL_CALLS][{wrapped(LS)}]"), RAN),
    "txt-mistral-args": (text(f"[TOOL_CALLS]exec_command[ARGS]{LS}"), RAN),
    "txt-pythonic": (text('[exec_command(cmd="ls -la")]'), RAN),
    "txt-harmony": (
        text(
            "<|channel|>commentary to=functions.exec_command <|constrain|>json"
            f"<|message|>{LS}<|call|>"
        ),
        RAN,
    ),
    "txt-glm": (
        text(
            "<tool_call>exec_command\n<arg_key>cmd</arg_key>\n"
            "<arg_value>ls -la</arg_value>\n</tool_call>"
        ),
        RAN,
    ),
    "txt-dsml": (
        text(
            f"<{DSML}function_calls>\n"
            f'<{DSML}invoke name="exec_command">\n'
            f'<{DSML}parameter name="cmd" string="true">ls -la</{DSML}parameter>\n'
            f"</{DSML}invoke>\n</{DSML}function_calls>"
        ),
        RAN,
    ),
    "ns": (
        shell('{"targets": ["a"]}', "multi_agent_v1__wait_agent"),
        [("multi_agent_v1/wait_agent", {"targets": ["a"]})],
    ),
    "ns-bare": (
        shell('{"targets": ["a"]}', "wait_agent"),
        [("multi_agent_v1/wait_agent", {"targets": ["a"]})],
    ),
    "ns-dotted": (
        shell('{"text": "hi"}', "mcp__demo.echo"),
        [("mcp__demo/echo", {"text": "hi"})],
    ),
    "plan": (
        shell(
            '{"plan": [{"step": "Look", "status": "completed"}, {"step": "Do it"}]}',
            "update_plan",
        ),
        [
            (
                "exec_command",
                {"cmd": "printf '%s\\n' '[x] Look' '[ ] Do it' 'Plan updated'"},
            )
        ],
    ),
    "patch-tool": (shell(json.dumps({"input": PATCH}), "apply_patch"), PATCHED),
    "patch-tool-patchkey": (
        shell(json.dumps({"patch": PATCH}), "apply_patch"),
        PATCHED,
    ),
    "patch-tool-raw": (shell(PATCH, "apply_patch"), PATCHED),
    "patch-exec": (shell(json.dumps({"cmd": HEREDOC})), PATCHED),
    "patch-noend": (
        shell(json.dumps({"cmd": HEREDOC.replace("*** End Patch\n", "")})),
        PATCHED,
    ),
    "patch-noend-noword": (
        shell(json.dumps({"cmd": HEREDOC.partition("\n*** End")[0]})),
        PATCHED,
    ),
    "patch-bare": (shell(json.dumps({"cmd": PATCH})), PATCHED),
    "length-tool": ([call('{"cmd": "ls', name="exec_command"), delta("length")], []),
}


def translated(
    chunks: Chunks,
    tools: list[responses.Tool] = CODEX,
    *,
    facts: list[Fact] | None = None,
    quirks: Quirks = BRIDGE,
) -> tuple[list[Item], Translator]:
    request = responses.Request(model="m", input=[], tools=tools)
    noted: list[Fact] = [] if facts is None else facts
    subject = Translator(
        request, ToolMap(tools), quirks, new_id=ids(), note=noted.append
    )
    decoded = [chat.decode_chunk(json.dumps(chunk)) for chunk in chunks]
    events = subject.feed_all([chunk for chunk in decoded if chunk])
    events += subject.finish(clean=True)
    if not subject.rejected:
        check_grammar(events, asked_again=True)
    return items(events), subject


def calls(found: list[Item]) -> Calls:
    made: Calls = []
    for item in found:
        match item:
            case FunctionCall():
                name = f"{item.namespace}/{item.name}" if item.namespace else item.name
                made.append((name, json.loads(item.arguments)))
            case CustomToolCall():
                made.append((item.name, item.input))
            case _:
                made.append(("", item))
    return made


def in_letters(chunks: Chunks) -> Chunks:
    """Return the chunks with each text and each call's arguments letter by letter."""
    cut: Chunks = []
    for chunk in chunks:
        [choice] = chunk["choices"]
        said = choice["delta"]
        if content := said.get("content"):
            cut += text(*content)
        elif made := said.get("tool_calls"):
            given = made[0]["function"]["arguments"]
            name = made[0]["function"]["name"]
            first = {**made[0], "function": {"name": name, "arguments": ""}}
            letters = list(given) if isinstance(given, str) else [given]
            cut += [delta(tool_calls=[first]), *(call(letter) for letter in letters)]
        else:
            cut.append(chunk)
    return cut


@pytest.mark.parametrize(("chunks", "expected"), LINES.values(), ids=LINES.keys())
def test_what_a_model_meant_is_what_runs(chunks: Chunks, expected: Calls) -> None:
    for given in (chunks, in_letters(chunks)):
        assert calls(translated(given)[0]) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps({"input": PATCH}),
        json.dumps({"patch": PATCH}),
        json.dumps({"arguments": {"input": PATCH}}),
        json.dumps({"command": ["apply_patch", PATCH]}),
        json.dumps(PATCH),
        PATCH,
        f"```\n{PATCH}\n```",
        f"```diff\n{PATCH}\n```",
        json.dumps({"input": HEREDOC}),
        json.dumps({"input": PATCH.removesuffix("\n*** End Patch")}),
        json.dumps({"input": HEREDOC.replace("*** End Patch\n", "")}),
        json.dumps({"input": PATCH.removeprefix("*** Begin Patch\n")}),
    ],
)
def test_a_freeform_patch_is_read_in_any_wrapping(arguments: str) -> None:
    for given in (shell(arguments, "apply_patch"), in_letters(shell(arguments))):
        chunks = json.loads(json.dumps(given).replace("exec_command", "apply_patch"))
        assert calls(translated(chunks, FREEFORM)[0]) == [("apply_patch", PATCH)]


@pytest.mark.parametrize(
    "said",
    [
        f"For example:\n\n```json\n{wrapped(LS)}\n```\n\nThat lists files.",
        f"I would send {wrapped(LS)} now.",
        f"The form is `<tool_call>{wrapped(LS)}</tool_call>`.",
        f"```\n<tool_call>{wrapped(LS)}</tool_call>\n```",
        f"A call is:\n\n```json\n{wrapped(LS)}\n```\n\nand `<tool_call>` begins it.",
        '{"name": "somebody", "arguments": {"age": 3}}',
        '{"name": "exec_command", "description": "Runs a command."}',
    ],
)
def test_an_example_in_prose_is_never_run(said: str) -> None:
    for given in (text(said), text(*said)):
        [item] = translated(given)[0]
        assert isinstance(item, Message)


def test_what_cannot_be_mended_is_asked_for_again() -> None:
    for chunks in (shell(""), shell("{}"), shell("{}", "web_search")):
        found, subject = translated(chunks)
        assert found == []
        assert len(subject.rejected) == 1


def test_calls_are_left_alone_when_told_so() -> None:
    quirks = Quirks(mending=Mending(repair=False, text_calls=False))
    odd = shell('{"command": "ls -la",}', "bash")
    [item] = translated(odd, quirks=quirks)[0]
    assert isinstance(item, FunctionCall)
    assert (item.name, item.arguments) == ("bash", '{"command": "ls -la",}')
    [said] = translated(text(wrapped(LS)), quirks=quirks)[0]
    assert isinstance(said, Message)


def test_a_model_that_may_not_call_only_talks() -> None:
    tools = CODEX
    request = responses.Request(model="m", input=[], tools=tools, tool_choice="none")
    subject = Translator(request, ToolMap(tools), BRIDGE, new_id=ids())
    chunks = [*text(f"<tool_call>{wrapped(LS)}</tool_call>"), *shell(LS)]
    decoded = [chat.decode_chunk(json.dumps(chunk)) for chunk in chunks]
    events = subject.feed_all([chunk for chunk in decoded if chunk])
    events += subject.finish(clean=True)
    check_grammar(events)
    [said] = items(events)
    assert isinstance(said, Message)


# --- what is told ------------------------------------------------------------------


def test_each_mending_is_told() -> None:
    facts: list[Fact] = []
    made = '{"command": "ls -la"}'
    translated(shell(made, "bash"), facts=facts)
    assert facts == [
        Mended(what="name", was="bash", now="exec_command"),
        Mended(what="arguments", was=made, now='{"cmd":"ls -la"}'),
    ]
    facts.clear()
    translated(text(wrapped(LS)), facts=facts)
    assert facts == [
        Mended(what="text", was=wrapped(LS), now='exec_command {"cmd":"ls -la"}')
    ]
    facts.clear()
    translated(shell('{"path": "a"}', "read_file"), facts=facts)
    assert facts == [
        Mended(
            what="tool",
            was='read_file {"path": "a"}',
            now='exec_command {"cmd":"cat a"}',
        )
    ]


def test_a_patch_that_is_mended_is_told() -> None:
    facts: list[Fact] = []
    bare = json.dumps({"patch": PATCH})
    translated(shell(bare, "apply_patch"), FREEFORM, facts=facts)
    assert facts == [Mended(what="arguments", was=bare, now=PATCH)]


def test_a_call_that_is_right_is_not_told() -> None:
    facts: list[Fact] = []
    translated(shell(LS), facts=facts)
    translated(
        shell(json.dumps({"input": PATCH}), "apply_patch"), FREEFORM, facts=facts
    )
    assert facts == []


def test_long_calls_are_told_short() -> None:
    facts: list[Fact] = []
    long = json.dumps({"command": "x" * 5000})
    translated(shell(long), facts=facts)
    [told] = facts
    assert isinstance(told, Mended)
    assert (len(told.was), len(told.now)) == (2000, 2000)


# --- one read ----------------------------------------------------------------------


def test_text_that_came_at_once_is_one_event() -> None:
    request = responses.Request(model="m", input=[])
    subject = Translator(request, ToolMap(), Quirks(), new_id=ids())
    chunks: list[chat.Chunk | chat.ChunkError] = []
    for body in (
        *text("a", "b", "c"),
        delta(reasoning="d"),
        *text("e", "f"),
        delta("stop"),
    ):
        chunk = chat.decode_chunk(json.dumps(body))
        assert chunk
        chunks.append(chunk)
    events = subject.feed_all(chunks) + subject.finish(clean=True)
    check_grammar(events)
    told = [e.delta for e in events if isinstance(e, responses.OutputTextDelta)]
    assert told == ["abc", "ef"]
