"""The seams: what the agent needs from the world, all on one page."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from codex_oss.facts import Fact
from codex_oss.items import Call, Item, Part
from codex_oss.policy import Answer, Question
from codex_oss.wire import responses

if TYPE_CHECKING:
    # The agent's alone: a bridge starts 1 ms earlier without them.
    from codex_oss import events


Note = Callable[[Fact], None]
"""Who is told what happens to a request on its way."""


def unheard(fact: Fact) -> None:
    """Take no note."""


class Outlet(Protocol):
    """Where a model pours the events of an answer that somebody else reads."""

    def put(self, events: list[responses.Event]) -> bool:
        """Take the events of one read; False: wait for ``ready`` before the next."""
        ...

    async def ready(self) -> None:
        """Wait until more events can be taken."""
        ...

    def note(self, fact: Fact) -> None:
        """Take note of what happens to the request on its way."""
        ...


class Model(Protocol):
    """Something that answers requests in the Responses vocabulary."""

    def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        """Send one request and yield the events of its answer as they arrive.

        ``note`` is told what a person may want to know meanwhile.

        The last event is ``Completed``, ``Failed`` or ``IncompleteResponse``. Raises
        ``errors.ModelError`` for everything the server or the way to it does wrong.
        Closing the generator closes the connection.
        """
        ...

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        """Answer like ``stream``, but push: no task is switched for an event.

        Returns after the last event. Cancelling closes the connection at once.
        """
        ...

    async def load(self) -> None:
        """Bring the model into memory, where the server has a word for that.

        Raises ``errors.ModelError``. Cancelling may make the server begin anew.
        """
        ...

    async def warm(self, request: responses.Request) -> None:
        """Let the server read all of ``request``, for one that begins like it.

        Does nothing where that has a price. Raises ``errors.ModelError``; cancelling
        ends it, and the server keeps what it has read.
        """
        ...

    async def window(self) -> int | None:
        """Return the context window in tokens that the server really gives.

        None when the server does not say. Asks the server at most once.
        """
        ...

    async def sees(self) -> bool | None:
        """Return whether the model can see images; None when nobody knows."""
        ...

    async def close(self) -> None:
        """Close all connections, and take what ``load`` loaded out of memory."""
        ...


class Reviver(Protocol):
    """Who starts an engine again when it has ended."""

    async def ready(self, asked: bytes, note: Note) -> Callable[[bool], None]:
        """Return when the engine can be asked for the answer to ``asked``.

        One that has ended is started, which ``note`` is told. What is returned must be
        called when the answer is over: with True if the connection broke off, else with
        False. Raises ``errors.EngineEnded`` when it is not started for this request,
        and ``errors.Busy`` when that takes too long.
        """
        ...

    async def ended(self) -> str:
        """Return how the engine has ended, as a sentence; "" if it runs."""
        ...

    def able(self) -> bool:
        """Tell whether the engine runs, or may well be started again."""
        ...


class Output(msgspec.Struct, frozen=True):
    """What a tool tells the model: text, or parts when there are images in it."""

    content: str | list[Part]
    success: bool = True


async def _at_once() -> None:
    """Wait for nobody."""


async def unrecorded(paths: Sequence[Path] | None) -> None:
    """Remember nothing."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a running tool call may use of its turn."""

    cwd: Path
    emit: "Callable[[events.Event], None]"
    new_item_id: Callable[[], str]
    remark: Callable[[str], None] = lambda _: None
    """Tells the model something before its next answer, as a developer message."""
    interrupt: Callable[[], None] = lambda: None
    """Ends the turn, as Ctrl-C does."""
    seen: Callable[[], Awaitable[None]] = _at_once
    """Waits until the front end has shown all that was emitted."""
    changing: Callable[[Sequence[Path] | None], Awaitable[None]] = unrecorded
    """Must be awaited before files change: see ``Undo.before``."""


class Tool(Protocol):
    """Something the model can call."""

    @property
    def spec(self) -> responses.FunctionTool | responses.CustomTool:
        """Name, description and parameters, as the model gets them."""
        ...

    async def run(self, call: Call, scope: Scope) -> Output:
        """Run one call and return what the model reads.

        Raises ``errors.ToolError`` when the call itself is wrong; its text goes to
        the model. Cancelling the task stops what runs.
        """
        ...

    def end_turn(self, scope: Scope) -> None:
        """Tell what is left to tell; called after the model's last answer."""
        ...

    async def close(self) -> None:
        """End what outlived its call, such as background processes."""
        ...


class Approver(Protocol):
    """Somebody who may be asked whether an action may run."""

    async def ask(self, question: Question) -> Answer:
        """Return the person's answer; several questions may wait at the same time.

        To a form (``policy.AnswerServer``) that is ``policy.Filled``, ``"no"`` or
        ``"later"``. Cancelling takes the question back.
        """
        ...


class Journal(Protocol):
    """Where a conversation is kept."""

    def append(self, item: Item) -> None:
        """Keep one item of the history; on disk when this returns."""
        ...

    def note(self, kind: str, payload: object) -> None:
        """Keep a fact about the session that is not part of the history."""
        ...

    def tell(self, event: "events.Event") -> None:
        """Keep what front ends are told, where readers of sessions look for it."""
        ...


class Undo(Protocol):
    """Remembers what turns change on disk, so that it can be taken back."""

    def begin(self, turn_id: str, prompt: str) -> None:
        """Begin the record of a turn."""
        ...

    async def before(self, paths: Sequence[Path] | None) -> None:
        """Remember files as they are, before they change for the first time.

        ``paths`` are absolute and may not exist; None stands for all that a command
        may write. What cannot be remembered is changed all the same: ``end`` tells it.
        """
        ...

    async def end(self) -> str | None:
        """End the record; return what people should know of it, such as its gaps."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
