"""Fakes for the ports: each does what the real one promises, in memory."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from codex_oss import events
from codex_oss.errors import CodexOssError
from codex_oss.facts import Fact
from codex_oss.items import Call, FunctionCall, Item, Message, OutputText
from codex_oss.ports import Note, Outlet, Output, Scope, unheard
from codex_oss.wire import responses

Script = Sequence[responses.Event | CodexOssError]


class ScriptedModel:
    """A model that answers from a script: one list of events per request.

    An error in a list is raised at its place. Asking more often than the script is
    long is a failure of the test.
    """

    def __init__(self, *answers: Script, window: int | None = None) -> None:
        self._answers = list(answers)
        self._window = window
        self.requests: list[responses.Request] = []
        self.facts: list[Fact] = []
        """What is noted of each request."""
        self.loads = 0
        self.warmed: list[responses.Request] = []
        self.closed = False

    async def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        self.requests.append(request)
        for fact in self.facts:
            note(fact)
        for step in self._answers.pop(0):
            await asyncio.sleep(0)
            if isinstance(step, CodexOssError):
                raise step
            yield step

    async def sees(self) -> bool | None:
        return None

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        outlet.put([event async for event in self.stream(request)])

    async def load(self) -> None:
        self.loads += 1

    async def warm(self, request: responses.Request) -> None:
        self.warmed.append(request)

    async def window(self) -> int | None:
        return self._window

    async def close(self) -> None:
        self.closed = True


class FakeTool:
    """A tool that answers by a function, and keeps the calls it got."""

    def __init__(
        self,
        name: str,
        answer: Callable[[Call], Output] = lambda _: Output("ok"),
        required: Sequence[str] = (),
    ) -> None:
        self.spec = responses.FunctionTool(
            name=name,
            description=f"The tool {name}.",
            parameters={
                "type": "object",
                "properties": {key: {"type": "string"} for key in required},
                "required": list(required),
                "additionalProperties": False,
            },
        )
        self._answer = answer
        self.calls: list[Call] = []
        self.ended = 0
        self.closed = False

    async def run(self, call: Call, scope: Scope) -> Output:
        self.calls.append(call)
        await asyncio.sleep(0)
        return self._answer(call)

    def end_turn(self, scope: Scope) -> None:
        self.ended += 1

    async def close(self) -> None:
        self.closed = True


class HangingTool(FakeTool):
    """A tool whose calls end only when they are cancelled."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.started = asyncio.Event()
        self.cancelled = False

    async def run(self, call: Call, scope: Scope) -> Output:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError("an event that nobody sets was set")


class MemoryJournal:
    """A journal that keeps everything in lists."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.notes: list[tuple[str, object]] = []
        self.told: list[events.Event] = []

    def append(self, item: Item) -> None:
        self.items.append(item)

    def tell(self, event: events.Event) -> None:
        self.told.append(event)

    def note(self, kind: str, payload: object) -> None:
        self.notes.append((kind, payload))


class FakeClock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds
        await asyncio.sleep(0)


def said(text: str) -> responses.Event:
    """Return the event of a whole message of the model."""
    message = Message(role="assistant", content=[OutputText(text=text)])
    return responses.OutputItemDone(item=message)


def called(name: str, arguments: str = "{}", call_id: str = "c1") -> responses.Event:
    """Return the event of a whole function call."""
    call = FunctionCall(name=name, arguments=arguments, call_id=call_id)
    return responses.OutputItemDone(item=call)


def finished(
    input_tokens: int = 10, output_tokens: int = 5, cached: int = 0
) -> responses.Event:
    """Return the event that ends a response well."""
    usage = responses.Usage(
        input_tokens=input_tokens,
        input_tokens_details=responses.InputTokensDetails(cached),
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
    )
    return responses.Completed(response=responses.Response(id="r", usage=usage))


def failed(code: str | None, message: str | None) -> responses.Event:
    """Return the event of a response that failed."""
    error = responses.ResponseError(code=code, message=message)
    return responses.Failed(response=responses.Response(id="r", error=error))


def cut_short(reason: str) -> responses.Event:
    """Return the event of a response that was cut by a limit."""
    details = responses.IncompleteDetails(reason=reason)
    response = responses.Response(id="r", incomplete_details=details)
    return responses.IncompleteResponse(response=response)
