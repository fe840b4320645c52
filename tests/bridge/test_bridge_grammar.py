"""Whatever a server sends, what a client of the bridge gets is a whole response."""

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridging import CODEX, Answered, through
from codex_oss.items import FunctionCall
from codex_oss.wire import responses
from fake_server import LLAMACPP, Event, FakeServer, Reply, chunk, sse
from response_grammar import ENDS, check_grammar, items

TOOLS = [
    {
        "type": "function",
        "name": "exec_command",
        "parameters": {
            "type": "object",
            "properties": {"cmd": {"type": "string"}},
            "required": ["cmd"],
        },
    },
    {"type": "custom", "name": "apply_patch", "description": "Patches."},
    {
        "type": "namespace",
        "name": "mcp__x",
        "tools": [{"type": "function", "name": "echo", "parameters": None}],
    },
]
TEXTS = (
    "Hello", " ", "<think>", "</think>", "<tool_call>", "</tool_call>", "```json\n",
    '{"name":"exec_command","arguments":{"cmd":"ls"}}', "[TOOL_CALLS]", "\u2026", "\n",
)  # fmt: skip
NAMES = ("exec_command", "bash", "apply_patch", "mcp__x__echo", "echo", "nope", "")
ARGUMENTS = ('{"cmd":"ls"}', '{"cmd":', '"ls"}', "{}", "", "ls", '{"input":"x"}', "[]")


def text(said: str) -> Event:
    return chunk({"content": said})


def thought(key: str, said: str) -> Event:
    return chunk({key: said})


def a_call(
    index: int | None, call_id: str | None, name: str | None, arguments: str
) -> Event:
    function = {"name": name, "arguments": arguments}
    return chunk(
        {"tool_calls": [{"index": index, "id": call_id, "function": function}]}
    )


def refused(status: int) -> Reply:
    return Reply(status=status, body={"error": "no"})


def answered(events: list[Event], at: int, *, cut: bool) -> Reply:
    body = sse(events)
    return Reply(chunks=[part for part in (body[:at], body[at:]) if part], cut=cut)


ENDINGS: list[Event] = [
    *(chunk({}, finish=finish) for finish in ("stop", "length", "tool_calls", "error")),
    {"error": {"message": "oh", "code": 500}},
    {"error": {"message": "the prompt is too long", "code": 400}},
    "{nonsense",
    "[DONE]",
    {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}},
]

texts = st.builds(text, st.sampled_from(TEXTS))
thoughts = st.builds(
    thought, st.sampled_from(["reasoning", "reasoning_content"]), st.sampled_from(TEXTS)
)
calls = st.builds(
    a_call,
    st.sampled_from([0, 1, None]),
    st.sampled_from(["call_1", "call_2", None]),
    st.sampled_from([*NAMES, None]),
    st.sampled_from(ARGUMENTS),
)
streams = st.lists(
    st.one_of(texts, thoughts, calls, st.sampled_from(ENDINGS)), max_size=8
)
answers = st.builds(answered, streams, st.integers(0, 400), cut=st.booleans())
refusals = st.builds(refused, st.sampled_from([400, 404, 500]))
scripts = st.lists(st.one_of(answers, answers, refusals), min_size=1, max_size=3)


def ask(script: list[Reply], *, codex: bool, stream: bool) -> Answered:
    body: dict[str, Any] = {"input": "x", "stream": stream, "tools": TOOLS}
    headers = CODEX if codex else {}
    with tempfile.TemporaryDirectory() as tmp, FakeServer(script, get=LLAMACPP) as up:
        return through(up.url, Path(tmp), lambda asking: asking.respond(body, headers))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts)
def test_no_stream_is_ungrammatical(script: list[Reply]) -> None:
    got = ask(script, codex=True, stream=True)
    if got.status != 200:
        assert got.body
        return
    events = got.events
    assert isinstance(events[-1], ENDS)
    assert not any(isinstance(event, ENDS) for event in events[:-1])
    _check_numbers(events)
    for item in items(events):
        if isinstance(item, FunctionCall):
            assert item.call_id
            assert item.name


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts)
def test_what_is_not_streamed_is_a_response_or_an_error(script: list[Reply]) -> None:
    got = ask(script, codex=False, stream=False)
    whole = msgspec.json.decode(got.body)
    if got.status == 200:
        assert whole["status"] in ("completed", "incomplete", "failed")
        ids = [item["id"] for item in whole["output"]]
        assert len(set(ids)) == len(ids)
    else:
        assert whole["error"]["message"]


def _check_numbers(events: list[responses.Event]) -> None:
    """Assert that events without life signs in between follow the grammar."""
    life = responses.InProgress
    kept = [e for n, e in enumerate(events) if n < 2 or not isinstance(e, life)]
    for number, event in enumerate(kept):
        msgspec.structs.force_setattr(event, "sequence_number", number)  # pyright: ignore[reportArgumentType] an Unknown would fail here
    check_grammar(kept, asked_again=True)
