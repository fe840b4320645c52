"""What passes from a model to its outlet: whether something was shown, and its end."""

from collections.abc import Awaitable, Callable

from codex_oss.errors import StreamCut
from codex_oss.facts import Retried
from codex_oss.ports import Outlet
from codex_oss.wire import responses

_LIFE_SIGNS = frozenset(responses.LIFE_SIGNS)


class BrokenError(Exception):
    """The answer failed before any of it was shown, and may be asked for again."""


class Tap:
    """Passes events on. ``shown``: the client has seen more than life signs.

    ``forgiving``: a server's fault before that is raised as ``BrokenError`` instead
    of told to the client. ``usage`` is that of the whole response, at its end.

    When it has ``shown`` something, what is not the end may be put into its ``outlet``.
    """

    __slots__ = ("forgiving", "outlet", "shown", "usage")

    def __init__(self, outlet: Outlet, *, forgiving: bool = False) -> None:
        self.outlet = outlet
        self.forgiving = forgiving
        self.shown = False
        self.usage: responses.Usage | None = None

    def put(self, events: list[responses.Event]) -> bool:
        """Hand events on."""
        if not events:
            return True
        last = events[-1]
        if not self.shown:
            self._watch(events)
        if isinstance(last, responses.ENDS):
            self.usage = last.response.usage
        return self.outlet.put(events)

    def _watch(self, events: list[responses.Event]) -> None:
        last = events[-1]
        if self.forgiving and isinstance(last, responses.Failed):
            error = last.response.error
            if error and error.code == "server_error":
                raise BrokenError(error.message)  # nothing of these was shown either
        self.shown = not _LIFE_SIGNS.issuperset(map(type, events))


async def pour_twice(outlet: Outlet, pour: Callable[[Tap], Awaitable[None]]) -> None:
    """Pour an answer; one that breaks before any of it was shown, once more."""
    tap = Tap(outlet, forgiving=True)
    try:
        await pour(tap)
    except (StreamCut, BrokenError) as error:
        if tap.shown:
            raise
        outlet.note(Retried(reason=str(error)))
        tap.forgiving = False
        await pour(tap)
