"""One answer of the model: its events told outward, its calls run, its items kept."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Protocol

import msgspec

from codex_oss import errors, events
from codex_oss.agent.repeats import Repeats
from codex_oss.agent.stagnation import Outcome
from codex_oss.facts import Fact, Reading, Remark, Truncated
from codex_oss.items import (
    Call,
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    OutputText,
    Reasoning,
    Refusal,
    text_of,
    text_of_output,
)
from codex_oss.ports import Model, Output
from codex_oss.translate.failure import overflow
from codex_oss.wire import responses

CHARS_PER_TOKEN = 4
"""Of thoughts, which nobody counts before they end."""
THOUGHTS_KEPT = 1000
"""Characters of thoughts that were broken off which the model gets back."""
RUNNING = "Process running with session ID"
"""In what a command that has not ended answers."""
HEAD_CHARS = 200
ABORTED = Output("aborted by user", success=False)
CUT = "stream disconnected before completion: "
REPEATED = "The model said the same words over and over: its answer is broken off here."
CUT_PROMPT = (
    "The server read {read:,} tokens of a prompt of {sent:,} or more: it dropped a "
    "part of it. Give the model a larger context."
)


class Listener(Protocol):
    """Who hears an answer: the turn."""

    def emit(self, event: events.Event) -> None:
        """Tell the front end."""
        ...

    def new_item_id(self) -> str:
        """Return the next id of an item for the front end."""
        ...

    def keep(self, item: Item) -> None:
        """Add an item to the history."""
        ...

    def mend(self, call: Call) -> Call:
        """Return the call as it was meant."""
        ...

    async def run(self, call: Call) -> Output:
        """Run a call."""
        ...

    def answered(self, call: Call, output: Output) -> None:
        """Add a call's output to the history."""
        ...

    def dropped(self, read: int) -> None:
        """Take note that the server read no more than so many tokens."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """A whole answer: the outcomes of its calls, in order, and its token counts.

    ``said``: there were words in it. ``thoughts``: the end of what it thought, if it
    was broken off for thinking too long, else "".
    """

    outcomes: list[Outcome]
    usage: responses.Usage | None
    said: bool = True
    thoughts: str = ""


async def ask(
    model: Model,
    request: responses.Request,
    turn: Listener,
    patience: int | None = None,
) -> Answer:
    """Send ``request``, run the calls of the answer as they arrive, and return it.

    An answer that only thinks, for more than ``patience`` tokens, is broken off, and so
    are words that repeat themselves (``repeats``); those stay, told once. Calls
    run side by side and start before the answer is whole; their outputs go
    into the history in the order of the calls. Raises ``errors.ModelError`` after
    everything that did arrive is in the history.
    """
    running: list[tuple[Call, asyncio.Task[Output]]] = []
    heard = _Heard(turn, patience)
    failure: errors.CodexOssError | None = None
    try:
        async with asyncio.TaskGroup() as group:

            def start(call: Call) -> None:
                running.append((call, group.create_task(turn.run(call))))

            try:
                await _listen(model, request, heard, start)
            except errors.CodexOssError as error:
                failure = error
    finally:
        outcomes = [_settle(call, task, turn) for call, task in running]
    if failure is not None:
        raise failure
    return Answer(outcomes, heard.usage, heard.said, heard.broken_off)


class _Heard:
    """What an answer has brought so far."""

    def __init__(self, turn: Listener, patience: int | None) -> None:
        self.turn = turn
        self.usage: responses.Usage | None = None
        self.said = False
        self._begun = False
        self._most = patience and patience * CHARS_PER_TOKEN
        self._thoughts: dict[bool, list[str]] = {False: [], True: []}
        self._sizes = {False: 0, True: 0}
        self._words = Repeats()
        self.repeats = False

    def begin(self) -> None:
        """Take note that there is more than thoughts."""
        self._begun = True

    def say(self, delta: str) -> None:
        """Take note of words."""
        self._begun = True
        self.repeats = self._words.feed(delta)

    def end_words(self) -> str:
        """Return the words so far if they repeat themselves, told once, else ""."""
        words, self._words = self._words, Repeats()
        return words.kept

    def think(self, delta: str, *, raw: bool) -> None:
        """Take note of a thought; servers may send it in two forms."""
        self._thoughts[raw].append(delta)
        self._sizes[raw] += len(delta)

    @property
    def thinks_too_long(self) -> bool:
        """Whether there are only thoughts, and too many."""
        if self._begun or self._most is None:
            return False
        return max(self._sizes.values()) > self._most

    @property
    def broken_off(self) -> str:
        """The end of thoughts that were too long; "" when they were not."""
        if not self.thinks_too_long:
            return ""
        told = max(self._thoughts.values(), key=lambda pieces: sum(map(len, pieces)))
        return "".join(told)[-THOUGHTS_KEPT:]


async def _listen(
    model: Model,
    request: responses.Request,
    heard: _Heard,
    start: Callable[[Call], None],
) -> None:
    turn = heard.turn
    async with aclosing(model.stream(request, partial(_note, turn))) as stream:
        async for event in stream:
            match event:
                case responses.OutputItemAdded():
                    turn.emit(events.Answering())
                case responses.OutputItemDone(item=item):
                    turn.emit(events.Answering())
                    heard.said = heard.said or _speaks(item)
                    if not isinstance(item, Reasoning):
                        heard.begin()
                    heard.end_words()
                    _item_done(item, turn, start)
                case responses.Completed(response=response):
                    heard.usage = response.usage
                    return
                case responses.Failed() | responses.IncompleteResponse():
                    raise failure_of(event)
                case _:
                    _delta(event, heard)
                    if heard.thinks_too_long:
                        return
                    if heard.repeats:
                        _break_off(heard, start)
                        return
    raise errors.StreamCut("stream closed before response.completed")


def _delta(event: responses.Event, heard: _Heard) -> None:
    """Hear a piece of an item."""
    match event:
        case responses.OutputTextDelta(delta=delta):
            heard.say(delta)
            heard.turn.emit(events.TextDelta(text=delta))
        case responses.ReasoningSummaryTextDelta(delta=delta):
            heard.think(delta, raw=False)
            heard.turn.emit(events.ReasoningDelta(text=delta))
        case responses.ReasoningTextDelta(delta=delta):
            heard.think(delta, raw=True)
        case (
            responses.FunctionCallArgumentsDelta()
            | responses.CustomToolCallInputDelta()
        ):
            heard.begin()
        case _:
            return


def _break_off(heard: _Heard, start: Callable[[Call], None]) -> None:
    """Let the words that repeat themselves, told once, be what was said."""
    said = Message(role="assistant", content=[OutputText(text=heard.end_words())])
    heard.said = True
    _item_done(said, heard.turn, start)
    _warn(heard.turn, REPEATED)


def _speaks(item: Item) -> bool:
    """Return whether an item is words for the user."""
    match item:
        case Message(role="assistant", content=content):
            refused = any(isinstance(part, Refusal) for part in content)
            return refused or bool(text_of(content).strip())
        case _:
            return False


def _note(turn: Listener, fact: Fact) -> None:
    """Tell what a person should know of the request on its way."""
    match fact:
        case Reading(processed=done, total=total):
            turn.emit(events.Reading(done=done, total=total))
        case Remark(text=text):
            _warn(turn, text)
        case Truncated(tokens_sent=sent, tokens_read=read):
            _warn(turn, CUT_PROMPT.format(sent=sent, read=read))
            turn.dropped(read)
        case _:
            return


def _warn(turn: Listener, text: str) -> None:
    warning = events.ErrorItem(id=turn.new_item_id(), message=text)
    turn.emit(events.ItemCompleted(item=warning))


def _item_done(item: Item, turn: Listener, start: Callable[[Call], None]) -> None:
    match item:
        case FunctionCall() | CustomToolCall():
            call = turn.mend(item)
            turn.keep(call)
            start(call)
        case Message(role="assistant", content=content):
            turn.keep(item)
            said = events.AgentMessage(id=turn.new_item_id(), text=text_of(content))
            turn.emit(events.ItemCompleted(item=said))
        case Reasoning(summary=summary, content=content):
            turn.keep(item)
            if content:
                raw = "".join(part.text for part in content)
                turn.emit(events.Thought(text=raw))
            if summary:
                thought = "\n\n".join(part.text for part in summary)
                shown = events.ReasoningItem(id=turn.new_item_id(), text=thought)
                turn.emit(events.ItemCompleted(item=shown))
        case _:
            turn.keep(item)


def _settle(call: Call, task: asyncio.Task[Output], turn: Listener) -> Outcome:
    finished = task.done() and not task.cancelled() and task.exception() is None
    output = task.result() if finished else ABORTED
    turn.answered(call, output)
    arguments = call.arguments if isinstance(call, FunctionCall) else call.input
    text = text_of_output(output.content)
    return Outcome(
        name=call.name,
        arguments=arguments,
        output=_without_timing(text),
        refused=not output.success,
        waits=output.success and RUNNING in text[:HEAD_CHARS],
    )


def _without_timing(text: str) -> str:
    """Drop the lines that differ between two runs of one command."""
    changing = ("Chunk ID: ", "Wall time: ")
    return "\n".join(
        line for line in text.splitlines() if not line.startswith(changing)
    )


# --- how a response can fail ---------------------------------------------------------

_FATAL: dict[str, Callable[[str], errors.ModelError]] = {
    "context_length_exceeded": overflow,
    "insufficient_quota": lambda _: errors.QuotaExceeded(),
    "invalid_prompt": errors.BadRequest,
    "cyber_policy": errors.BadRequest,
    "server_is_overloaded": lambda _: errors.BadRequest(
        "Selected model is at capacity. Please try a different model."
    ),
}
_BUSY = ("rate_limit_exceeded", "slow_down")


def failure_of(
    event: responses.Failed | responses.IncompleteResponse,
) -> errors.ModelError:
    """Return the error in a response that failed or was cut short."""
    response = event.response
    if isinstance(event, responses.IncompleteResponse):
        details = response.incomplete_details
        reason = (details and details.reason) or "unknown"
        used = response.usage
        return errors.Incomplete(reason, tokens=used.total_tokens if used else 0)
    error = response.error or responses.ResponseError()
    message = error.message or "response.failed event received"
    if error.code in _FATAL:
        return _FATAL[error.code](message)
    delay = delay_in(message) if error.code in _BUSY else None
    return errors.StreamCut(message, delay_s=delay)


def delay_in(message: str) -> float | None:
    """Return the seconds in "try again in 1.5s", "… 500ms" or "… 2 seconds"."""
    _, _, rest = message.partition("try again in ")
    number = rest[: len(rest) - len(rest.lstrip("0123456789."))].rstrip(".")
    try:
        seconds = float(number)
    except ValueError:
        return None
    unit = rest[len(number) :].lstrip()
    return seconds / 1000 if unit.startswith("ms") else seconds
