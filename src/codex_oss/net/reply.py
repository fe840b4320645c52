"""An answer whose head is here and whose body is still coming."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self

from codex_oss.errors import StreamCut
from codex_oss.net.connection import Connection
from codex_oss.net.inflate import Inflater
from codex_oss.net.url import Url


class Reply:
    """The answer to one request. Close it, or leave its ``with`` block.

    ``headers`` has lower-case names; ``url`` is where the answer came from, after
    redirects. Cancelling a read closes the socket at once.
    """

    __slots__ = (
        "_connection",
        "_cut",
        "_give_back",
        "_idle_s",
        "_inflater",
        "_over",
        "_wait_s",
        "headers",
        "status",
        "url",
    )

    def __init__(
        self,
        connection: Connection,
        url: Url,
        idle_s: float,
        wait_s: float,
        give_back: Callable[[Connection, bool], None],
    ) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self.url = url
        self._idle_s = idle_s
        self._wait_s = wait_s
        self._connection: Connection | None = connection
        self._give_back = give_back
        self._cut = False
        self._over: Callable[[bool], None] | None = None
        encoding = connection.headers.get("content-encoding", "identity").lower()
        self._inflater = None
        if encoding != "identity":
            try:
                self._inflater = Inflater(encoding)
            except BaseException:
                self.close()
                raise

    async def receive(self) -> bytes:
        """Return more of the body, at least a byte; ``b""`` at its end.

        Raises ``StreamCut`` when the body ends early or nothing comes for the
        request's ``idle_s``, unless there is patience.
        """
        if self._connection is None:
            return b""
        try:
            while True:
                if self._inflater and (piece := self._inflater.take()):
                    return piece
                data = await self._connection.next(self._wait_s)
                if not self._inflater:
                    return data
                if not data:
                    self._inflater.finish()
                    return b""
                self._inflater.feed(data)
        except BaseException as error:
            self._abort(error)
            raise

    async def pour(
        self,
        put: Callable[[bytes], bool],
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        """Hand the rest of the body to ``put`` as it comes; return at its end.

        ``put`` runs where the bytes are read: no task is switched for them, and what
        came together is one call. When it returns False, no more is read until
        ``ready`` has returned; what it raises is raised here. It may ``release`` or
        ``close`` this reply, which ends the pouring. Raises as ``receive`` does.
        """
        try:
            if self._inflater is None and self._connection is not None:
                await self._connection.pour(put, ready, self._wait_s)
                return
            while data := await self.receive():
                if not put(data):
                    await ready()
        except BaseException as error:
            self._abort(error)
            raise

    def at_end(self, over: Callable[[bool], None]) -> None:
        """Have ``over`` called when the exchange ends: True if it broke off."""
        self._over = over

    def hurry(self) -> None:
        """End the patience: from now on, silence for ``idle_s`` is a cut."""
        self._wait_s = self._idle_s
        if self._connection is not None:
            self._connection.hurry(self._idle_s)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, then close."""
        try:
            while data := await self.receive():
                yield data
        finally:
            self.close()

    async def read(self, limit: int) -> bytes:
        """Return the body, at most ``limit`` bytes of it, and close."""
        pieces: list[bytes] = []
        left = limit
        while left > 0 and (data := await self.receive()):
            pieces.append(data[:left])
            left -= len(data)
        self.close()
        return b"".join(pieces)

    def close(self) -> None:
        """End the exchange; what of the body has not come yet is not waited for."""
        self._end(linger=False)

    def release(self) -> None:
        """End the exchange, but keep the connection if the rest comes soon.

        For streams that say themselves when they are over.
        """
        self._end(linger=True)

    def _end(self, *, linger: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._give_back(connection, linger)
            if self._over is not None:
                self._over(self._cut)

    def _abort(self, error: BaseException) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._cut = isinstance(error, StreamCut)
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
