"""Clients over HTTP: who is asked, who vanishes, who comes back, who talks nonsense."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

from codex_oss.mcp_server import door, http, listening, server
from codex_oss.mcp_server.threads import Threads
from mcp_http_peer import HttpPeer, Json, serving
from mcp_opener import Opener, calls, says

WAIT_S = 60.0
SHORT_S = 1.0
ELICITS: Json = {"elicitation": {}}
Peers = Callable[..., Awaitable[HttpPeer]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "GRACE_S", SHORT_S)


@asynccontextmanager
async def peers(opener: Opener) -> AsyncGenerator[Peers]:
    made: list[HttpPeer] = []

    async def peer(**capabilities: object) -> HttpPeer:
        made.append(HttpPeer(url, **capabilities))
        return await made[-1].begin()

    async with asyncio.timeout(WAIT_S), serving(opener) as url:
        try:
            yield peer
        finally:
            for each in made:
                await each.close()


async def thread_of(peer: HttpPeer) -> str:
    async with peer.call("codex") as answer:
        return (await answer.result())["structuredContent"]["threadId"]


def test_the_client_of_the_call_is_asked_and_not_who_began() -> None:
    async def talk() -> None:
        opener = Opener(says("hi"), calls("ask"), says("a"), calls("ask"), says("b"))
        async with peers(opener) as peer:
            asks, cannot = await peer(**ELICITS), await peer()
            thread = await thread_of(asks)
            async with cannot.call("codex-reply", threadId=thread) as answer:
                assert (await answer.result())["content"][0]["text"] == "a"
            async with asks.call("codex-reply", threadId=thread) as answer:
                question = await answer.question()
                reply: Json = {"action": "accept", "content": {}}
                await asks.post({"id": question["id"], "result": reply})
                assert (await answer.result())["content"][0]["text"] == "b"
            assert opener.ask is not None
            assert opener.ask.answers == ["no", "yes"]
            assert opener.asking == [True, False, True]

    asyncio.run(talk())


def test_a_client_that_vanishes_at_a_question_leaves_the_conversation_free() -> None:
    async def talk() -> None:
        opener = Opener(calls("ask"), says("after"))
        async with peers(opener) as peer:
            first, second = await peer(**ELICITS), await peer()
            async with first.call("codex") as answer:
                thread = (await answer.question())["params"]["threadId"]
            async with second.call("codex-reply", threadId=thread) as answer:
                result = await answer.result()
            assert result["structuredContent"]["content"] == "after"
            assert opener.ask is not None
            assert opener.ask.answers == []

    asyncio.run(talk())


def test_what_runs_for_a_client_that_vanishes_is_stopped() -> None:
    async def talk() -> None:
        opener = Opener(calls("wait"))
        async with peers(opener) as peer:
            client = await peer()
            async with client.call("codex") as answer:
                await answer.event("raw_response_item")
            await opener.wait.stopped.wait()

    asyncio.run(talk())


def test_a_call_of_the_newest_protocol_ends_when_its_client_drops_it() -> None:
    async def talk() -> None:
        opener = Opener(calls("wait"))
        async with (
            asyncio.timeout(WAIT_S),
            serving(opener) as url,
            Client(streamable_http_client(url), mode="auto") as client,
        ):
            call = asyncio.ensure_future(client.call_tool("codex", {"prompt": "x"}))
            await opener.wait.begun.wait()
            call.cancel()
            await opener.wait.stopped.wait()

    asyncio.run(talk())


def test_a_client_that_comes_back_hears_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "GRACE_S", WAIT_S)

    async def talk() -> None:
        opener = Opener(calls("wait"), says("done"))
        async with peers(opener) as peer:
            client, other = await peer(), await peer()
            async with client.call("codex") as answer:
                await answer.event("task_started")
            async with other.back(answer.last) as stranger:
                with pytest.raises(AssertionError, match="ended"):
                    await stranger.result()
            async with client.back(answer.last) as again:
                await again.event("raw_response_item")
            async with client.back(again.last) as third:
                opener.wait.go.set()
                result = await third.result()
            assert result["structuredContent"]["content"] == "done"
            assert not opener.wait.stopped.is_set()

    asyncio.run(talk())


def test_the_answer_waits_for_a_client_that_comes_back_after_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "GRACE_S", WAIT_S)

    async def talk() -> None:
        opener = Opener(calls("wait"), says("done"), says("again"))
        async with peers(opener) as peer:
            client = await peer()
            async with client.call("codex") as answer:
                thread = (await answer.event("task_started"))["turn_id"]
            assert thread
            opener.wait.go.set()
            # The next turn of the conversation begins when this one has ended.
            async with client.call(
                "codex-reply", threadId=opener.opened[0]
            ) as following:
                await following.result()
            async with client.back(answer.last) as again:
                result = await again.result()
            assert result["structuredContent"]["content"] == "done"

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (rb'{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"\ud800"}}', 7),
        (b'{"jsonrpc":"2.0","id":"q","method":7}', "q"),
        (b'{"id":7,"method":"x","p":' + b"[" * 3000 + b"]" * 3000 + b"}", 7),
        (b"garbage", None),
        (b"[]", None),
    ],
)
def test_what_is_no_message_is_answered_with_its_id(body: bytes, told: object) -> None:
    async def talk() -> None:
        async with peers(Opener()) as peer:
            client = await peer()
            answer = await client.post(body)
            assert (answer.status_code, answer.json()["id"]) == (400, told)

    asyncio.run(talk())


def test_a_misshapen_answer_to_a_question_is_a_no() -> None:
    async def talk() -> None:
        opener = Opener(calls("ask"), says("done"))
        async with peers(opener) as peer:
            client = await peer(**ELICITS)
            async with client.call("codex") as answer:
                question = await answer.question()
                await client.post({"id": question["id"], "result": "yes"})
                await answer.result()
            assert opener.ask is not None
            assert opener.ask.answers == ["no"]

    asyncio.run(talk())


def test_there_is_an_end_to_how_many_clients_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "MAX_SESSIONS", 2)

    async def talk() -> None:
        async with peers(Opener()) as peer:
            await peer()
            await peer()
            with pytest.raises(AssertionError, match="Too many open sessions"):
                await peer()

    asyncio.run(talk())


def test_a_client_that_is_idle_for_long_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "IDLE_S", SHORT_S)

    async def talk() -> None:
        async with peers(Opener()) as peer:
            client = await peer()
            while True:
                answer = await client.post({"id": 1, "method": "ping"})
                if answer.status_code == 404:
                    return
                await asyncio.sleep(2 * SHORT_S)  # to ask nothing is to be idle

    asyncio.run(talk())


class Proxy:
    """Passes connections on to the server, until they are cut."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._writers: list[asyncio.StreamWriter] = []
        self.path = self._target.path

    async def connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        onward = await asyncio.open_connection("127.0.0.1", self._target.port)
        self._writers += [writer, onward[1]]
        await asyncio.gather(
            self._pass_on(reader, onward[1]), self._pass_on(onward[0], writer)
        )

    def cut(self) -> None:
        """Cut what is connected; new connections are passed on again."""
        for each in self._writers:
            each.transport.abort()
        self._writers.clear()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()


