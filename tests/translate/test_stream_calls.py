import json
from typing import Any

import pytest

from chat_streams import (
    LS,
    PWD,
    call,
    delta,
    function_call,
    message,
    reasoning,
    run,
    text,
    translator,
)
from codex_oss.items import CustomToolCall, FunctionCall
from codex_oss.translate import found
from codex_oss.translate.quirks import Quirks
from codex_oss.wire import chat, responses
from response_grammar import DELTAS, items, last, meaning

# --- calls -------------------------------------------------------------------------


def test_a_call_goes_through_all_its_events() -> None:
    events = run(
        call("", name="exec_command", id="c1"), call('{"cmd":'), call(' "ls"}')
    )
    where: dict[str, Any] = {"item_id": "fc_2", "output_index": 0}
    opened = FunctionCall(
        id="fc_2", call_id="c1", name="exec_command", arguments="", status="in_progress"
    )
    done = function_call(2, LS, "c1")
    assert events[2:-1] == [
        responses.OutputItemAdded(sequence_number=2, output_index=0, item=opened),
        responses.FunctionCallArgumentsDelta(
            sequence_number=3, delta='{"cmd":', **where
        ),
        responses.FunctionCallArgumentsDelta(
            sequence_number=4, delta=' "ls"}', **where
        ),
        responses.FunctionCallArgumentsDone(
            sequence_number=5, name="exec_command", arguments=LS, **where
        ),
        responses.OutputItemDone(sequence_number=6, output_index=0, item=done),
    ]
    assert last(events).output == [done]


def test_text_and_a_call_are_two_items() -> None:
    assert items(run(*text("Looking."), call(LS, name="exec_command", id="c1"))) == [
        message("msg_2", "Looking."),
        function_call(3, LS, "c1"),
    ]


def test_text_after_a_call_is_not_lost() -> None:
    assert items(
        run(call(LS, name="exec_command", id="c1"), *text("\n"), *text("Done."))
    ) == [function_call(2, LS, "c1"), message("msg_3", "Done.")]


TWO = [function_call(2, LS, "c1"), function_call(3, PWD, "c2")]
PARALLEL: dict[str, list[dict[str, Any]]] = {
    "one after the other": [
        call("", name="exec_command", id="c1"),
        call(LS),
        call("", name="exec_command", id="c2", index=1),
        call(PWD, index=1),
    ],
    "in one chunk": [
        delta(
            tool_calls=[
                {"id": "c1", "function": {"name": "exec_command", "arguments": LS}},
                {"id": "c2", "function": {"name": "exec_command", "arguments": PWD}},
            ]
        )
    ],
    "under one index, with new ids": [
        call(LS, name="exec_command", id="c1"),
        call(PWD, name="exec_command", id="c2"),
    ],
    "interleaved": [
        call("", name="exec_command", id="c1"),
        call("", name="exec_command", id="c2", index=1),
        call(LS[:5]),
        call(PWD[:5], index=1),
        call(LS[5:]),
        call(PWD[5:], index=1),
    ],
    "without an index": [
        call(LS[:5], name="exec_command", id="c1", index=None),
        call(LS[5:], index=None),
        call(PWD, name="exec_command", id="c2", index=None),
    ],
    "id and name in every piece": [
        call(LS[:5], name="exec_command", id="c1"),
        call(LS[5:], name="exec_command", id="c1"),
        call(PWD, name="exec_command", id="c2", index=1),
    ],
    "a new id in every piece": [
        call(LS[:5], name="exec_command", id="c1"),
        call(LS[5:], name="exec_command", id="c9"),
        call(PWD, name="exec_command", id="c2", index=1),
    ],
    "the name in pieces": [
        call(None, name="exec_", id="c1"),
        call(None, name="command"),
        call(LS),
        call(PWD, name="exec_command", id="c2", index=1),
    ],
    "arguments as objects": [
        call({"cmd": "ls"}, name="exec_command", id="c1"),
        call({"cmd": "pwd"}, name="exec_command", id="c2", index=1),
    ],
}


@pytest.mark.parametrize("chunks", PARALLEL.values(), ids=PARALLEL.keys())
def test_two_calls_come_out_however_they_were_cut(chunks: list[dict[str, Any]]) -> None:
    got = items(run(*chunks, reason="tool_calls"))
    tight = [
        FunctionCall(**{**fields(item), "arguments": re_spaced(item.arguments)})
        for item in got
        if isinstance(item, FunctionCall)
    ]
    assert tight == TWO


def fields(item: FunctionCall) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


