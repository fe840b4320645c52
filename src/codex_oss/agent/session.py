"""A conversation: its history, and one turn after the other."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path

import msgspec

from codex_oss import events
from codex_oss.agent import context
from codex_oss.agent.form import AnswerForm
from codex_oss.agent.history import History
from codex_oss.agent.record import Record, Turned
from codex_oss.agent.room import Room
from codex_oss.agent.turn import Asking, Settings, Turn
from codex_oss.agent.warmth import Warmth
from codex_oss.agent.window import Limits
from codex_oss.items import InputText, Item, Message
from codex_oss.ports import Clock, Journal, Model, Scope, Tool, Undo, unrecorded
from codex_oss.wire import responses

Emit = Callable[[events.Event], None]


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is made of; ``wiring`` picks each."""

    thread_id: str
    model: Model
    tools: Mapping[str, Tool]
    frame: context.Frame
    surroundings: list[Item]
    """What stands before the first prompt of this process."""
    cwd: Path
    journal: Journal
    clock: Clock
    stream_retries: int
    meta: object
    """What the journal says of the session before its history."""
    history: list[Item] = []
    """What was said before, in a conversation that goes on."""
    usage: events.TokenUsage = events.TokenUsage()
    """Tokens of that conversation so far."""
    limits: Limits = Limits()
    """What people set about the window, and about the model's effort."""
    new_turn_id: Callable[[], str] = str
    turn_context: Mapping[str, object] = {}
    """What the journal says at the beginning of each turn."""
    undo: Undo | None = None
    beside: Callable[[Item], list[Item]] = lambda _: []
    """What is said along with a prompt, after it: the skills that it names."""
    form: AnswerForm | None = None
    """What final answers must follow."""
    after_turn: Callable[[Turned], Awaitable[None]] | None = None
    """Called when a turn has ended, however it did."""


