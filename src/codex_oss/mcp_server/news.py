"""What a turn tells whoever follows it: kept until it is read, and not without end."""

import asyncio
from collections.abc import Callable

import msgspec

from codex_oss.mcp_server import approval
from codex_oss.mcp_server.calls import Told
from codex_oss.mcp_server.messages import Msg
from codex_oss.policy import Answer, Question

MAX_DELTAS = 2000
"""With so much unread, pieces of texts are left out: the whole texts follow."""
MAX_UNREAD = 8000
"""With so much unread the turn is ended: nobody reads."""
DELTAS = ("agent_message_delta", "agent_reasoning_delta", "exec_command_output_delta")
"""The messages that tell pieces of a text."""


class Pending(msgspec.Struct, frozen=True):
    """A question that a turn waits with."""

    question: Question
    asked: approval.Asked
    answer: "asyncio.Future[Answer]"


class Ended(msgspec.Struct, frozen=True):
    """How a turn ended."""

    told: Told


class Notified(msgspec.Struct, frozen=True):
    """A message for the client, and the id of the turn it belongs to, if any."""

    thread_id: str
    turn_id: str
    msg: Msg


News = Notified | Pending | Ended


class Feed:
    """The news of one turn, in order; the last is ``Ended``.

    ``unread`` is called when there is so much that nobody can be reading.
    """

    def __init__(self, unread: Callable[[], None]) -> None:
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._unread = unread

    def put(self, news: News) -> None:
        """Add to the news, as far as they are read."""
        waiting = self._news.qsize()
        if isinstance(news, Notified) and waiting >= MAX_DELTAS:
            if news.msg["type"] in DELTAS:
                return
            if waiting >= MAX_UNREAD:
                self._unread()
                return
        self._news.put_nowait(news)

    async def get(self) -> News:
        """Return what comes next, and wait for it."""
        return await self._news.get()
