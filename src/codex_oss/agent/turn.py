"""One turn: ask the model, run its calls, repeat until it only talks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from codex_oss import errors, events
from codex_oss.agent import calls
from codex_oss.agent.answer import CUT, Answer, ask
from codex_oss.agent.form import FAILED, HINT, AnswerForm
from codex_oss.agent.room import CUT as CUT_ANSWER
from codex_oss.agent.room import Room
from codex_oss.agent.stagnation import Stagnation
from codex_oss.agent.tally import added
from codex_oss.items import Call, Item
from codex_oss.ports import Clock, Model, Output, Scope, Tool
from codex_oss.wire import responses

BACKOFF_S = 0.2
BACKOFF_LIMIT_S = 30.0
ROUNDS_LIMIT = 1000
STUCK = (
    "Stop: {reason}. Do not call a tool now. Say in a few sentences what you found, "
    "what is still missing, and how to get it."
)
EMPTY = "Your answer was empty. Go on with the task: call a tool, or answer in words."
THOUGHT = (
    "You have thought long enough. Your thoughts ended with:\n{thoughts}\n\n"
    "Decide now: call a tool, or answer."
)
NOTHING = "The model's answer was empty, twice in a row."
NOTHING_HINT = (
    "Ask again in other words, or take a larger model; a server whose context is full "
    "may also answer nothing."
)


class Asking(msgspec.Struct, frozen=True):
    """How the model is asked: whether it may call, and whether to think little."""

    choice: str = "auto"
    hurried: bool = False
    formed: bool = False
    """Whether the answer is held to the form of final ones."""


class Settings(msgspec.Struct, frozen=True):
    """What a turn works with: all of it outlives the turn."""

    model: Model
    tools: Mapping[str, Tool]
    scope: Scope
    clock: Clock
    ready: Callable[[], Awaitable[None]]
    """Returns when the model can be asked."""
    compose: Callable[[Asking], responses.Request]
    """Returns the request that holds the history so far."""
    keep: Callable[[Item], None]
    settle: Callable[[], Awaitable[None]]
    """Awaited when the model is done, before the turn's last event."""
    stream_retries: int
    room: Room
    asks_again: bool = False
    """Whether a first answer without words and calls is asked for once more."""
    form: AnswerForm | None = None
    """What the final answer must follow."""


