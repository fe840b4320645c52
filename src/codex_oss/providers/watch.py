"""Whether a local server that is silent is still there.

It may read a prompt for twenty minutes before its first byte, so silence says nothing.
A process that ends is told by its connection, and a machine that vanishes by TCP's
keep-alive. This finds the rest, and finds it sooner: a server behind a tunnel or a
container's proxy, a network that has gone.
"""

from codex_oss.errors import ModelError, StreamCut, Unreachable
from codex_oss.net import Client, Headers, Patience

EVERY_S = 15.0
"""Silence between two looks."""
CONNECT_S = 5.0
"""For a connection to a server that is there."""
ANSWER_S = 5.0
"""For an answer. Most give one while they compute; who is late is busy."""
GONE_LOOKS = 3
"""Looks in a row that found nobody there. One may hit a server that just restarts."""
SILENT_LOOKS = 180
"""Looks that were not answered: for an hour it has done nothing but take them."""


class Watch:
    """Looks after one request to a server; ``url`` is what it is asked meanwhile."""

    __slots__ = ("_client", "_headers", "_missed", "_silent", "_url")

    def __init__(self, client: Client, url: str, headers: Headers) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._missed = 0
        self._silent = 0

    async def look(self) -> None:
        """Ask the server for anything; raises ``StreamCut`` when the wait is in vain.

        Whatever it answers is a sign of life.
        """
        try:
            reply = await self._client.open(
                "GET",
                self._url,
                headers=self._headers,
                connect_s=CONNECT_S,
                first_byte_s=ANSWER_S,
            )
        except Unreachable as error:
            self._missed += 1
            if self._missed >= GONE_LOOKS:
                raise StreamCut(f"the server has gone: {error}") from error
        except ModelError as error:
            self._silent += 1
            if self._silent >= SILENT_LOOKS:
                raise StreamCut(f"the server does nothing any more: {error}") from error
        else:
            reply.close()
            self._missed = self._silent = 0


def patience(client: Client, url: str, headers: Headers, idle_s: float) -> Patience:
    """Return the patience for one request. No look comes later than ``idle_s``."""
    return Patience(min(EVERY_S, idle_s), Watch(client, url, headers).look)