class Session:
    """One conversation with one model in one folder."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._history = History(parts.history, parts.journal)
        self._room = Room(parts.model, parts.frame, self._history, parts.limits)
        self._usage = parts.usage
        self._items = 0
        self._recording = False
        self._surroundings = list(parts.surroundings)
        self._remarks: list[str] = []
        self._turn: asyncio.Task[None] | None = None
        self._warmth = Warmth(parts.model)

    @property
    def thread_id(self) -> str:
        """The id of the conversation, a UUID of version 7."""
        return self._parts.thread_id

    @property
    def history(self) -> tuple[Item, ...]:
        """All items so far."""
        return self._history.items

    @property
    def has_tools(self) -> bool:
        """Whether the model is offered any."""
        return bool(self._parts.frame.tools)

    def newly_kept(self) -> list[Item]:
        """Return the items that joined the history since this was last asked."""
        return self._history.taken()

    async def submit(self, prompt: Item) -> AsyncGenerator[events.Event, None]:
        """Take one turn and yield what happens; the last event says how it ended.

        Leaving the loop early, or ``interrupt``, ends the turn: what runs is
        stopped, and what was said stays in the history.
        """
        record = Record(self._parts.new_turn_id(), prompt)
        self._begin(prompt, record)
        async with aclosing(self._happens(record, Turn.take)) as happened:
            async for event in happened:
                yield event

    async def compact(self) -> AsyncGenerator[events.Event, None]:
        """Put a summary in the place of what was said; ends as a turn does."""
        record = Record(self._parts.new_turn_id(), None)
        async with aclosing(self._happens(record, Turn.compact)) as happened:
            async for event in happened:
                yield event

    async def _happens(
        self, record: Record, work: Callable[[Turn], Awaitable[None]]
    ) -> AsyncGenerator[events.Event, None]:
        """Do the work of a turn, and yield what happens."""
        told: asyncio.Queue[events.Event | None] = asyncio.Queue()

        def emit(event: events.Event) -> None:
            record.hear(event)
            self._note_files(event)
            if isinstance(event, events.TurnCompleted):
                self._parts.journal.note("event_msg", _token_count(turn))
            self._parts.journal.tell(event)
            told.put_nowait(event)

        turn = Turn(self._settings(emit, told), self._usage)
        async with aclosing(_events(told)) as happened:
            task = asyncio.ensure_future(
                self._take(partial(work, turn), turn, record, told)
            )
            self._turn = task
            try:
                async for event in happened:
                    yield event
                await task
            finally:
                await _stop(task)
                self._turn = None
                self._usage = turn.usage

    def anew(self) -> "Session":
        """Return a session like this one in which nothing was said; close only one."""
        return Session(msgspec.structs.replace(self._parts, history=[]))

    def warm(self) -> None:
        """Make the model ready in the background, while a person types.

        It is loaded, and reads what the next request will begin with. ``submit``
        goes on from there; where that has a price nothing is done.
        """
        said = self._history.items or self._parts.surroundings
        self._warmth.begin(context.request(self._parts.frame, said, "auto"))

    async def warmed(self) -> None:
        """Return when what ``warm`` has begun is done."""
        await self._warmth.over()

    def remark(self, text: str) -> None:
        """Tell the model something in the next request, as a developer message."""
        self._remarks.append(text)

    def interrupt(self) -> None:
        """End the turn that runs, if any."""
        if self._turn is not None:
            self._turn.cancel()

    def warn(self, message: str) -> events.ItemCompleted:
        """Return a warning as an event with an item id of its own."""
        item = events.ErrorItem(id=self._new_item_id(), message=message)
        return events.ItemCompleted(item=item)

    async def close(self) -> None:
        """End what outlived its turn and close the way to the model."""
        await self._warmth.close()
        for tool in self._parts.tools.values():
            await tool.close()
        await self._parts.model.close()

    async def _take(
        self,
        work: Callable[[], Awaitable[None]],
        turn: Turn,
        record: Record,
        told: asyncio.Queue[events.Event | None],
    ) -> None:
        parts = self._parts
        try:
            await work()
        except asyncio.CancelledError:
            turn.emit(events.TurnFailed(error=events.Failure(events.INTERRUPTED)))
        finally:
            told.put_nowait(None)
        if parts.after_turn is not None and record.prompted:
            await parts.after_turn(record.turned())

    def _begin(self, prompt: Item, record: Record) -> None:
        parts = self._parts
        if not self._history:
            parts.journal.note("session_meta", parts.meta)
        while self._surroundings:
            self._history.keep(self._surroundings.pop(0))
        context = {"turn_id": record.turn_id, **parts.turn_context}
        parts.journal.note("turn_context", context)
        if parts.undo is not None:
            parts.undo.begin(record.turn_id, record.prompt)
            self._recording = True
        self._history.keep(prompt)
        for item in parts.beside(prompt):
            self._history.keep(item)

    async def _settle(self, emit: Emit) -> None:
        """Close the record of what the turn changed on disk."""
        undo = self._parts.undo
        if undo is None or not self._recording:
            return
        self._recording = False
        if gaps := await undo.end():
            emit(self.warn(gaps))

    def _note_files(self, event: events.Event) -> None:
        """Take note of the files that the session changes."""
        match event:
            case events.ItemCompleted(
                item=events.FileChange(changes=changes, status="completed")
            ):
                for change in changes:
                    path = Path(change.path)
                    within = path.is_relative_to(self._parts.cwd)
                    shown = path.relative_to(self._parts.cwd) if within else path
                    self._room.changed[str(shown)] = None
            case _:
                return

    def _compose(self, asking: Asking) -> responses.Request:
        # Between a call and its output nothing may stand: strict templates refuse it.
        for text in self._remarks:
            part = InputText(text=text)
            self._history.keep(Message(role="developer", content=[part]))
        self._remarks.clear()
        self._room.asks()
        frame = self._parts.frame
        if asking.formed:
            frame = context.formed(frame)
        if asking.hurried:
            frame = context.hurried(frame, self._parts.limits.least_effort)
        return context.request(frame, self._history.items, asking.choice)

    def _new_item_id(self) -> str:
        number = self._items
        self._items += 1
        return f"item_{number}"

    def _settings(
        self, emit: Emit, told: asyncio.Queue[events.Event | None]
    ) -> Settings:
        parts = self._parts
        scope = Scope(
            cwd=parts.cwd,
            emit=emit,
            new_item_id=self._new_item_id,
            remark=self._remarks.append,
            interrupt=self.interrupt,
            seen=told.join,
            changing=parts.undo.before if parts.undo else unrecorded,
        )
        return Settings(
            model=parts.model,
            tools=parts.tools,
            scope=scope,
            clock=parts.clock,
            ready=self._warmth.ready,
            compose=self._compose,
            keep=self._history.keep,
            settle=partial(self._settle, emit),
            stream_retries=parts.stream_retries,
            room=self._room,
            asks_again=parts.limits.asks_again,
            form=parts.form,
        )


async def _events(
    told: asyncio.Queue[events.Event | None],
) -> AsyncGenerator[events.Event, None]:
    while (event := await told.get()) is not None:
        yield event
        # Whoever asks for the next one has shown this one.
        told.task_done()


def _token_count(turn: Turn) -> dict[str, object]:
    info = {"total_token_usage": turn.usage}
    if turn.last is not None:
        info["last_token_usage"] = turn.last
    return {"type": "token_count", "info": info}


async def _stop(task: asyncio.Task[None]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
