"""Which conversations are closed for others: never one that has a turn."""

import asyncio

from codex_oss.mcp_server.calls import CodexCall, Told
from codex_oss.mcp_server.conversation import TakenTurn
from codex_oss.mcp_server.news import Ended
from codex_oss.mcp_server.threads import MAX_OPEN, Threads
from mcp_opener import Opener, calls, says

CALL = CodexCall(prompt="x")


async def ended(turn: TakenTurn) -> Told:
    while not isinstance(news := await turn.news.get(), Ended):
        pass
    return news.told


def test_a_conversation_with_a_turn_is_not_closed_for_another() -> None:
    async def talk() -> None:
        opener = Opener(calls("wait"), says("done"))
        threads = Threads(opener)
        turns = [threads.begin(CALL, asks=False) for _ in range(MAX_OPEN + 2)]
        more = threads.begin(CALL, asks=False)
        await opener.wait.begun.wait()
        opener.wait.go.set()
        told = [await ended(turn) for turn in (*turns, more)]
        assert [each.text for each in told] == ["done"] * (MAX_OPEN + 3)
        assert opener.closed == []
        # With all of them idle there is room again, for the newest.
        await ended(threads.begin(CALL, asks=False))
        assert opener.closed == opener.opened[:4]
        await threads.close()
        assert sorted(opener.closed) == sorted(opener.opened)

    asyncio.run(asyncio.wait_for(talk(), 60))
