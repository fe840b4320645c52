"""One turn: ask the model, run its calls, repeat until it only talks."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from codex_oss import errors, events
from codex_oss.agent import calls
from codex_oss.agent.answer import CUT, Answer, ask
from codex_oss.agent.stagnation import Stagnation
from codex_oss.items import Call, Item
from codex_oss.ports import Clock, Model, Output, Scope, Tool
from codex_oss.wire import responses

BACKOFF_S = 0.2
BACKOFF_LIMIT_S = 30.0
ROUNDS_LIMIT = 1000


class Settings(msgspec.Struct, frozen=True):
    """What a turn works with: all of it outlives the turn."""

    model: Model
    tools: Mapping[str, Tool]
    scope: Scope
    clock: Clock
    ready: Callable[[], Awaitable[None]]
    """Returns when the model can be asked."""
    compose: Callable[[str], responses.Request]
    """From a tool choice to the request that holds the history so far."""
    keep: Callable[[Item], None]
    settle: Callable[[], Awaitable[None]]
    """Awaited when the model is done, before the turn's last event."""
    stream_retries: int


class Turn:
    """One turn of a conversation. ``usage`` counts on from what came before."""

    def __init__(self, settings: Settings, usage: events.TokenUsage) -> None:
        self._settings = settings
        self._calls = calls.Calls(settings.tools, settings.scope)
        self._cuts = 0
        self.usage = usage

    async def take(self) -> None:
        """Run to the end: ``TurnCompleted`` or ``TurnFailed`` is the last event.

        Raises nothing for what the world does wrong; only bugs and cancellation.
        """
        self.emit(events.TurnStarted())
        failure = ""
        try:
            await self._until_answered()
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

    async def _until_answered(self) -> None:
        stagnation, choice = Stagnation(), "auto"
        for _ in range(ROUNDS_LIMIT):
            answer = await self._ask(choice)
            if not answer.outcomes:
                return
            verdict = stagnation.note(answer.outcomes)
            if verdict is not None and verdict != "answer":
                raise errors.BadRequest(f"The turn was stopped: {verdict}.")
            choice = "auto" if verdict is None else "none"
        raise errors.BadRequest(
            f"The turn was stopped: {ROUNDS_LIMIT} rounds of tool calls."
        )

    async def _ask(self, choice: str) -> Answer:
        """Ask once; after a cut ask again, with all that arrived before it."""
        settings = self._settings
        while True:
            try:
                self.emit(events.Asked())
                await settings.ready()
                answer = await ask(settings.model, settings.compose(choice), self)
            except errors.StreamCut as error:
                self._cuts += 1
                if self._cuts > settings.stream_retries:
                    raise
                self._tell_retry(error)
                await settings.clock.sleep(self._delay(error))
                continue
            self._cuts = 0
            self._count(answer.usage)
            return answer

    def _tell_retry(self, error: errors.ModelError) -> None:
        number, limit = self._cuts, self._settings.stream_retries
        note = f"Reconnecting... {number}/{limit} ({_message(error)})"
        self.emit(events.Notice(message=note))

    def _delay(self, error: errors.ModelError) -> float:
        asked = error.delay_s
        wait = BACKOFF_S * 2 ** (self._cuts - 1) if asked is None else asked
        return min(wait, BACKOFF_LIMIT_S)

    def _count(self, used: responses.Usage | None) -> None:
        if used is None:
            return
        before, inp, out = (
            self.usage,
            used.input_tokens_details or responses.InputTokensDetails(),
            used.output_tokens_details or responses.OutputTokensDetails(),
        )
        self.usage = events.TokenUsage(
            input_tokens=before.input_tokens + used.input_tokens,
            cached_input_tokens=before.cached_input_tokens + inp.cached_tokens,
            cache_write_input_tokens=before.cache_write_input_tokens,
            output_tokens=before.output_tokens + used.output_tokens,
            reasoning_output_tokens=before.reasoning_output_tokens
            + out.reasoning_tokens,
        )

    # What an answer needs of its turn (`answer.Listener`).

    def emit(self, event: events.Event) -> None:
        """Tell the front end."""
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
        self._settings.keep(calls.output_item(call, output))


def _message(error: errors.CodexOssError) -> str:
    """Return what people read: a cut says that it was one, the rest stands as it is."""
    return f"{CUT}{error}" if isinstance(error, errors.StreamCut) else error.report()
