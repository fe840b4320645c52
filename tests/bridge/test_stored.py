"""Responses that are asked for again, and answers in the background."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from codex_oss.bridge import detached as detached_module
from codex_oss.bridge.detached import Detached
from codex_oss.bridge.full import Frame, encode_event
from codex_oss.bridge.running import MAX_ENDED, MAX_RUNNING, Running
from codex_oss.bridge.store import Kept, Store, open_store
from codex_oss.bridge.stored import Stored
from codex_oss.errors import Busy, StoreError
from codex_oss.items import Message, OutputText
from codex_oss.net.server import Exchange, HttpRequest
from codex_oss.wire import responses

NOW = 1_800_000_000


class FakeWire:
    """What the client of an exchange gets."""

    def __init__(self) -> None:
        self.sent = b""
        self.over = asyncio.Event()
        self.news = asyncio.Event()
        self.blocked = False

    def encode_head(self, status: int, content_type: str, headers: Any) -> bytes:
        return f"{status} {content_type}\r\n".encode()

    def write(self, data: bytes) -> None:
        self.sent += data
        self.news.set()

    def write_soon(self, exchange: Exchange) -> None:
        exchange.flush()

    async def writable(self) -> None:
        self.blocked = False

    def answered(self, exchange: Exchange) -> None:
        self.over.set()

    async def has(self, text: bytes) -> None:
        while text not in self.sent:
            self.news.clear()
            await self.news.wait()


class Bridge:
    """Kept responses and running answers, and a client that asks for them."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or open_store("memory", folder=Path(), now=lambda: NOW)
        self.complaints: list[tuple[str, str]] = []
        self.running = Running(
            self.store, lambda kept, error: self.complaints.append((kept, str(error)))
        )
        self.stored = Stored(self.store, self.running)

    def open(self, method: str, target: str, owner: str = "me") -> FakeWire:
        """Ask for a path below ``/responses/``, with a query."""
        path, _, query = target.partition("?")
        pairs = [pair.partition("=") for pair in query.split("&") if pair]
        request = HttpRequest(
            method=method,
            path=f"/v1/responses/{path}",
            target=f"/v1/responses/{target}",
            query={name: value for name, _, value in pairs},
            headers={},
            body=b"",
            peer="127.0.0.1",
        )
        wire = FakeWire()
        exchange = Exchange(request, wire)
        self._task = asyncio.ensure_future(
            self.stored.handle(exchange, path.split("/"), owner)
        )
        return wire

    async def ask(self, method: str, target: str, owner: str = "me") -> tuple[int, Any]:
        wire = self.open(method, target, owner)
        await self._task
        head, _, body = wire.sent.partition(b"\r\n\r\n")
        return int(head[:3]), msgspec.json.decode(body)

    def start(
        self, work: Callable[[Detached], Awaitable[None]], response_id: str = "resp_1"
    ) -> Detached:
        return self.running.start(framed(response_id), kept(response_id), work)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(bounded())


def framed(response_id: str = "resp_1") -> Frame:
    return Frame(
        responses.Request(model="tiny", input=[]),
        responses.Extras(background=True),
        response_id=response_id,
        now=lambda: NOW,
        store=True,
    )


def kept(response_id: str = "resp_1", **fields: Any) -> Kept:
    usual = Kept(
        id=response_id,
        created_at=NOW,
        owner="me",
        response=msgspec.json.encode({"id": response_id, "background": False}),
        input_items=b"[]",
    )
    return replace(usual, **fields)


def missing(response_id: str) -> tuple[int, Any]:
    message = f"Response with id '{response_id}' not found."
    kind = "invalid_request_error"
    error = {"message": message, "type": kind, "code": None, "param": None}
    return 404, {"error": error}


async def answered(bridge: Bridge) -> None:
    """Wait for the end of all that runs."""
    await asyncio.gather(*[run.task for run in bridge.running._runs.values()])


def said(text: str) -> Message:
    part = OutputText(text=text)
    return Message(role="assistant", id="msg_1", status="completed", content=[part])


