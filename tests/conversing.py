"""A session of fakes with a window, and what it told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from codex_oss import events
from codex_oss.agent.context import Frame
from codex_oss.agent.session import Parts, Session
from codex_oss.agent.window import Limits
from codex_oss.items import Call, Item, user
from codex_oss.ports import Model, Output
from codex_oss.wire import responses
from fakes import FakeClock, FakeTool, MemoryJournal

PLACE = user("<environment_context>\n  <cwd>/w</cwd>\n</environment_context>")


class Talk:
    """A session with one tool ``look``, which answers what it is told to."""

    def __init__(
        self,
        model: Model,
        limits: Limits | None = None,
        look: Callable[[Call], Output] = lambda _: Output("ok"),
        history: Sequence[Item] = (),
    ) -> None:
        self.journal = MemoryJournal()
        tool = FakeTool("look", look)
        self.session = Session(
            Parts(
                thread_id="t",
                model=model,
                tools={"look": tool},
                frame=Frame(
                    model="m",
                    instructions="be good",
                    tools=[tool.spec],
                    cache_key="t",
                    reasoning=responses.ReasoningParams(summary="auto"),
                ),
                surroundings=[] if history else [PLACE],
                cwd=Path("/w"),
                journal=self.journal,
                clock=FakeClock(),
                stream_retries=2,
                meta={"id": "t"},
                limits=limits or Limits(),
                history=list(history),
            )
        )

    def submit(self, text: str = "go") -> list[events.Event]:
        """Take a turn; return what it told but for what live screens show."""
        return self._told(self.session.submit(user(text)))

    def compact(self) -> list[events.Event]:
        """Compact the conversation."""
        return self._told(self.session.compact())

    def _told(self, happens: AsyncGenerator[events.Event, None]) -> list[events.Event]:
        signs = (events.Asked, events.Answering, events.ReasoningDelta)

        async def collect() -> list[events.Event]:
            async with asyncio.timeout(60):
                return [e async for e in happens if not isinstance(e, signs)]

        return asyncio.run(collect())


def failed_with(told: Sequence[events.Event]) -> str:
    """Return why a turn failed; "" when it did not."""
    last = told[-1]
    return last.error.message if isinstance(last, events.TurnFailed) else ""


def compacted(told: Sequence[events.Event]) -> list[str]:
    """Return how the conversation was made short, each time."""
    return [event.how for event in told if isinstance(event, events.Compacted)]
