"""Calls that models wrote as text are found, and quoted ones are left alone."""

# ruff: noqa: RUF001  the bars in DeepSeek's tokens are wide

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.translate.found import (
    Found,
    FoundCall,
    find_calls,
    may_be_call,
    tail_may_open,
)

EXEC: dict[str, Any] = {
    "type": "object",
    "properties": {"cmd": {"type": "string"}, "yield_time_ms": {"type": "number"}},
    "required": ["cmd"],
}
OFFERED: dict[str, dict[str, Any] | None] = {
    "exec_command": EXEC,
    "update_plan": {"type": "object", "properties": {"plan": {"type": "array"}}},
    "get_goal": None,
}
LS = FoundCall("exec_command", '{"cmd":"ls"}')
WAIT = FoundCall("exec_command", '{"cmd":"ls","yield_time_ms":5}')
GOAL = FoundCall("get_goal", "{}")
NO_ARGUMENTS = '{"name":"get_goal","arguments":{}}'
HERMES = '{"name": "exec_command", "arguments": {"cmd": "ls"}}'
OPENAI = (
    '{"tool_calls": [{"id": "c1", "type": "function", "function": '
    '{"name": "exec_command", "arguments": "{\\"cmd\\":\\"ls\\"}"}}]}'
)
QWEN = (
    "<function=exec_command>\n<parameter=cmd>\nls\n</parameter>\n"
    "<parameter=yield_time_ms>\n5\n</parameter>\n</function>"
)
GLM = (
    "<tool_call>exec_command\n<arg_key>cmd</arg_key>\n<arg_value>ls</arg_value>\n"
    "<arg_key>yield_time_ms</arg_key>\n<arg_value>5</arg_value>\n</tool_call>"
)
HARMONY = (
    "<|channel|>commentary to=functions.exec_command <|constrain|>json"
    '<|message|>{"cmd":"ls"}<|call|>'
)
DSML = (
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="exec_command">\n'
    '<｜DSML｜parameter name="cmd" string="true">ls</｜DSML｜parameter>\n'
    '<｜DSML｜parameter name="yield_time_ms" string="false">5</｜DSML｜parameter>\n'
    "</｜DSML｜invoke>\n</｜DSML｜function_calls>"
)
DEEPSEEK = (
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>exec_command\n"
    '```json\n{"cmd": "ls"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
    "<｜end▁of▁sentence｜>"
)
DEEPSEEK_31 = (
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>exec_command<｜tool▁sep｜>"
    '{"cmd":"ls"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
)
KIMI = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.exec_command:0"
    '<|tool_call_argument_begin|>{"cmd":"ls"}<|tool_call_end|>'
    "<|tool_calls_section_end|>"
)

TAGGED = {
    "hermes": (f"<tool_call>\n{HERMES}\n</tool_call>", [LS]),
    "hermes twice": (
        f"<tool_call>{HERMES}</tool_call>\n<tool_call>{NO_ARGUMENTS}</tool_call>",
        [LS, GOAL],
    ),
    "hermes without an end": (f"<tool_call>\n{HERMES}", [LS]),
    "hermes without a brace": (f"<tool_call>{HERMES[:-1]}</tool_call>", [LS]),
    "hermes with a brace more": (f"<tool_call>{HERMES}}}</tool_call>", [LS]),
    "hermes that holds its tag": (
        '<tool_call>{"name":"bash","arguments":{"cmd":"</tool_call>"}}</tool_call>',
        [FoundCall("exec_command", '{"cmd":"</tool_call>"}')],
    ),
    "qwen3-coder": (f"<tool_call>\n{QWEN}\n</tool_call>", [WAIT]),
    "qwen3-coder without an opener": (f"{QWEN}\n</tool_call>", [WAIT]),
    "qwen3-coder twice": (QWEN + "\n" + QWEN, [WAIT, WAIT]),
    "qwen3-coder without an end": (QWEN.removesuffix("\n</function>"), [WAIT]),
    "glm": (GLM, [WAIT]),
    "glm without arguments": ("<tool_call>get_goal</tool_call>", [GOAL]),
    "mistral list": (f"[TOOL_CALLS][{HERMES}]", [LS]),
    "mistral v13": ('[TOOL_CALLS]exec_command[ARGS]{"cmd": "ls"}</s>', [LS]),
    "mistral twice": (
        '[TOOL_CALLS]bash[CALL_ID]a1[ARGS]{"cmd":"ls"}[TOOL_CALLS]get_goal[ARGS]{}',
        [LS, GOAL],
    ),
    "llama 3.1": (
        '<|python_tag|>{"name":"exec_command","parameters":{"cmd":"ls"}}<|eom_id|>',
        [LS],
    ),
    "llama in python": ('<|python_tag|>exec_command(cmd="ls")', [LS]),
    "harmony": (HARMONY, [LS]),
    "harmony with its start": ("<|start|>assistant" + HARMONY, [LS]),
    "harmony twice": (HARMONY + "<|start|>assistant" + HARMONY, [LS, LS]),
    "harmony, recipient first": (
        '<|start|>assistant to=bash<|channel|>commentary json<|message|>{"cmd":"ls"}',
        [LS],
    ),
    "deepseek v3.2": (DSML, [WAIT]),
    "invoke without dsml": (DSML.replace("｜DSML｜", ""), [WAIT]),
    "deepseek r1": (DEEPSEEK, [LS]),
    "deepseek v3.1": (DEEPSEEK_31, [LS]),
    "kimi": (KIMI, [LS]),
}

