"""Half an hour of what happens to a bridge: nothing may be lost, stuck or leaked.

    .venv/bin/python bench/bridge_soak.py [--minutes 30] [--clients 24] [--seed 1]

Clients stream, ask for whole answers, read slowly, and die at any point, also before
the first byte; the server behind restarts, refuses, breaks off and reports errors in
mid-stream. Every answer is made of its question's number, so each is checked to the
letter. In the end:

- no answer was lost: a client that stayed got its exact text, or an honest error, and
  an error only where the server made one;
- nothing is stuck: no request is in flight, here or at the server;
- memory is where it was after the first tenth, and file descriptors where they were
  at the start, but for what is kept up to a limit.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import random
import re
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from bridge_peers import running
from bridge_request import HEADERS, text

LIMIT_S = 60.0
"""For one request; the slowest takes a few seconds."""
SETTLE_S = 15.0
RESTART_EVERY_S = 20.0
DOWN_S = 0.7
FD_SLACK = 8
RSS_SLACK, RSS_SLACK_MB = 1.25, 16
"""The record of requests and the store of responses fill up, to their limits."""
NUMBER = re.compile(r"question (\d+) (\w+)")
KINDS = {
    "stream": 6, "whole": 3, "slow": 2, "die": 4, "refused": 1, "cut": 1, "inband": 1,
}  # fmt: skip
"""What clients do, and what the server is told to do, by weight."""
MAY_FAIL = ("refused", "cut", "inband")


def answer_of(number: int) -> str:
    """Return the answer to a question."""
    return f"{number}: {text(20 + number * 37 % 3000, number)}"


class Server:
    """A chat server that can be restarted. ``down`` keeps when it was not there."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.in_flight = 0
        self.is_up = True
        self.down: list[tuple[float, float]] = []

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything at once, as a killed process does."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def restart(self) -> None:
        """Be gone for a while."""
        began, self.is_up = time.monotonic(), False
        await self.stop()
        await asyncio.sleep(DOWN_S)
        await self.start()
        self.is_up = True
        self.down.append((began, time.monotonic()))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while request := await _request(reader):
                self.in_flight += 1
                try:
                    await self._answer(writer, *request)
                finally:
                    self.in_flight -= 1
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client left, or this server is being restarted
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, path: str, body: dict[str, Any]
    ) -> None:
        if not path.endswith("/chat/completions"):
            models = {"object": "list", "data": [{"id": "m", "object": "model"}]}
            found = path.endswith("/v1/models")
            await _whole(writer, 200 if found else 404, models)
            return
        found = NUMBER.findall(json.dumps(body["messages"]))
        number, kind = (int(found[-1][0]), found[-1][1]) if found else (0, "whole")
        if kind == "refused":
            await _whole(writer, 400, {"error": {"message": f"no {number}"}})
        elif not body.get("stream"):
            await asyncio.sleep(self._random.random() * 0.2)
            await _whole(writer, 200, _completion(answer_of(number)))
        else:
            await self._stream(writer, number, kind)

    async def _stream(
        self, writer: asyncio.StreamWriter, number: int, kind: str
    ) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        writer.write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        await asyncio.sleep(self._random.choice((0, 0, 0.05, 0.5)))
        said = answer_of(number)
        at, until = 0, len(said) // 2 if kind in ("cut", "inband") else len(said)
        while at < until:
            size = self._random.choice((1, 4, 7, 60, 400))
            _event(writer, _chunk({"content": said[at : min(at + size, until)]}))
            at += size
            if self._random.random() < 0.2:
                await writer.drain()
                await asyncio.sleep(0.01)
        if kind == "cut":
            raise EOFError
        if kind == "inband":
            _event(writer, {"error": {"message": f"broken at {number}", "code": 500}})
        else:
            _event(writer, _chunk({}, "stop"))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()


class Got(msgspec.Struct, frozen=True):
    """What a client got: a text, or an error; neither if it died."""

    said: str = ""
    error: str = ""


class Client:
    """One client after the other, each with a question of its own."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._random = random.Random(seed)

    async def ask(self, number: int, kind: str) -> Got:
        """Ask one question, in one way, and return what came."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._request(number, kind))
            if kind == "die":
                await self._die(reader, writer)
                return Got()
            status, body = await self._read(reader, slow=kind == "slow")
        finally:
            writer.close()
        if status != 200:
            return Got(error=body.decode())
        return _whole_of(body) if kind == "whole" else _stream_of(body)

    def _request(self, number: int, kind: str) -> bytes:
        prompt = f"question {number} {kind}"
        body: dict[str, Any] = {
            "model": "m",
            "input": prompt,
            "stream": kind != "whole",
        }
        if self._random.random() < 0.5:
            body["instructions"] = text(3000)
        headers = HEADERS if self._random.random() < 0.5 else {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        data = json.dumps(body).encode()
        head = f"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}"
        return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data

    async def _die(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._random.random() < 0.5:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._random.random() * 0.5):
                    await reader.read(self._random.randrange(1, 3000))
        if self._random.random() < 0.5:
            writer.transport.abort()

    async def _read(
        self, reader: asyncio.StreamReader, *, slow: bool
    ) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split()[1])
        if found := re.search(rb"content-length: *(\d+)", head):
            return status, await reader.readexactly(int(found[1]))
        body: list[bytes] = []
        async for data in _chunks(reader):
            body.append(data)
            if slow:
                await asyncio.sleep(self._random.random() * 0.02)
        return status, b"".join(body)