class Script:
    """An answer in the background: two deltas, a pause, a third, and the end."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.stopped = False

    async def __call__(self, answer: Detached) -> None:
        frame = answer._frame
        answer.start(200, content_type="text/event-stream")
        created = responses.Created(response=frame.blank)
        first = [frame.life_event(created, 0), delta("a", 1), delta("b", 2)]
        answer.write(b"".join(first))
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.stopped = True
            answer.finish()  # as `Streamed.close` does
            raise
        ended = replace(frame.blank, status="completed", output=[said("abc")])
        completed = responses.Completed(response=ended)
        answer.write(delta("c", 3) + frame.life_event(completed, 4))
        await self._bridge.store.put(replace(answer.kept, response=frame.encode(ended)))
        answer.finish()


def delta(text: str, number: int) -> bytes:
    return encode_event(responses.OutputTextDelta(item_id="msg_1", delta=text), number)


def numbers(sent: bytes) -> list[int]:
    return [
        msgspec.json.decode(line.removeprefix(b"data: "))["sequence_number"]
        for line in sent.split(b"\n")
        if line.startswith(b"data: ")
    ]


# --- kept responses -------------------------------------------------------------------


def test_a_kept_response_is_read_and_deleted_by_its_owner_only() -> None:
    async def work() -> None:
        bridge = Bridge()
        await bridge.store.put(kept())
        whole = {"id": "resp_1", "background": False}
        assert await bridge.ask("GET", "resp_1", "you") == missing("resp_1")
        assert await bridge.ask("DELETE", "resp_1", "you") == missing("resp_1")
        assert await bridge.ask("GET", "resp_1") == (200, whole)
        deleted = {"id": "resp_1", "object": "response", "deleted": True}
        assert await bridge.ask("DELETE", "resp_1") == (200, deleted)
        assert await bridge.ask("GET", "resp_1") == missing("resp_1")
        assert await bridge.ask("DELETE", "resp_1") == missing("resp_1")

    run(work)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("PUT", "resp_1", 405),
        ("POST", "resp_1/input_items", 405),
        ("GET", "resp_1/cancel", 405),
        ("GET", "resp_1/else", 404),
        ("POST", "resp_1/cancel/now", 404),
    ],
)
def test_other_paths_and_methods_are_refused(
    method: str, target: str, status: int
) -> None:
    async def work() -> None:
        got, body = await Bridge().ask(method, target)
        assert (got, body["error"]["code"]) == (status, "unknown_url")

    run(work)


# --- input items ----------------------------------------------------------------------

ITEMS: list[dict[str, Any]] = [
    {"type": "message", "role": "user", "content": []},
    {"type": "function_call", "id": "fc_x", "status": "incomplete"},
    {"type": "function_call_output", "output": "", "id": None},
]
LISTED = [
    {**ITEMS[0], "id": "msg_1_0", "status": "completed"},
    ITEMS[1],
    {**ITEMS[2], "id": "item_1_2", "status": "completed"},
]


@pytest.mark.parametrize(
    ("query", "places", "left"),
    [
        ("", [2, 1, 0], 0),
        ("?order=asc", [0, 1, 2], 0),
        ("?order=asc&limit=2", [0, 1], 1),
        ("?order=asc&limit=2&after=fc_x", [2], 0),
        ("?limit=1&after=item_1_2", [1], 1),
        ("?order=asc&before=item_1_2", [0, 1], 0),
        ("?after=msg_1_0", [], 0),
    ],
)
def test_input_items_come_in_pages_with_ids_that_stay(
    query: str, places: list[int], left: int
) -> None:
    async def work() -> None:
        bridge = Bridge()
        await bridge.store.put(kept(input_items=msgspec.json.encode(ITEMS)))
        data = [LISTED[place] for place in places]
        assert await bridge.ask("GET", f"resp_1/input_items{query}") == (
            200,
            {
                "object": "list",
                "data": data,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
                "has_more": left > 0,
            },
        )

    run(work)


@pytest.mark.parametrize(
    ("query", "param", "message"),
    [
        ("limit=0", "limit", "`limit` is `0`"),
        ("limit=101", "limit", "`limit` is `101`"),
        ("limit=x", "limit", "`limit` is `x`"),
        ("order=up", "order", "`order` is `up`"),
        ("after=msg_9", "after", "there is no input item `msg_9`"),
        ("before=msg_9", "before", "there is no input item `msg_9`"),
    ],
)
def test_a_wrong_page_is_refused_by_its_parameter(
    query: str, param: str, message: str
) -> None:
    async def work() -> None:
        bridge = Bridge()
        await bridge.store.put(kept())
        status, body = await bridge.ask("GET", f"resp_1/input_items?{query}")
        error = body["error"]
        assert (status, error["param"], error["message"]) == (400, param, message)

    run(work)


def test_input_items_of_a_missing_response_are_missing() -> None:
    async def work() -> None:
        assert await Bridge().ask("GET", "resp_1/input_items") == missing("resp_1")

    run(work)


# --- answers in the background --------------------------------------------------------


def test_an_answer_in_the_background_is_polled_until_it_is_whole() -> None:
    async def work() -> None:
        bridge = Bridge()
        script = Script(bridge)
        answer = bridge.start(script)
        assert msgspec.json.decode(answer.body)["status"] == "queued"
        await script.begun.wait()
        status, body = await bridge.ask("GET", "resp_1")
        assert (status, body["status"], body["output"]) == (200, "in_progress", [])
        assert await bridge.ask("GET", "resp_1", "you") == missing("resp_1")
        script.go_on.set()
        await answered(bridge)
        status, body = await bridge.ask("GET", "resp_1")
        assert (status, body["status"]) == (200, "completed")
        assert body["output"][0]["content"][0]["text"] == "abc"
        inside = await bridge.store.get("resp_1")
        assert inside is not None
        assert msgspec.json.decode(inside.response) == body

    run(work)


def test_its_stream_is_read_from_any_event_on_while_it_grows() -> None:
    async def work() -> None:
        bridge = Bridge()
        script = Script(bridge)
        bridge.start(script)
        await script.begun.wait()
        early = bridge.open("GET", "resp_1?stream=true")
        await early.has(b'"delta":"b"')
        late = bridge.open("GET", "resp_1?stream=true&starting_after=1")
        await late.has(b'"delta":"b"')
        assert not early.over.is_set()
        early.blocked = True  # its next write must wait
        script.go_on.set()
        await early.over.wait()
        await late.over.wait()
        after = bridge.open("GET", "resp_1?stream=true&starting_after=3")
        await after.over.wait()
        assert numbers(early.sent) == [0, 1, 2, 3, 4]
        assert numbers(late.sent) == [2, 3, 4]
        assert numbers(after.sent) == [4]
        assert after.sent.startswith(b"200 text/event-stream")

    run(work)


def test_a_reader_that_leaves_does_not_stop_the_answer() -> None:
    async def work() -> None:
        bridge = Bridge()
        script = Script(bridge)
        answer = bridge.start(script)
        await script.begun.wait()
        reader = bridge.open("GET", "resp_1?stream=true")
        await reader.has(b'"delta":"b"')
        bridge._task.cancel()
        script.go_on.set()
        await answered(bridge)
        assert msgspec.json.decode(answer.body)["status"] == "completed"

    run(work)


@pytest.mark.parametrize(
    ("target", "status", "param"),
    [
        ("resp_1?stream=true", 400, "stream"),
        ("resp_2?stream=true", 404, None),
        ("resp_3?stream=true&starting_after=x", 400, "starting_after"),
        ("resp_3?stream=true", 400, "starting_after"),
    ],
)
def test_events_that_are_not_kept_are_refused(
    target: str, status: int, param: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detached_module, "REPLAY_BYTES", 300)

    async def work() -> None:
        bridge = Bridge()
        await bridge.store.put(kept())
        script = Script(bridge)
        script.go_on.set()
        bridge.start(script, "resp_3")
        await answered(bridge)
        got, body = await bridge.ask("GET", target)
        assert (got, body["error"]["param"]) == (status, param)

    run(work)


def test_a_cancelled_answer_stops_at_once_and_is_kept_as_cancelled() -> None:
    async def work() -> None:
        bridge = Bridge()
        script = Script(bridge)
        bridge.start(script)
        await script.begun.wait()
        reader = bridge.open("GET", "resp_1?stream=true")
        await reader.has(b'"delta":"b"')
        assert await bridge.ask("POST", "resp_1/cancel", "you") == missing("resp_1")
        status, body = await bridge.ask("POST", "resp_1/cancel")
        assert (status, body["status"]) == (200, "cancelled")
        assert script.stopped
        await reader.over.wait()
        assert await bridge.ask("POST", "resp_1/cancel") == (200, body)
        inside = await bridge.store.get("resp_1")
        assert inside is not None
        assert msgspec.json.decode(inside.response) == body

    run(work)


def test_an_answer_that_is_cancelled_before_it_began_is_kept_as_cancelled() -> None:
    async def work() -> None:
        bridge = Bridge()
        bridge.start(Script(bridge))
        assert (await bridge.ask("POST", "resp_1/cancel"))[1]["status"] == "cancelled"
        inside = await bridge.store.get("resp_1")
        assert inside is not None
        assert msgspec.json.decode(inside.response)["status"] == "cancelled"

    run(work)


def test_only_answers_in_the_background_can_be_cancelled() -> None:
    async def work() -> None:
        bridge = Bridge()
        await bridge.store.put(kept())
        await bridge.store.put(kept("resp_2", response=b'{"background":true}'))
        status, body = await bridge.ask("POST", "resp_1/cancel")
        assert status == 400
        assert body["error"]["message"] == "Cannot cancel a synchronous response."
        assert await bridge.ask("POST", "resp_2/cancel") == (200, {"background": True})
        assert await bridge.ask("POST", "resp_3/cancel") == missing("resp_3")

    run(work)


def test_a_deleted_answer_stops_and_is_forgotten() -> None:
    async def work() -> None:
        bridge = Bridge()
        script = Script(bridge)
        bridge.start(script)
        await script.begun.wait()
        assert (await bridge.ask("DELETE", "resp_1"))[0] == 200
        assert script.stopped
        assert await bridge.ask("GET", "resp_1") == missing("resp_1")

    run(work)


def test_an_answer_that_was_refused_is_kept_as_failed() -> None:
    async def refused(answer: Detached) -> None:
        body = b'{"error":{"message":"no such model","code":"model_not_found"}}'
        answer.respond(404, body, content_type="application/json")

    async def work() -> None:
        bridge = Bridge()
        bridge.start(refused)
        await answered(bridge)
        body = (await bridge.ask("GET", "resp_1"))[1]
        assert body["status"] == "failed"
        assert body["error"] == {"code": "model_not_found", "message": "no such model"}
        inside = await bridge.store.get("resp_1")
        assert inside is not None
        assert msgspec.json.decode(inside.response) == body
        reader = bridge.open("GET", "resp_1?stream=true")
        await reader.over.wait()
        assert b"event: response.failed" in reader.sent

    run(work)


def test_a_bug_in_an_answer_fails_it_and_is_not_hidden() -> None:
    async def broken(answer: Detached) -> None:
        raise ZeroDivisionError

    async def work() -> None:
        bridge = Bridge()
        bridge.start(broken)
        with pytest.raises(ZeroDivisionError):
            await answered(bridge)
        body = (await bridge.ask("GET", "resp_1"))[1]
        assert (body["status"], body["error"]["code"]) == ("failed", "server_error")

    run(work)


def test_a_bridge_that_stops_keeps_its_answers_as_failed() -> None:
    async def work() -> None:
        bridge = Bridge()
        script = Script(bridge)
        bridge.start(script)
        await script.begun.wait()
        await bridge.running.close()
        assert script.stopped
        body = (await bridge.ask("GET", "resp_1"))[1]
        assert (body["status"], body["error"]["message"]) == (
            "failed",
            "the bridge was stopped before the answer was whole",
        )

    run(work)


def test_a_store_that_fails_is_told_and_the_answer_is_still_there() -> None:
    class Full:
        async def put(self, kept: Kept) -> None:
            raise StoreError("the disk is full")

        async def get(self, response_id: str) -> Kept | None:
            return None

        async def holder(self, owner: str, item_id: str) -> str | None:
            return None

        async def delete(self, response_id: str) -> bool:
            return False

        async def close(self) -> None:
            pass

    async def work() -> None:
        bridge = Bridge(Full())
        script = Script(bridge)
        bridge.start(script)
        await script.begun.wait()
        await bridge.ask("POST", "resp_1/cancel")
        assert bridge.complaints == [("resp_1", "the disk is full")]
        assert (await bridge.ask("GET", "resp_1"))[1]["status"] == "cancelled"

    run(work)


def test_no_more_answers_run_than_allowed_and_few_that_ended_are_remembered() -> None:
    async def work() -> None:
        bridge = Bridge()
        scripts = [Script(bridge) for _ in range(MAX_RUNNING)]
        for number, script in enumerate(scripts):
            bridge.start(script, f"resp_{number}")
        with pytest.raises(Busy, match=f"{MAX_RUNNING} answers run"):
            bridge.start(Script(bridge), "resp_no")
        for script in scripts:
            script.go_on.set()
        await answered(bridge)
        for number in range(4):
            more = Script(bridge)
            more.go_on.set()
            bridge.start(more, f"resp_more_{number}")
            await answered(bridge)
        bridge.start(Script(bridge), "resp_last")
        there = [*bridge.running._runs]
        assert len(there) == MAX_ENDED + 1
        assert there[-2:] == ["resp_more_3", "resp_last"]
        assert "resp_3" not in there
        assert await bridge.store.get("resp_3") is not None
        await bridge.running.close()

    run(work)
