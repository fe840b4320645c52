"""Waiting for a local server's first byte, and noticing one that will not send it."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from asking import ASK, chat_provider, events_of, responses_provider, use_model
from asking_ollama import Taken, items
from codex_oss.config.provider import Provider
from codex_oss.errors import ModelError, StreamCut, Unreachable
from codex_oss.items import FunctionCall, Message
from codex_oss.ports import Model
from codex_oss.providers.endpoint import site
from codex_oss.providers.watch import GONE_LOOKS, SILENT_LOOKS, Watch
from codex_oss.wire import responses
from fake_ollama import FakeOllama, OllamaModel, Say
from fake_ollama_chat import chat, ndjson
from fake_server import (
    LLAMACPP,
    WAIT_S,
    Event,
    FakeServer,
    Gate,
    Reply,
    chat_text,
    chat_turn,
    created,
    message,
    sse,
    text_delta,
    turn,
)

IDLE_MS = 30
LOOKS = 4

PROGRESS: Event = {
    "choices": [],
    "prompt_progress": {"total": 8000, "cache": 0, "processed": 4200},
}
BEGUN = {
    "responses": sse([created(), text_delta("so far")]),
    "chat": sse([chat_text("so far")]),
}
UNBEGUN = {"responses": sse([created()]), "chat": sse([PROGRESS])}
WHOLE = {
    "responses": sse(turn(message("at last"))),
    "chat": sse(chat_turn(chat_text("at last"))),
}
PROVIDERS: dict[str, Callable[..., Provider]] = {
    "responses": responses_provider,
    "chat": chat_provider,
}


def ollama_provider(url: str) -> Provider:
    return Provider(
        name="Fake", base_url=url, wire_api="ollama", stream_idle_timeout_ms=IDLE_MS
    )


def texts(events: list[responses.Event]) -> list[str]:
    return [e.delta for e in events if isinstance(e, responses.OutputTextDelta)]


async def patiently(
    model: Model, server: FakeServer, gate: Gate, before: int
) -> list[responses.Event]:
    """Ask; open the gate only after the server has been looked after some times."""
    asked = asyncio.ensure_future(events_of(model))
    await asyncio.to_thread(server.wait_requests, before + LOOKS)
    assert not asked.done()
    gate.open()
    return await asked


@pytest.mark.parametrize("wire", ["responses", "chat"])
@pytest.mark.parametrize("moment", ["before the head", "inside the body"])
def test_a_local_server_may_read_a_prompt_for_longer_than_any_silence(
    wire: str, moment: str
) -> None:
    gate = Gate()

    def answer(_: object) -> Reply:
        if moment == "before the head":
            gate.pass_through()
            return Reply(chunks=[WHOLE[wire]])
        return Reply(chunks=[UNBEGUN[wire], gate, WHOLE[wire]])

    with FakeServer([answer], get=LLAMACPP) as server:
        provider = PROVIDERS[wire](server.url, stream_idle_timeout_ms=IDLE_MS)
        events = use_model(provider, lambda m: patiently(m, server, gate, before=2))
    assert isinstance(events[-1], responses.Completed)
    looks = [seen for seen in server.requests if seen.path == "/v1/models"]
    assert len(looks) >= LOOKS - 1


@pytest.mark.parametrize("wire", ["responses", "chat"])
@pytest.mark.parametrize("pushed", [True, False], ids=["pour", "stream"])
def test_silence_of_a_local_server_counts_once_its_answer_has_begun(
    wire: str, *, pushed: bool
) -> None:
    taken = Taken()

    async def use(model: Model) -> None:
        if pushed:
            await model.pour(ASK, taken)
            return
        async for event in model.stream(ASK):
            taken.put([event])

    script = [Reply(chunks=[UNBEGUN[wire], BEGUN[wire]], silent=True)]
    with FakeServer(script, get=LLAMACPP) as server:
        provider = PROVIDERS[wire](server.url, stream_idle_timeout_ms=IDLE_MS)
        with pytest.raises(StreamCut, match="idle timeout"):
            use_model(provider, use)
    assert "so far" in "".join(texts(taken.events))


@pytest.mark.parametrize("wire", ["responses", "chat"])
@pytest.mark.parametrize("moment", ["before the head", "inside the body"])
def test_a_hosted_server_has_its_deadline_from_the_first_byte_on(
    wire: str, moment: str
) -> None:
    chunks = None if moment == "before the head" else [UNBEGUN[wire]]
    said = r"no answer from .* in 0\.5 s" if chunks is None else "idle timeout"
    with FakeServer([Reply(chunks=chunks, silent=True)], get=LLAMACPP) as server:
        hosted = PROVIDERS[wire](server.url, stream_idle_timeout_ms=500, local=False)
        with pytest.raises(StreamCut, match=said):
            use_model(hosted, events_of)


def test_ollama_may_write_a_long_call_in_silence() -> None:
    gate = Gate()
    said = Say("I write it.", calls=(("write", {"text": "x"}),))
    text, *rest = chat(said, 10, None, thinks=False)
    with FakeOllama(OllamaModel("m:latest")) as server:
        server.post["/api/chat"] = lambda _: ndjson([text, gate, *rest])
        events = use_model(
            ollama_provider(server.url), lambda m: patiently(m, server, gate, before=4)
        )
    assert [type(item) for item in items(events)] == [Message, FunctionCall]


# --- servers that have gone ----------------------------------------------------------

SILENT = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
kept = []
while True:
    client, _ = listener.accept()
    kept.append(client)
    if client.recv(65536).startswith(b"POST"):
        print("asked", flush=True)
"""