class Tally:
    """What happened, and what should not have."""

    def __init__(self) -> None:
        self.done: collections.Counter[str] = collections.Counter()
        self.errors: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []

    def judge(self, number: int, kind: str, got: Got, *, was_down: bool) -> None:
        """Check one answer."""
        self.done[kind] += 1
        if kind == "die":
            return
        if got.error:
            self.errors[kind] += 1
            if kind not in MAY_FAIL and not was_down:
                self.wrong.append(f"{kind} {number} failed: {got.error[:200]}")
        elif kind in MAY_FAIL:
            self.wrong.append(f"{kind} {number} was told as success: {got.said[:80]!r}")
        elif got.said != answer_of(number):
            self.wrong.append(f"{kind} {number} got {len(got.said)} other characters")


def main() -> None:
    """Run, and print what was found."""
    parser = argparse.ArgumentParser(description="Mixed load on the bridge.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong = asyncio.run(soak(options.minutes * 60, options.clients, options.seed))
    for line in wrong[:20]:
        print(f"WRONG: {line}")
    print("soak: " + (f"{len(wrong)} things are wrong" if wrong else "all is well"))
    sys.exit(bool(wrong))


async def soak(seconds: float, clients: int, seed: int) -> list[str]:
    """Load a bridge, and return what was wrong."""
    server, tally = Server(seed), Tally()
    await server.start()
    with running("codex-oss", f"http://127.0.0.1:{server.port}") as bridge:
        started, fds = time.monotonic(), descriptors(bridge.pid)
        numbers = iter(range(1, 1 << 40))
        working = [
            asyncio.create_task(
                one_client(Client(bridge.port, seed + n), server, tally, numbers)
            )
            for n in range(clients)
        ]
        restarting = asyncio.create_task(restarts(server))
        await asyncio.sleep(seconds / 10)
        before = rss_mb(bridge.pid)
        await asyncio.sleep(seconds * 9 / 10)
        restarting.cancel()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, restarting, return_exceptions=True)
        stuck = await settled(bridge.port, server)
        after, left = rss_mb(bridge.pid), descriptors(bridge.pid)
        took = time.monotonic() - started
    await server.stop()
    print(f"{took:.0f} s, {len(server.down)} restarts, asked: {dict(tally.done)}")
    print(f"errors told: {dict(tally.errors)}")
    print(f"memory {before:.1f} -> {after:.1f} MB, descriptors {fds} -> {left}")
    wrong = [*tally.wrong, *stuck]
    if after > before * RSS_SLACK + RSS_SLACK_MB:
        wrong.append(f"memory grew from {before:.1f} to {after:.1f} MB")
    if left > fds + FD_SLACK:
        wrong.append(f"file descriptors grew from {fds} to {left}")
    return wrong


async def one_client(
    client: Client, server: Server, tally: Tally, numbers: Any
) -> None:
    """Ask one question after the other, until cancelled."""
    kinds, weights = list(KINDS), list(KINDS.values())
    rolls = random.Random(id(client))
    while True:
        number, (kind,) = next(numbers), rolls.choices(kinds, weights)
        began = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT_S):
                got = await client.ask(number, kind)
        except TimeoutError:
            tally.wrong.append(f"{kind} {number} got no end in {LIMIT_S:.0f} s")
            continue
        except (OSError, EOFError) as error:
            got = Got(error=f"the bridge hung up: {error!r}")
        down = was_down(server, began)
        tally.judge(number, kind, got, was_down=down)


def was_down(server: Server, since: float) -> bool:
    """Return whether the server was gone at any time since then."""
    return not server.is_up or bool(server.down and server.down[-1][1] >= since)


async def restarts(server: Server) -> None:
    """Restart the server now and then, until cancelled."""
    while True:
        await asyncio.sleep(RESTART_EVERY_S)
        await server.restart()


async def settled(port: int, server: Server) -> Sequence[str]:
    """Wait until nothing is in flight; return what still is."""
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        ours = await asyncio.to_thread(in_flight, port)
        if not ours and not server.in_flight:
            return []
        await asyncio.sleep(0.1)
    return [f"{ours} requests are stuck, {server.in_flight} at the server"]


def in_flight(port: int) -> int:
    """Return how many requests the bridge says it is answering."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}/__health", timeout=10
    ) as reply:
        return json.load(reply)["in_flight"]


def descriptors(pid: int) -> int:
    """Return how many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def rss_mb(pid: int) -> float:
    """Return what a process has resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


# --- HTTP, both sides ---------------------------------------------------------------


async def _request(
    reader: asyncio.StreamReader,
) -> tuple[str, dict[str, Any]] | None:
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: *(\d+)", head.lower())
    body = await reader.readexactly(int(found[1])) if found else b""
    return head.split()[1].decode(), json.loads(body or b"{}")


async def _whole(writer: asyncio.StreamWriter, status: int, body: object) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()


def _event(writer: asyncio.StreamWriter, event: object) -> None:
    if writer.is_closing():
        raise EOFError
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def _chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice]}


def _completion(said: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": said}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "choices": [choice]}


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()


def _whole_of(body: bytes) -> Got:
    response = json.loads(body)
    if response.get("error"):
        return Got(error=response["error"]["message"])
    return Got(said=_said(response))


def _stream_of(body: bytes) -> Got:
    """Return what a stream's deltas say, when its last event says the same."""
    lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
    events = [json.loads(line) for line in lines]
    last = events[-1] if events else {"type": "nothing"}
    match last["type"]:
        case "response.completed":
            kind = "response.output_text.delta"
            deltas = "".join(e["delta"] for e in events if e["type"] == kind)
            whole = _said(last["response"])
            return Got(said=whole if whole == deltas else f"{deltas}\nBUT {whole}")
        case "response.failed":
            return Got(error=last["response"]["error"]["message"] or "(no words)")
        case other:
            return Got(
                error="" if other == "response.incomplete" else f"ends in {other}"
            )


def _said(response: dict[str, Any]) -> str:
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


if __name__ == "__main__":
    main()
