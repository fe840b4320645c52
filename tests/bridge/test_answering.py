"""One ``POST /responses`` through a bridge, from the client's side and the server's."""

import asyncio
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import msgspec
import pytest

from bridging import CODEX, Answered, Asking, bridged, through
from codex_oss.bridge import answering
from codex_oss.config.provider import Provider
from codex_oss.items import FunctionCall, Message, Unknown, text_of
from codex_oss.providers import chat, probe
from codex_oss.wire import responses
from codex_oss.wire.framing import SseDecoder
from codex_oss.wiring import bridge as wired
from fake_ollama import FakeOllama
from fake_server import (
    LLAMACPP,
    WAIT_S,
    FakeServer,
    Gate,
    Reply,
    Scripted,
    Seen,
    chat_call,
    chat_text,
    chat_turn,
    closed_port,
    message,
    sse,
    turn,
)
from response_grammar import check_grammar, items

HI = chat_turn(chat_text("h"), chat_text("i"), prompt_tokens=7, completion_tokens=2)
STREAM = {"input": "hello", "stream": True}
TOOL = {
    "type": "function",
    "name": "exec_command",
    "description": "Runs a command.",
    "parameters": {
        "type": "object",
        "properties": {"cmd": {"type": "string"}},
        "required": ["cmd"],
    },
}


def ask(
    script: list[Scripted],
    tmp: Path,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    **changes: Any,
) -> tuple[Answered, FakeServer]:
    """Ask a scripted server through a bridge once."""
    with FakeServer(script, get=LLAMACPP) as server:
        answered = through(
            server.url,
            tmp,
            lambda asking: asking.respond(body or STREAM, headers),
            **changes,
        )
    return answered, server


def said(answered: Answered) -> list[str]:
    return [
        text_of(i.content) for i in items(answered.events) if isinstance(i, Message)
    ]


def test_an_answer_is_streamed_in_the_apis_order(tmp_path: Path) -> None:
    answered, server = ask([HI], tmp_path)
    assert (answered.status, answered.headers["content-type"]) == (
        200,
        "text/event-stream",
    )
    check_grammar(answered.events)
    assert said(answered) == ["hi"]
    [post] = server.posts
    assert post.path == "/v1/chat/completions"
    assert post.json["messages"] == [{"role": "user", "content": "hello"}]


def test_an_answer_that_is_not_streamed_is_one_object(tmp_path: Path) -> None:
    answered, _ = ask([HI], tmp_path, {"input": "hello"})
    whole = answered.json
    assert (whole["status"], whole["model"]) == ("completed", "m")
    assert whole["output"][0]["content"][0]["text"] == "hi"
    assert whole["usage"]["total_tokens"] == 9


def test_the_same_response_can_be_gone_on_from_read_and_forgotten(
    tmp_path: Path,
) -> None:
    async def use(asking: Asking) -> list[Any]:
        first = (await asking.respond({"input": "one"})).json
        more = {"input": "two", "previous_response_id": first["id"], "stream": True}
        second = (await asking.respond(more)).events[-1]
        assert isinstance(second, responses.Completed)
        path = f"/v1/responses/{second.response.id}"
        got = await asking.ask("GET", path)
        gone = await asking.ask("DELETE", path)
        after = await asking.ask("GET", path)
        return [got.json["status"], gone.json["deleted"], after.status]

    with FakeServer([HI]) as server:
        assert through(server.url, tmp_path, use) == ["completed", True, 404]
    assert server.posts[1].json["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "two"},
    ]


def test_codex_does_not_have_its_responses_kept_unless_it_asks(tmp_path: Path) -> None:
    async def use(asking: Asking) -> int:
        first = (await asking.respond({"input": "one"}, CODEX)).json
        return (await asking.ask("GET", f"/v1/responses/{first['id']}")).status

    with FakeServer([HI]) as server:
        assert through(server.url, tmp_path, use) == 404


# --- what goes wrong ----------------------------------------------------------------

