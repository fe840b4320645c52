"""Work that is done while a server is waited for, instead of before it is asked."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Meanwhile(Generic[T]):
    """Calls ``make`` when the running task waits for the first time, or in ``get``.

    A request that is written first and prepared for then is answered that much sooner.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._made: list[T] = []
        asyncio.get_running_loop().call_soon(self._now)

    def get(self) -> T:
        """Return what was made."""
        self._now()
        return self._made[0]

    def _now(self) -> None:
        make, self._make = self._make, None
        if make is not None:
            self._made.append(make())