class Turn:
    """One turn of a conversation. ``usage`` counts on from what came before."""

    def __init__(self, settings: Settings, usage: events.TokenUsage) -> None:
        self._settings = settings
        self._calls = calls.Calls(settings.tools, settings.scope)
        self._cuts = 0
        self._spoke = False
        self._last: str | None = None
        self.usage = usage
        self.last: events.TokenUsage | None = None
        """The tokens of the last answer that its server counted."""

    async def take(self) -> None:
        """Run to the end: ``TurnCompleted`` or ``TurnFailed`` is the last event.

        Raises nothing for what the world does wrong; only bugs and cancellation.
        """
        await self._run(self._until_formed)

    async def compact(self) -> None:
        """Put a summary in the place of the conversation; ends as ``take`` does."""

        async def work() -> None:
            await self._settings.ready()
            await self._settings.room.compact(self)

        await self._run(work)

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        self.emit(events.TurnStarted())
        failure = ""
        try:
            await work()
        except errors.CodexOssError as error:
            failure = _message(error)
        finally:
            for tool in self._settings.tools.values():
                tool.end_turn(self._settings.scope)
            await self._settings.settle()
        if failure:
            self.emit(events.Notice(message=failure))
            self.emit(events.TurnFailed(error=events.Failure(failure)))
        else:
            self.emit(events.TurnCompleted(usage=self.usage))

    async def _until_formed(self) -> None:
        """Work until there is an answer, and until it has its form if it needs one."""
        await self._until_answered()
        form, fault = self._settings.form, ""
        if form is None or not await asyncio.to_thread(form.fault, self._last):
            return
        for asks in (form.apart, True):
            if asks:
                self._settings.scope.remark(form.asked(fault))
                await self._ask(Asking("none", formed=True))
            if not (fault := await asyncio.to_thread(form.fault, self._last)):
                return
        if not form.strict:
            return
        raise errors.BadRequest(FAILED.format(fault=fault), hint=HINT)

    async def _until_answered(self) -> None:
        stagnation, choice, empty, ran = Stagnation(), "auto", False, False
        self._settings.room.begin()
        for _ in range(ROUNDS_LIMIT):
            answer = await self._ask(Asking(choice))
            if not answer.outcomes:
                if answer.said or not (ran or self._settings.asks_again):
                    return
                await self._ask_for_words(answer, again=empty)
                if empty:
                    return
                choice, empty = "auto", True
                continue
            ran, empty = True, False
            verdict = stagnation.note(answer.outcomes)
            if verdict is not None and verdict != "answer":
                raise errors.BadRequest(f"The turn was stopped: {verdict}.")
            choice = "auto" if verdict is None else "none"
            if verdict is not None:
                self._settings.scope.remark(STUCK.format(reason=stagnation.reason))
        raise errors.BadRequest(
            f"The turn was stopped: {ROUNDS_LIMIT} rounds of tool calls."
        )

    async def _ask_for_words(self, answer: Answer, *, again: bool) -> None:
        """See to it that an answer without words and calls is asked for once more.

        ``again``: it was. What the model said beside its calls then is the answer.
        """
        settings = self._settings
        if again:
            if self._spoke:
                return
            raise errors.BadRequest(NOTHING, hint=NOTHING_HINT)
        used = answer.usage
        if used is not None and settings.room.full(used.input_tokens):
            # Some servers answer nothing to a prompt that fills their window.
            await settings.room.overflowed(errors.ContextOverflow(), self)
        settings.scope.remark(EMPTY)

    async def _ask(self, asking: Asking) -> Answer:
        """Ask, in other ways while that helps, and return a whole answer."""
        settings = self._settings
        while True:
            self.emit(events.Asked())
            await settings.ready()
            if await settings.room.fit(self):
                self.emit(events.Asked())
            try:
                answer = await self._once(asking)
            except errors.StreamCut as error:
                self._cuts += 1
                if self._cuts > settings.stream_retries:
                    raise
                self._tell_retry(error)
                await settings.clock.sleep(self._delay(error))
                continue
            except errors.ContextOverflow as error:
                await settings.room.overflowed(error, self)
                continue
            except errors.Incomplete as error:
                if not await settings.room.cut_off(error, self):
                    raise
                settings.scope.remark(CUT_ANSWER)
                continue
            self._cuts = 0
            if not answer.thoughts:
                return answer
            settings.scope.remark(THOUGHT.format(thoughts=answer.thoughts))
            asking = msgspec.structs.replace(asking, hurried=True)

    async def _once(self, asking: Asking) -> Answer:
        """Ask once."""
        settings = self._settings
        request = settings.compose(asking)
        patience = None if asking.hurried else settings.room.thinking
        answer = await ask(settings.model, request, self, patience)
        self.count(answer.usage)
        # Without tools a prompt says nothing of the next one's size.
        settings.room.answered(None if asking.formed else answer.usage)
        self._spoke = self._spoke or answer.said
        return answer

    def _tell_retry(self, error: errors.ModelError) -> None:
        number, limit = self._cuts, self._settings.stream_retries
        note = f"Reconnecting... {number}/{limit} ({_message(error)})"
        self.emit(events.Notice(message=note))

    def _delay(self, error: errors.ModelError) -> float:
        asked = error.delay_s
        wait = BACKOFF_S * 2 ** (self._cuts - 1) if asked is None else asked
        return min(wait, BACKOFF_LIMIT_S)

    # What an answer needs of its turn (`answer.Listener`), and room (`summary.Asker`).

    def count(self, usage: responses.Usage | None) -> None:
        """Add the tokens of an answer."""
        self.usage = added(self.usage, usage)
        if usage is not None:
            self.last = added(events.TokenUsage(), usage)

    def dropped(self, read: int) -> None:
        """Take note that the server read no more than so many tokens."""
        self._settings.room.dropped(read)

    def emit(self, event: events.Event) -> None:
        """Tell the front end."""
        match event:
            case events.ItemCompleted(item=events.AgentMessage(text=text)):
                self._last = text
            case _:
                pass
        self._settings.scope.emit(event)

    def new_item_id(self) -> str:
        """Return the next id of an item for the front end."""
        return self._settings.scope.new_item_id()

    def keep(self, item: Item) -> None:
        """Add an item to the history."""
        self._settings.keep(item)

    def mend(self, call: Call) -> Call:
        """Return the call as it was meant."""
        return calls.mend(call, self._settings.tools)

    async def run(self, call: Call) -> Output:
        """Run a call."""
        return await self._calls.run(call)

    def answered(self, call: Call, output: Output) -> None:
        """Add a call's output to the history."""
        output_item = self._settings.room.trimmed(calls.output_item(call, output))
        self._settings.keep(output_item)


def _message(error: errors.CodexOssError) -> str:
    """Return what people read: a cut says that it was one, the rest stands as it is."""
    return f"{CUT}{error}" if isinstance(error, errors.StreamCut) else error.report()
