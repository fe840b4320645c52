"""A server that ended before it answered: a cut, so that it is asked once more."""

import asyncio
from collections.abc import Callable

import pytest

from codex_oss.errors import ModelError, StreamCut, Unreachable
from codex_oss.net import Client
from codex_oss.ports import Note, unheard
from codex_oss.providers.endpoint import revived
from fake_server import WAIT_S, FakeServer, Reply, closed_port


class Reviver:
    """Says how its engine has ended, and notes what became of requests."""

    def __init__(self, ended: str = "") -> None:
        self.overs: list[tuple[bytes, bool]] = []
        self._ended = ended

    async def ready(self, asked: bytes, note: Note) -> Callable[[bool], None]:
        return lambda cut: self.overs.append((asked, cut))

    async def ended(self) -> str:
        return self._ended

    def able(self) -> bool:
        return True


def ask(url: str, reviver: Reviver) -> bytes:
    async def run() -> bytes:
        client = Client({})
        try:
            async with asyncio.timeout(WAIT_S):
                reply = await revived(
                    reviver, b"asked", lambda: client.open("POST", url), unheard
                )
                return await reply.read(100)
        finally:
            await client.close()

    return asyncio.run(run())


def test_a_whole_answer_is_no_cut() -> None:
    reviver = Reviver()
    with FakeServer([Reply(body=b"whole")]) as server:
        assert ask(server.url, reviver) == b"whole"
    assert reviver.overs == [(b"asked", False)]


@pytest.mark.parametrize(
    ("ended", "kind", "message"),
    [
        ("", Unreachable, "cannot connect"),
        ("llama.cpp has ended", StreamCut, "llama.cpp has ended"),
    ],
)
def test_no_connection_to_a_server_that_ended_is_a_cut(
    ended: str, kind: type[ModelError], message: str
) -> None:
    reviver = Reviver(ended)
    with closed_port() as port, pytest.raises(kind, match=message):
        ask(f"http://127.0.0.1:{port}", reviver)
    assert reviver.overs == [(b"asked", True)]