def test_a_killed_server_ends_the_wait_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SILENT], stdout=subprocess.PIPE, text=True
    ) as child:
        said = child.stdout
        assert said is not None

        async def use(model: Model) -> None:
            asked = asyncio.ensure_future(events_of(model))
            assert await asyncio.to_thread(said.readline) == "asked\n"
            child.send_signal(signal.SIGKILL)
            await asked

        try:
            url = f"http://127.0.0.1:{said.readline().strip()}"
            with pytest.raises(StreamCut, match="closed the connection"):
                use_model(responses_provider(url, request_max_retries=0), use)
        finally:
            child.kill()


def test_a_server_that_refuses_meanwhile_has_gone() -> None:
    """As behind a tunnel: the connection stands, and nobody is at its other end."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    taken: list[socket.socket] = []

    def take_one_and_leave() -> None:
        taken.append(listener.accept()[0])
        taken[0].recv(65536)
        listener.close()

    async def use(model: Model) -> None:
        leaving = asyncio.to_thread(take_one_and_leave)
        await asyncio.gather(events_of(model), leaving)

    try:
        with pytest.raises(StreamCut, match=r"the server has gone: .* refused"):
            use_model(responses_provider(url, stream_idle_timeout_ms=1000), use)
    finally:
        for each in taken:
            each.close()


class Looked:
    """A client whose answers are told in advance: an error, or None for any answer."""

    def __init__(self, *answers: ModelError | None) -> None:
        self._answers = list(answers)

    async def open(self, *_: object, **__: object) -> Any:
        answer = self._answers.pop(0)
        if answer is not None:
            raise answer
        return self

    def close(self) -> None:
        return


def looks(*answers: ModelError | None) -> int:
    """Return how many looks are taken before the wait is given up."""

    async def run() -> int:
        client: Any = Looked(*answers)
        watch = Watch(client, "http://h/models", ())
        for number in range(len(answers)):
            try:
                await watch.look()
            except StreamCut:
                return number + 1
        return 0

    async def bounded() -> int:
        async with asyncio.timeout(WAIT_S):
            return await run()

    return asyncio.run(bounded())


GONE = Unreachable("cannot connect to h:1: no answer in 5 s")
MUTE = StreamCut("no answer from h:1 in 5 s")


def test_a_black_hole_is_given_up_after_some_looks_in_a_row() -> None:
    assert looks(*[GONE] * 9) == GONE_LOOKS
    once = [GONE] * (GONE_LOOKS - 1)
    assert looks(*once, None, *once, None) == 0


def test_a_busy_server_need_not_answer_looks_for_an_hour() -> None:
    assert looks(*[MUTE] * (SILENT_LOOKS - 1), None, MUTE) == 0
    assert looks(*[MUTE] * (SILENT_LOOKS + 1)) == SILENT_LOOKS


@pytest.mark.parametrize(
    ("url", "said", "local"),
    [
        ("http://127.0.0.1:1/v1", None, True),
        ("http://192.168.7.7:1/v1", None, True),
        ("http://gpu-box:1/v1", None, True),
        ("https://api.example.com/v1", None, False),
        ("https://api.example.com/v1", True, True),
        ("http://10.1.2.3/v1", False, False),
    ],
)
def test_local_is_what_is_near_or_what_the_provider_says(
    url: str, *, said: bool | None, local: bool
) -> None:
    provider = Provider(name="x", base_url=url, local=said)
    assert site("x", provider, {}, "1").local is local