LLAMA_OVERFLOW = {
    "error": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
    }
}
REFUSALS: list[tuple[str, Reply, int, str, int, str]] = [
    ("400", Reply(status=400, body={"error": "no"}), 400, "no", 400, "no"),
    (
        "401",
        Reply(status=401, body={"error": "bad"}),
        400,
        "refused the key",
        401,
        "key",
    ),
    ("404", Reply(status=404, body={"error": "m?"}), 400, "pulled", 404, "pulled"),
    ("500", Reply(status=500, body={"error": "boom"}), 400, "boom", 502, "boom"),
    (
        "a page",
        Reply(body="<html>", headers={"content-type": "text/html"}),
        400,
        "base_url",
        404,
        "base_url",
    ),
    (
        "too long",
        Reply(status=400, body=LLAMA_OVERFLOW),
        400,
        '"code":"context_length_exceeded"',
        400,
        '"code":"context_length_exceeded"',
    ),
    (
        "busy",
        Reply(status=429, headers={"retry-after": "120"}, body={"error": "later"}),
        429,
        "later",
        429,
        "later",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_refusal_says_what_to_do(
    case: tuple[str, Reply, int, str, int, str], *, stream: bool, tmp_path: Path
) -> None:
    _, reply, codex_status, codex_words, status, words = case
    body = {"input": "x", "stream": stream}
    told, _ = ask([reply], tmp_path, body, CODEX)
    assert told.status == codex_status
    assert codex_words in told.body.decode()
    told, _ = ask([reply], tmp_path, body)
    assert told.status == status
    assert words in told.json["error"]["message"] or words in told.body.decode()


def test_a_permanent_refusal_is_asked_for_once(tmp_path: Path) -> None:
    _, server = ask([Reply(status=400, body={"error": "no"})], tmp_path, None, CODEX)
    assert len(server.posts) == 1


def test_a_fault_is_asked_about_twice(tmp_path: Path) -> None:
    _, server = ask([Reply(status=500, body={"error": "no"})], tmp_path, None, CODEX)
    assert len(server.posts) == 2


def test_a_busy_server_names_the_wait(tmp_path: Path) -> None:
    busy = Reply(status=429, headers={"retry-after": "120"}, body={"error": "later"})
    told, _ = ask([busy], tmp_path)
    assert told.headers["retry-after"] == "120"


@pytest.mark.parametrize("headers", [{}, CODEX], ids=["anybody", "codex"])
def test_a_server_that_is_down_is_named(
    headers: dict[str, str], tmp_path: Path
) -> None:
    with closed_port() as port:
        told = through(
            f"http://127.0.0.1:{port}", tmp_path, lambda a: a.respond(STREAM, headers)
        )
    assert told.status == (400 if headers else 502)
    assert f"127.0.0.1:{port}" in told.body.decode()
    assert "start the server" in told.body.decode()


def test_a_server_that_loads_its_model_is_waited_for(tmp_path: Path) -> None:
    loading = Reply(
        status=503,
        headers={"retry-after": "0"},
        body={"error": {"code": 503, "message": "Loading model"}},
    )
    answered, server = ask([loading, loading, loading, HI], tmp_path)
    assert said(answered) == ["hi"]
    assert len(server.posts) == 4


def test_a_failure_after_the_stream_began_is_its_last_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PATIENCE_S", 0.01)
    gate = Gate()

    def slow(_: Any) -> Reply:
        gate.pass_through()
        return Reply(status=400, body={"error": "no such thing"})

    async def use(asking: Asking) -> Answered:
        with await asking.client.open(
            "POST",
            f"{asking.url}/v1/responses",
            headers=tuple(CODEX.items()),
            body=msgspec.json.encode({"model": "m"} | STREAM),
        ) as reply:
            gate.open()  # the stream has begun, and the server has said nothing
            return Answered(reply.status, reply.headers, await reply.read(1 << 20))

    with FakeServer([slow]) as server:
        answered = through(server.url, tmp_path, use)
    check_grammar(answered.events)
    [*_, end] = answered.events
    assert isinstance(end, responses.Failed)
    error = end.response.error
    assert error == responses.ResponseError("invalid_prompt", "no such thing")


# --- broken answers -----------------------------------------------------------------


def test_an_answer_cut_before_anything_was_shown_is_asked_for_once_more(
    tmp_path: Path,
) -> None:
    cut = Reply(chunks=[b": ping\n\n"], cut=True)
    answered, server = ask([cut, HI], tmp_path)
    check_grammar(answered.events)
    assert said(answered) == ["hi"]
    assert len(server.posts) == 2


def test_an_answer_cut_later_is_told_as_it_is(tmp_path: Path) -> None:
    cut = Reply(chunks=[sse([chat_text("half")])], cut=True)
    answered, server = ask([cut, HI], tmp_path, None, CODEX)
    [*_, end] = answered.events
    assert isinstance(end, responses.Failed)
    assert end.response.error is not None
    assert end.response.error.code == "upstream_error"
    assert len(server.posts) == 1


def test_a_fault_inside_of_the_stream_before_anything_was_shown_is_forgiven_once(
    tmp_path: Path,
) -> None:
    broken = Reply(chunks=[sse([{"error": {"message": "oh", "code": 500}}])])
    answered, server = ask([broken, HI], tmp_path)
    assert said(answered) == ["hi"]
    answered, server = ask([broken], tmp_path, None, CODEX)
    [*_, end] = answered.events
    assert isinstance(end, responses.Failed)
    assert end.response.error == responses.ResponseError("invalid_prompt", "oh")
    assert len(server.posts) == 2


def test_a_call_beyond_mending_is_asked_for_once_more(tmp_path: Path) -> None:
    bad = chat_turn(chat_call("no_such_tool", "{}"))
    good = chat_turn(chat_call("exec_command", '{"cmd":"ls"}'))
    body = {"input": "x", "stream": True, "tools": [TOOL]}
    answered, server = ask([bad, good], tmp_path, body)
    check_grammar(answered.events)
    calls = [i for i in items(answered.events) if isinstance(i, FunctionCall)]
    assert [(call.name, call.arguments) for call in calls] == [
        ("exec_command", '{"cmd":"ls"}')
    ]
    again = server.posts[1].json["messages"]
    assert again[:1] == server.posts[0].json["messages"]
    assert "no tool `no_such_tool`" in again[-1]["content"]


def test_mending_can_be_turned_off(tmp_path: Path) -> None:
    bad = chat_turn(chat_call("bash", '{"command":"ls"}'))
    body = {"input": "x", "stream": True, "tools": [TOOL]}
    off: dict[str, Any] = {"repair": False, "text_calls": False, "ask_again": False}
    answered, server = ask([bad], tmp_path, body, **off)
    [call] = [i for i in items(answered.events) if isinstance(i, FunctionCall)]
    assert (call.name, call.arguments) == ("bash", '{"command":"ls"}')
    assert len(server.posts) == 1


# --- alive --------------------------------------------------------------------------


def test_a_silent_server_does_not_make_a_silent_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PATIENCE_S", 0.01)
    gate = Gate()
    slow = Reply(chunks=[b": reading\n\n", gate, sse(HI)])

    async def use(asking: Asking) -> list[responses.Event]:
        decoder, seen = SseDecoder(), list[responses.Event]()
        body = msgspec.json.encode({"model": "m"} | STREAM)
        url = f"{asking.url}/v1/responses"
        with await asking.client.open("POST", url, body=body) as reply:
            while data := await reply.receive():
                seen += [responses.decode_event(f.data) for f in decoder.feed(data)]
                if len(seen) == 5:
                    gate.open()
        return seen

    with FakeServer([slow]) as server:
        events = through(server.url, tmp_path, use, keep_alive_s=0.04)
    before = [type(event) for event in events[:5]]
    assert before == [responses.Created, *[responses.InProgress] * 4]
    numbers = [e.sequence_number for e in events if not isinstance(e, Unknown)]
    assert numbers == list(range(len(events)))
    [message] = items(events)
    assert isinstance(message, Message)
    assert text_of(message.content) == "hi"


def test_a_client_that_leaves_ends_the_servers_work(tmp_path: Path) -> None:
    async def use(asking: Asking) -> None:
        asked = asyncio.create_task(asking.respond(STREAM))
        post = await asyncio.to_thread(came.get, timeout=180)
        asked.cancel()
        gone = await asyncio.to_thread(post.gone.wait, 60)
        assert gone

    def silent(seen: Seen) -> Reply:
        came.put(seen)
        return Reply(silent=True)

    came: SimpleQueue[Seen] = SimpleQueue()
    with FakeServer([silent]) as server:
        through(server.url, tmp_path, use)


def test_a_bridge_that_stops_says_that_its_answers_are_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wired, "GRACE_S", 0)
    gate = Gate()
    half = chat_turn(chat_text("half"))[:1]

    async def use(upstream: str) -> bytes:
        async with asyncio.timeout(WAIT_S):
            async with bridged(upstream, tmp_path) as asking:
                port = int(asking.url.rpartition(":")[2])
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                body = msgspec.json.encode({"model": "m"} | STREAM)
                head = "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\n"
                size = f"content-length: {len(body)}\r\n\r\n"
                writer.write((head + size).encode() + body)
                await reader.readuntil(b'"delta":"half"')
            rest = await reader.read()
            writer.close()
            return rest

    with FakeServer([Reply(chunks=[sse(half), gate])]) as server:
        rest = asyncio.run(use(server.url))
        gate.open()
    assert b"event: response.failed\n" in rest
    assert b'"code":"upstream_cut","message":"the bridge was stopped' in rest


# --- conversations ------------------------------------------------------------------


def codex_turn(*more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    head = {"type": "message", "role": "developer", "content": "You are here."}
    user = {"type": "message", "role": "user", "content": "hello"}
    return {
        "input": [head, user, *more],
        "stream": True,
        "prompt_cache_key": "thread",
        **fields,
    }


def test_a_request_for_a_summary_keeps_the_prompts_head(tmp_path: Path) -> None:
    async def use(asking: Asking) -> None:
        await asking.respond(codex_turn(tools=[TOOL]), CODEX)
        late = {"type": "message", "role": "user", "content": "Summarise."}
        await asking.respond(codex_turn(late, tools=[]), CODEX)
        title: dict[str, Any] = {
            "format": {"type": "json_schema", "name": "t", "schema": {}}
        }
        await asking.respond(codex_turn(late, text=title), CODEX)

    with FakeServer([HI], get=LLAMACPP) as server:
        through(server.url, tmp_path, use)
    turn, summary, title = (post.json for post in server.posts)
    assert summary["tools"] == turn["tools"]
    assert summary["tool_choice"] == "none"
    assert summary["messages"][:2] == turn["messages"]
    assert "tools" not in title


def test_a_late_developer_message_does_not_change_the_head(tmp_path: Path) -> None:
    late = {"type": "message", "role": "developer", "content": "Now be brief."}

    async def use(asking: Asking) -> None:
        await asking.respond(codex_turn(), CODEX)
        await asking.respond(codex_turn(late), CODEX)

    with FakeServer([HI]) as server:
        through(server.url, tmp_path, use)
    before, after = (post.json["messages"] for post in server.posts)
    assert after[:2] == before
    assert [message["role"] for message in after] == ["system", "user", "user"]


def test_an_answer_runs_in_the_background_and_is_polled(tmp_path: Path) -> None:
    async def use(asking: Asking) -> str:
        begun = (await asking.respond({"input": "x", "background": True})).json
        assert begun["status"] in ("queued", "in_progress")
        while True:
            got = (await asking.ask("GET", f"/v1/responses/{begun['id']}")).json
            if got["status"] not in ("queued", "in_progress"):
                return got["output"][0]["content"][0]["text"]
            await asyncio.sleep(0)

    with FakeServer([HI]) as server:
        assert through(server.url, tmp_path, use) == "hi"


# --- what is learned of the server --------------------------------------------------


def test_a_server_that_loads_is_known_once_it_has(tmp_path: Path) -> None:
    loading = Reply(status=503, body={"error": {"message": "Loading model"}})
    props: list[Scripted] = [loading, LLAMACPP["/props"]]

    async def use(asking: Asking) -> None:
        await asking.respond(STREAM)
        await asking.respond(STREAM)

    def told(_: Seen) -> Any:
        return props.pop(0) if len(props) > 1 else Reply(body=LLAMACPP["/props"])

    with FakeServer([HI], get={"/props": told}) as server:
        through(server.url, tmp_path, use)
    before, after = (post.json for post in server.posts)
    assert "return_progress" not in before
    assert after["return_progress"] is True


def test_a_server_that_says_nothing_of_itself_is_not_asked_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "ASK_S", 1.0)

    async def use(asking: Asking) -> None:
        for _ in range(3):
            await asking.respond(STREAM)

    with FakeServer([HI], get={"/props": Reply(silent=True)}) as server:
        through(server.url, tmp_path, use)
    assert [seen.path for seen in server.requests].count("/props") == 1
    assert len(server.posts) == 3


def test_an_ollama_that_is_not_well_at_first_is_spoken_to_natively_later(
    tmp_path: Path,
) -> None:
    async def use(asking: Asking) -> None:
        well = server.get
        ill = cast("Scripted", Reply(status=503, body="busy"))
        server.get = dict.fromkeys((*well, "/props"), ill)
        await asking.respond({"input": "x"})
        assert not server.chats
        server.get = well
        assert (await asking.respond({"input": "x"})).status == 200

    with FakeOllama() as server:
        through(server.url, tmp_path, use, wire="auto")
    assert len(server.chats) == 1


def test_a_log_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    async def use(asking: Asking) -> int:
        asking.break_log()
        return (await asking.respond({"input": "x"})).status

    with FakeServer([HI]) as server:
        assert through(server.url, tmp_path, use, debug=True) == 200


def test_a_server_of_responses_is_not_told_of_what_is_kept_here(tmp_path: Path) -> None:
    async def use(asking: Asking) -> None:
        first = (await asking.respond({"input": "one"})).json
        await asking.respond({"input": "two", "previous_response_id": first["id"]})

    with FakeServer([turn(message("hi"))]) as server:
        speaks = Provider(name="up", base_url=f"{server.url}/v1", wire_api="responses")
        through(server.url, tmp_path, use, wire="responses", provider=speaks)
    sent = server.posts[1].json
    assert "previous_response_id" not in sent
    assert (sent["store"], sent["stream"], len(sent["input"])) == (False, True, 3)


def test_an_answer_without_an_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "MAX_ANSWER_BYTES", 10_000)
    endless = Reply(chunks=[sse([chat_text("again and ")] * 100)], silent=True)
    told, _ = ask([endless], tmp_path, {"input": "x"})
    assert told.status == 502
    assert "max_output_tokens" in told.json["error"]["message"]
    told, _ = ask([endless], tmp_path, None, CODEX)
    assert b"max_output_tokens" in told.body


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"message": "oh", "code": 500}, 502, "upstream_error"),
        (
            {"message": "prompt is too long", "code": 400},
            400,
            "context_length_exceeded",
        ),
        ({"message": "rate limit", "code": 429}, 429, "rate_limit_exceeded"),
    ],
)
def test_a_fault_inside_of_an_answer_that_is_not_streamed_is_a_status(
    said: dict[str, Any], status: int, code: str, tmp_path: Path
) -> None:
    broken = Reply(chunks=[sse([chat_text("half"), {"error": said}])])
    told, _ = ask([broken], tmp_path, {"input": "x"})
    assert (told.status, told.json["error"]["code"]) == (status, code)