def re_spaced(arguments: str) -> str:
    return json.dumps(json.loads(arguments))


def test_a_whole_call_is_handed_out_before_the_next_one_ends() -> None:
    subject = translator()
    chunks = PARALLEL["one after the other"][:3]
    decoded = [chat.decode_chunk(json.dumps(chunk)) for chunk in chunks]
    events = [event for chunk in decoded if chunk for event in subject.feed(chunk)]
    assert items(events) == [function_call(2, LS, "c1")]


def test_a_call_without_id_gets_one() -> None:
    assert items(run(call(LS, name="exec_command"))) == [function_call(3, LS, "call_2")]


def test_an_id_that_the_conversation_has_already_is_replaced() -> None:
    earlier = FunctionCall(name="exec_command", arguments="{}", call_id="0")
    events = run(call(LS, name="exec_command", id="0"), input=[earlier])
    assert items(events) == [function_call(3, LS, "call_2")]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert items(run(call("", name="mcp__demo__echo", id="c1"))) == [
        function_call(2, "{}", "c1", "echo", namespace="mcp__demo")
    ]


@pytest.mark.parametrize("name", ["mcp__demo__echo", "echo"])
def test_a_namespaced_tool_gets_its_namespace_back(name: str) -> None:
    assert items(run(call("{}", name=name, id="c1"))) == [
        function_call(2, "{}", "c1", "echo", namespace="mcp__demo")
    ]


def test_a_call_without_a_name_is_none() -> None:
    assert items(run(call("{}", id="c1"), *text("Hi"))) == [message("msg_2", "Hi")]


PATCH = "*** Begin Patch\n*** End Patch"


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps({"input": PATCH}),
        json.dumps({"patch": PATCH}),
        json.dumps({"diff": PATCH}),
        json.dumps(PATCH),
        PATCH,
    ],
)
def test_a_freeform_tool_gets_its_text(arguments: str) -> None:
    pieces = [call(piece) for piece in (arguments[:9], arguments[9:])]
    events = run(call(None, name="apply_patch", id="c1"), *pieces)
    assert items(events) == [
        CustomToolCall(
            id="ctc_2",
            call_id="c1",
            name="apply_patch",
            input=PATCH,
            status="completed",
        )
    ]
    told = [e.delta for e in events if isinstance(e, DELTAS)]
    assert told == ["", "", PATCH]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("shell", '{"command": ["bash", "-lc", "ls"]}'),
        ("functions.exec_command", LS),
        ("exec_command<|channel|>commentary", LS),
        ("exec_command", "```json\n" + LS + "\n```"),
        ("exec_command", '{"cmd": "ls",}'),
        ("exec_command", '{"cmd": "ls"'),
        ("exec_command", json.dumps(LS)),
    ],
)
def test_a_call_is_mended(name: str, arguments: str) -> None:
    pieces = [call(piece) for piece in (arguments[:6], arguments[6:])]
    [item] = items(run(call(None, name=name, id="c1"), *pieces))
    assert isinstance(item, FunctionCall)
    assert (item.name, json.loads(item.arguments)) == ("exec_command", {"cmd": "ls"})


@pytest.mark.parametrize(
    ("name", "arguments"), [("nobody", "{}"), ("exec_command", '{"cmd": "rm -rf /tm')]
)
def test_what_cannot_be_mended_goes_out_as_it_came(name: str, arguments: str) -> None:
    assert items(run(call(arguments, name=name, id="c1"))) == [
        function_call(2, arguments, "c1", name)
    ]


def test_whole_calls_are_not_touched() -> None:
    odd = '{ "cmd":"ls" ,\n "more": 1e2}'
    assert items(run(call(odd, name="exec_command", id="c1"))) == [
        function_call(2, odd, "c1")
    ]


# --- calls in the text -------------------------------------------------------------

BARE = '{"name": "exec_command", "arguments": {"cmd": "ls"}}'
HERMES = f"<tool_call>\n{BARE}\n</tool_call>"
IN_TEXT = {
    "Hermes": HERMES,
    "bare JSON": BARE,
    "fenced JSON": f"```json\n{BARE}\n```",
    "a mended name": HERMES.replace("exec_command", "shell"),
}


@pytest.mark.parametrize("said", IN_TEXT.values(), ids=IN_TEXT.keys())
def test_a_text_that_is_a_call_is_one(said: str) -> None:
    for pieces in ([said], list(said), ["\n", said, "\n"]):
        [item] = items(run(*text(*pieces)))
        assert isinstance(item, FunctionCall)
        assert (item.name, json.loads(item.arguments)) == (
            "exec_command",
            {"cmd": "ls"},
        )