@pytest.mark.parametrize("ended", [False, True])
def test_the_official_client_gets_its_answer_over_a_connection_that_breaks(
    monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    monkeypatch.setattr(listening, "GRACE_S", WAIT_S)

    async def talk() -> None:
        opener = Opener(calls("wait"), says("done"))
        async with asyncio.timeout(WAIT_S), serving(opener) as url:
            proxy = Proxy(url)
            passing = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
            port = passing.sockets[0].getsockname()[1]
            here = streamable_http_client(f"http://127.0.0.1:{port}{proxy.path}")
            async with Client(here, mode="legacy") as client:
                call = asyncio.ensure_future(client.call_tool("codex", {"prompt": "x"}))
                await opener.wait.begun.wait()
                if ended:
                    opener.wait.go.set()
                proxy.cut()
                opener.wait.go.set()
                result = await call
            passing.close()
            assert result.structured_content == {
                "threadId": opener.opened[0],
                "content": "done",
            }

    asyncio.run(talk())


def test_a_client_that_stops_reading_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "SEND_S", SHORT_S)
    much = says("x" * 20_000_000)

    async def talk() -> None:
        opener = Opener([much[0], *calls("wait")])
        async with peers(opener) as peer:
            client = await peer()
            place = urlsplit(client.url)
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            params = {"name": "codex", "arguments": {"prompt": "x"}}
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            body = json.dumps(call)
            given = client.headers | {"Host": place.netloc}
            given |= {"Content-Type": "application/json"}
            given |= {"Content-Length": str(len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
            writer.write(f"POST {place.path} HTTP/1.1\r\n{head}\r\n{body}".encode())
            await opener.wait.stopped.wait()
            writer.close()

    asyncio.run(talk())


def test_a_question_that_no_call_comes_back_for_ends_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "PARKED_S", SHORT_S)

    async def talk() -> None:
        opener = Opener(calls("ask"), says("after"))
        threads = Threads(opener)
        agent = server.Agent(threads)
        asked = asyncio.Event()

        async def answer(context: object, params: object) -> types.ElicitResult:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError("nobody ends the wait")

        async with asyncio.timeout(WAIT_S):
            async with Client(
                agent.server, mode="auto", elicitation_callback=answer
            ) as client:
                call = asyncio.ensure_future(client.call_tool("codex", {"prompt": "x"}))
                await asked.wait()
                call.cancel()
                again = {"prompt": "y", "threadId": opener.opened[0]}
                result = await client.call_tool("codex-reply", again)
            await threads.close()
        assert result.structured_content == {
            "threadId": opener.opened[0],
            "content": "after",
        }
        assert opener.ask is not None
        assert opener.ask.answers == []

    asyncio.run(talk())