BARE = {
    "name and arguments": (HERMES, [LS]),
    "parameters": ('{"name":"bash","parameters":{"command":"ls"}}', [LS]),
    "our own form": ('{"tool":"exec_command","arguments":{"cmd":"ls"}}', [LS]),
    "function": ('{"function":"exec_command","arguments":{"cmd":"ls"}}', [LS]),
    "openai": (OPENAI, [LS]),
    "list": (f'[{HERMES}, {{"name":"get_goal","arguments":null}}]', [LS, GOAL]),
    "lines": (f"{HERMES}\n{HERMES}", [LS, LS]),
    "an opener left out": (f"{HERMES}\n</tool_call>", [LS]),
    "fence": (f"```json\n{HERMES}\n```", [LS]),
    "fence of a tool call": (f"```tool_call\n{HERMES}\n```", [LS]),
    "fence without a word": (f"```\n{HERMES}\n```\n", [LS]),
    "python": (
        '[exec_command(cmd="ls", yield_time_ms=5), get_goal()]',
        [WAIT, GOAL],
    ),
    "python, one string": ("[shell('ls')]", [LS]),
    "gemma": ('```tool_code\nexec_command(cmd="ls")\n```', [LS]),
}


@pytest.mark.parametrize("case", TAGGED)
def test_tagged_calls_are_found_alone_and_after_words(case: str) -> None:
    text, calls = TAGGED[case]
    assert find_calls(text, OFFERED) == Found("", calls)
    assert find_calls(f"\n{text}\n", OFFERED) == Found("", calls)
    assert find_calls(f"I look.\n\n{text}", OFFERED) == Found("I look.", calls)


@pytest.mark.parametrize("case", BARE)
def test_calls_without_tags_are_found_when_they_are_all(case: str) -> None:
    text, calls = BARE[case]
    assert find_calls(text, OFFERED) == Found("", calls)
    thought = "<think>\nhm\n</think>"
    assert find_calls(f"{thought}\n\n{text}", OFFERED) == Found(thought, calls)
    assert find_calls(f"I look.\n\n{text}", OFFERED) is None
    assert find_calls(f"{text}\n\nDone.", OFFERED) is None