def test_words_before_a_tagged_call_are_told_at_once() -> None:
    events = run(*text("I look <", "b>there.\n<tool", HERMES[5:20], HERMES[20:]))
    told = [e.delta for e in events if isinstance(e, responses.OutputTextDelta)]
    assert told == ["I look ", "<b>there.\n"]
    [said, made] = items(events)
    assert said == message("msg_2", "I look <b>there.\n")
    assert isinstance(made, FunctionCall)


def test_a_call_may_hold_the_tag_that_ends_thinking() -> None:
    said = HERMES.replace('"ls"', '"grep </think> a"')
    for pieces in ([said], list(said), ["Look:\n", said]):
        made = items(run(*text(*pieces)))[-1]
        assert isinstance(made, FunctionCall)
        assert json.loads(made.arguments) == {"cmd": "grep </think> a"}


def test_thinking_about_a_call_is_no_call() -> None:
    said = f"I could send {HERMES} now.\n</think>\nHi"
    for pieces in ([said], list(said)):
        assert meaning(items(run(*text(*pieces)))) == [
            ("thought", f"I could send {HERMES} now."),
            ("said", "Hi"),
        ]


def test_thinking_and_a_call_may_both_stand_in_the_text() -> None:
    [thought, made] = items(run(*text(f"<think>Look</think>\n{HERMES}")))
    assert thought == reasoning("rs_2", "Look")
    assert isinstance(made, FunctionCall)


@pytest.mark.parametrize(
    "said",
    [
        f"{HERMES}\nThat is how.",
        '{"name": "nobody", "arguments": {}}',
        '{"a": 1}',
        "```python\nprint()\n```",
        "<b>bold</b>",
        "[link](x)",
        "<tool_call>",
    ],
)
def test_a_text_that_is_no_call_stays_whole(said: str) -> None:
    assert items(run(*text(said))) == [message("msg_2", said)]
    assert items(run(*text(*said))) == [message("msg_2", said)]


def test_of_a_cut_text_no_calls_are_taken() -> None:
    assert items(run(*text(HERMES), reason="length")) == [
        message("msg_2", HERMES, "incomplete")
    ]


def test_without_tools_no_calls_are_looked_for() -> None:
    events = run(*text(*HERMES), tools=[])
    assert items(events) == [message("msg_2", HERMES)]
    assert len(events) > len(HERMES)


def test_an_answer_that_is_to_be_json_is_never_a_call() -> None:
    said = IN_TEXT["bare JSON"]
    form = responses.TextParams(format={"type": "json_schema", "schema": {}})
    assert items(run(*text(said), text=form)) == [message("msg_2", said)]


def test_text_that_is_held_back_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "TEXT_LIMIT", 1000)
    said = '{"name": "exec_command", "arguments": {"cmd": "' + "x" * 2000
    events = run(*text(*said))
    assert items(events) == [message("msg_2", said)]


# --- constrained replies -----------------------------------------------------------

TOOLLESS = Quirks(tool_mode="constrained")


def test_a_constrained_call_is_a_call() -> None:
    said = '{"tool": "exec_command", "arguments": {"cmd": "ls"}}'
    for pieces in ([said], list(said)):
        events = run(*text(*pieces), quirks=TOOLLESS)
        assert items(events) == [function_call(3, LS, "call_2")]


def test_a_constrained_answer_is_told_as_it_comes() -> None:
    events = run(*text('{"ans', 'wer": "He', "llo\\nyou", '"}'), quirks=TOOLLESS)
    assert items(events) == [message("msg_2", "Hello\nyou")]
    told = [e.delta for e in events if isinstance(e, responses.OutputTextDelta)]
    assert "".join(told) == "Hello\nyou"
    assert len(told) > 1


def test_a_constrained_call_that_is_cut_is_none() -> None:
    for said in ('{"tool": "exec_command"', '{"tool": "exec_command", "arguments": {"'):
        assert items(run(*text(said), reason="length", quirks=TOOLLESS)) == []


def test_a_server_that_ignores_the_schema_may_still_say_something() -> None:
    assert items(run(*text("Hel", "lo"), quirks=TOOLLESS)) == [
        message("msg_2", "Hello")
    ]


def test_without_tools_a_reply_is_not_constrained() -> None:
    said = '{"answer": "Hi"}'
    assert items(run(*text(said), quirks=TOOLLESS, tools=[])) == [
        message("msg_2", said)
    ]
