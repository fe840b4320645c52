"""The two streams to an MCP server, and the word that one of them has ended."""

import asyncio
from typing import TYPE_CHECKING

from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCError, JSONRPCResponse

if TYPE_CHECKING:  # the SDK has no public names for these
    from mcp.client._transport import ReadStream, WriteStream

MAX_UNASKED = 10_000
"""Messages between two answers."""


class Wire:
    """What messages come from and go to. ``why`` says why it ``ended``."""

    def __init__(
        self,
        incoming: "ReadStream[SessionMessage | Exception]",
        outgoing: "WriteStream[SessionMessage]",
    ) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.ended = asyncio.Event()
        self.why = ""
        self.status = 0
        """Of the last answer over HTTP."""
        self.scopes: tuple[str, ...] = ()
        """Rights that the last refusal over HTTP says are missing."""
        self._unasked = 0

    def end(self, why: str) -> None:
        """Tell that nothing comes any more; the first reason counts."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()

    def take(self, message: object) -> bool:
        """Take note of a message; false, and the end, when it is one too many."""
        answer = isinstance(message, JSONRPCResponse | JSONRPCError)
        self._unasked = 0 if answer else self._unasked + 1
        if self._unasked > MAX_UNASKED:
            self.end("it sends too much that it was not asked for")
            return False
        return True
