"""What a turn tells is kept for a reader, but not for nobody."""

import asyncio

from codex_oss.mcp_server.calls import Told
from codex_oss.mcp_server.news import (
    MAX_DELTAS,
    MAX_UNREAD,
    Ended,
    Feed,
    News,
    Notified,
)


def news(kind: str, number: int = 0) -> Notified:
    return Notified("thread", "turn", {"type": kind, "n": number})


ENDED = Ended(Told(text="done"))


def read(feed: Feed) -> list[News]:
    async def everything() -> list[News]:
        seen = [await feed.get()]
        while seen[-1] is not ENDED:
            seen.append(await feed.get())
        return seen

    return asyncio.run(everything())


def test_who_reads_slowly_misses_pieces_and_not_what_follows_whole() -> None:
    stopped: list[str] = []
    feed = Feed(lambda: stopped.append("stopped"))
    pieces = [news("agent_message_delta", n) for n in range(MAX_DELTAS + 100)]
    for each in pieces:
        feed.put(each)
    whole = news("agent_message")
    feed.put(whole)
    feed.put(ENDED)
    assert read(feed) == [*pieces[:MAX_DELTAS], whole, ENDED]
    assert stopped == []


def test_a_turn_that_nobody_reads_is_stopped_and_its_end_is_told() -> None:
    stopped: list[str] = []
    feed = Feed(lambda: stopped.append("stopped"))
    told = [news("exec_command_end", n) for n in range(MAX_UNREAD + 1)]
    for each in told:
        feed.put(each)
    feed.put(ENDED)
    assert stopped == ["stopped"]
    assert read(feed) == [*told[:MAX_UNREAD], ENDED]