@pytest.mark.parametrize("case", TAGGED)
def test_words_after_a_call_make_it_a_quotation(case: str) -> None:
    text, _ = TAGGED[case]
    closed = text if text.endswith((">", "]", "}")) else text + "\n"
    assert find_calls(f"{closed}\nThat is how a call looks.", OFFERED) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello!",
        "Use ls to list files.",
        f"A call looks like this:\n```json\n{HERMES}\n```\nSee?",
        f"A call looks like this:\n```\n<tool_call>{HERMES}</tool_call>",
        f"Write `<tool_call>{HERMES}</tool_call>",
        "The tag <tool_call> opens a call.",
        "Text with [TOOL_CALLS] inside.",
        '{"name": "Ann", "age": 3}',
        '{"name": "read_file", "arguments": {"path": "a"}}',
        '<tool_call>{"name": "read_file", "arguments": {}}</tool_call>',
        '{"name": "exec_command", "parameters": {"type": "object"}}',  # a definition
        '{"name": "exec_command"}',
        '{"name": "exec_command", "arguments": {}}',
        '{"cmd": "ls"}',
        '{"name": "exec_command", "arguments": {"cmd": "rm -rf /tmp/x',
        '<tool_call>{"name": "exec_command", "arguments": {"cmd": "rm -rf /t',
        "<function=exec_command>\n<parameter=cmd>\nrm -rf /t",
        "<tool_call>exec_command\n<arg_key>cmd</arg_key><arg_value>rm -rf /t",
        "<think>" + HERMES,
        "[1, 2]",
        "[]",
        "{}",
        "[a](https://example.org)",
        "[exec_command(cmd=find())]",
        "[exec_command('ls', 'pwd')]",
        "[exec_command(**{})]",
        '[exec_command(cmd="ls")',
        'exec_command(cmd="ls")',
        "```python\nexec_command(cmd='ls')\n```",
        "<|channel|>final<|message|>Hello",
        "<|channel|>commentary to=nobody<|message|>{}",
        '<invoke name="exec_command">ls</invoke>',
        "[" * 5000,
        "[a(" + "-" * 50_000 + "1)]",
    ],
)
def test_text_that_is_no_call_stays_text(text: str) -> None:
    assert find_calls(text, OFFERED) is None


def test_no_call_is_found_when_no_tool_is_offered() -> None:
    for text, _ in (TAGGED | BARE).values():
        assert find_calls(text, {}) is None


@pytest.mark.parametrize("case", TAGGED | BARE)
def test_every_beginning_of_a_call_may_be_one(case: str) -> None:
    text, _ = (TAGGED | BARE)[case]
    for size in range(len(text) + 1):
        assert may_be_call(text[:size])
        assert may_be_call("\n" + text[:size])
    assert may_be_call("<think>\nhm\n</think>\n" + text)


@pytest.mark.parametrize(
    "text",
    [
        "H",
        "Hello",
        '{"cmd',
        '{"nam": ',
        "{1",
        "[1",
        "[a b",
        "[a]",
        '["name"',
        "`ls`",
        "``` python",
        "```python\n",
        "```json\nHello",
        "<b",
        "<!",
        "# Title",
        "1.",
    ],
)
def test_other_beginnings_are_let_go_at_once(text: str) -> None:
    assert not may_be_call(text)


@given(st.text(alphabet='<[{`"| \nnametoolcalfunction(', max_size=30), st.data())
def test_once_text_is_let_go_it_cannot_become_a_call(
    text: str, data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(text)))
    assert may_be_call(text[:size]) or not may_be_call(text)


@pytest.mark.parametrize("case", TAGGED)
def test_streamed_words_hold_back_only_what_may_open_a_call(case: str) -> None:
    call, _ = TAGGED[case]
    words = "I look < [ around. "
    for size in range(1, len(call) + 1):
        assert tail_may_open(words + call[:size]) >= size
    assert tail_may_open(words + call) == len(call)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("", 0),
        ("Hello", 0),
        ("a < b and c[0] > d", 0),
        ("see <", 1),
        ("see <tool", 5),
        ("see <tool_call> and more", 20),
        ("see [TOOL", 5),
        ("<tool is", 0),
        ("<<", 1),
    ],
)
def test_the_held_tail_is_as_short_as_it_can_be(text: str, held: int) -> None:
    assert tail_may_open(text) == held


@pytest.mark.parametrize(
    "said",
    [
        "For example:",
        "A call looks like this:",
        "Never send",
        "The format would be",
        "Do not answer with e.g.",
    ],
)
def test_a_tagged_call_that_is_shown_and_not_made_stays_text(said: str) -> None:
    call = (
        '<tool_call>{"name":"exec_command","arguments":{"cmd":"rm -rf /"}}</tool_call>'
    )
    assert find_calls(f"{said}\n\n{call}", OFFERED) is None
    assert find_calls(f"{said} {call}", OFFERED) is None
    made = find_calls(f"Let me look.\n{call}", OFFERED)
    assert made is not None
    assert [call.name for call in made.calls] == ["exec_command"]
