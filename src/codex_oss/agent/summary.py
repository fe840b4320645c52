"""A model's summary of a conversation: what it is asked by, and what came of it."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import UNSET

from codex_oss import errors, events
from codex_oss.agent import context, handoff, masking, rounds
from codex_oss.facts import Fact, Reading
from codex_oss.items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    Refusal,
    text_of,
    user,
)
from codex_oss.ports import Model
from codex_oss.wire import responses

_PROMPTS = Path(__file__).parent.parent / "prompts"
PROMPT = _PROMPTS / "compact.md"
SHORT_PROMPT = _PROMPTS / "compact_short.md"
MAX_ASKED_CHARS = 1500
"""Of what the user said first, and of what last, in the short request."""
MAX_REFUSAL_CHARS = 240
_REFUSALS = ("i'm sorry", "i am sorry", "sorry, ", "i can't", "i cannot")
"""How models begin that do not want to; in few words, for a summary may tell of it."""


class Asker(Protocol):
    """The turn that wants room."""

    def emit(self, event: events.Event) -> None:
        """Tell the front end."""
        ...

    def count(self, usage: responses.Usage | None) -> None:
        """Add to the tokens of the turn."""
        ...


class Said(msgspec.Struct, frozen=True):
    """What a model wrote for a summary.

    ``whole``: it came to an end by itself. ``alone``: there was no call beside it, and
    it was not refused.
    """

    text: str = ""
    whole: bool = False
    alone: bool = True

    @property
    def usable(self) -> bool:
        """Whether it says something, were it all that there is."""
        start = self.text[:MAX_REFUSAL_CHARS].lower().replace("\u2019", "'")
        refused = len(self.text) < MAX_REFUSAL_CHARS and start.startswith(_REFUSALS)
        return self.alone and not refused and handoff.usable(self.text)


def whole_request(
    frame: context.Frame, items: Sequence[Item], wanted: Item, most: int
) -> responses.Request:
    """Return the request that begins as the one before did, tools included.

    The server has read all but its last message.
    """
    request = context.request(frame, [*items, wanted], "none")
    return msgspec.structs.replace(request, max_output_tokens=most, text=UNSET)


def short_request(
    frame: context.Frame,
    items: Sequence[Item],
    known: handoff.Facts,
    effort: str,
    most: int,
) -> responses.Request:
    """Return the request for those that the whole one was too much for.

    It has nothing to be called, little to be read, and asks for few words and few
    thoughts: what the user said first and last, and what the program itself knows.
    """
    asked = [items[n] for n in rounds.prompts(items)]
    told = [
        masking.clipped(text_of(item.content), MAX_ASKED_CHARS)
        for item in [*asked[:1], *asked[1:][-1:]]
        if isinstance(item, Message)
    ]
    facts = text_of(handoff.handoff(known, handoff.without_model(items)).content)
    text = "\n\n".join(("The user said:", *told, facts))
    bare = msgspec.structs.replace(
        frame, instructions=SHORT_PROMPT.read_text("utf-8").strip(), tools=[]
    )
    request = context.request(context.hurried(bare, effort), [user(text)], "none")
    return msgspec.structs.replace(request, max_output_tokens=most, text=UNSET)


async def listen(model: Model, request: responses.Request, asker: Asker) -> Said:
    """Return what a model answers; nothing, where that fails.

    Raises ``Unreachable``: who is not there need not be asked again.
    """
    asker.emit(events.Asked())
    try:
        return await _listen(model, request, asker)
    except errors.Unreachable:
        raise
    except errors.ModelError:
        return Said()


async def _listen(model: Model, request: responses.Request, asker: Asker) -> Said:
    texts: list[str] = []
    alone = True

    def note(fact: Fact) -> None:
        if isinstance(fact, Reading):
            asker.emit(events.Reading(done=fact.processed, total=fact.total))

    async with aclosing(model.stream(request, note)) as stream:
        async for event in stream:
            match event:
                case responses.OutputItemDone(item=item):
                    alone = alone and not _calls_or_refuses(item)
                    texts.append(_text(item))
                case (
                    responses.Completed(response=response)
                    | responses.Failed(response=response)
                    | responses.IncompleteResponse(response=response)
                ):
                    asker.count(response.usage)
                    whole = isinstance(event, responses.Completed)
                    return Said("".join(texts).strip(), whole, alone)
                case _:
                    continue
    return Said("".join(texts).strip(), whole=False, alone=alone)


def _text(item: Item) -> str:
    match item:
        case Message(role="assistant", content=content):
            return text_of(content)
        case _:
            return ""


def _calls_or_refuses(item: Item) -> bool:
    match item:
        case FunctionCall() | CustomToolCall():
            return True
        case Message(content=content):
            return any(isinstance(part, Refusal) for part in content)
        case _:
            return False
