"""A conversation made short: what stays word for word, and what a summary stands for.

Pure functions: ``room`` asks the model for the summary and decides when.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from codex_oss.agent import masking, rounds
from codex_oss.agent.handoff import Facts, handoff
from codex_oss.agent.window import IMAGE_WEIGHT, weigh, weigh_all
from codex_oss.items import (
    CallOutput,
    CustomToolCallOutput,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    Part,
    Reasoning,
    text_of,
    text_of_output,
)

PROMPTS_SHARE = (2, 5)
"""Of the room: what users said, word for word."""
SUMMARY_SHARE = (1, 4)
"""Of the room: plan, files and summary."""
LAST_ROUNDS = 2
"""Rounds that stay, if they fit."""
MIN_OUTPUT_LEFT = 400
"""Characters that are left of an output that the model has not seen yet."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a short conversation is made of. ``room`` is the weight it may have."""

    surroundings: Sequence[Item]
    items: Sequence[Item]
    known: Facts
    summary: str
    room: int


def rebuilt(parts: Parts) -> tuple[list[Item], str]:
    """Return the short conversation, and the summary as it stands in it.

    Its order: the surroundings, what users said, the handoff, the last rounds; a prompt
    that nobody has answered yet comes last.
    """
    whole = [item for item in parts.items if item not in parts.surroundings]
    items = [masking.without_images(item) for item in whole]
    asked = rounds.prompts(items)
    begins = rounds.starts(items)
    open_prompts = [n for n in asked if not begins or n > begins[-1]]
    said = _prompts([items[n] for n in asked], _of(PROMPTS_SHARE, parts.room))
    cut = len(said) - min(len(open_prompts), len(said))
    told, summary = _told(parts, _of(SUMMARY_SHARE, parts.room))
    if open_prompts and said[-1] is items[open_prompts[-1]]:
        prompt = whole[open_prompts[-1]]  # its images have not been seen yet
        if weigh_all((*said[:-1], prompt, told)) <= parts.room:
            said[-1] = prompt
    left = parts.room - weigh_all(said) - weigh(told)
    last = _last_rounds(items, left, unanswered=not open_prompts)
    if begins and not open_prompts:  # so it is with those of the last outputs
        newest = [*items[: begins[-1]], *whole[begins[-1] :]]
        last = _last_rounds(newest, left, unanswered=True) or last
    return [*parts.surroundings, *said[:cut], told, *last, *said[cut:]], summary


def _of(share: tuple[int, int], room: int) -> int:
    return room * share[0] // share[1]


def _told(parts: Parts, size: int) -> tuple[Message, str]:
    """Return the handoff within a weight: the summary gives way, then the files."""
    known, summary = parts.known, parts.summary
    bare = weigh(handoff(known, ""))
    while bare > size and (known.files or known.plan):
        known = Facts(known.plan[: len(known.plan) // 2], known.files[::2])
        bare = weigh(handoff(known, ""))
    summary = _within(summary, size, lambda text: weigh(handoff(known, text)), 0)
    return handoff(known, summary), summary


def _prompts(said: list[Item], size: int) -> list[Item]:
    """Return what users said within a weight: the newest and the first before all."""
    if not said:
        return []
    newest = _cut_message(said[-1], size if len(said) == 1 else size * 2 // 3)
    left = size - weigh(newest)
    kept: dict[int, Item] = {len(said) - 1: newest}
    for index in (0, *range(len(said) - 2, 0, -1)):
        if index in kept:
            continue
        item = _cut_message(said[index], left) if index == 0 else said[index]
        if weigh(item) <= left:
            kept[index] = item
            left -= weigh(item)
    return [kept[index] for index in sorted(kept)]


def _cut_message(item: Item, size: int) -> Item:
    if not isinstance(item, Message) or weigh(item) <= size:
        return item

    def shorter(text: str) -> Message:
        parts: list[Part] = [InputText(text=text)]
        return replace(item, content=parts)

    text = text_of(item.content)
    return shorter(_within(text, size, lambda t: weigh(shorter(t)), MIN_OUTPUT_LEFT))


def _within(text: str, size: int, weighed: Callable[[str], int], least: int) -> str:
    """Return ``text`` without its middle, so that what is made of it fits."""
    keep, short = len(text), text
    while keep > least and (weight := weighed(short)) > size:
        keep = max(least, keep * size * 9 // (weight * 10))
        short = masking.clipped(text, keep) if keep else ""
    return short


def _last_rounds(items: Sequence[Item], left: int, *, unanswered: bool) -> list[Item]:
    """Return the last rounds that fit; what the model has not seen yet, cut to fit."""
    begins = rounds.starts(items)
    spoken = {id(items[n]) for n in rounds.prompts(items)}
    for count in range(LAST_ROUNDS, 0, -1):
        if len(begins) < count:
            continue
        last = [item for item in items[begins[-count] :] if id(item) not in spoken]
        if weigh_all(last) <= left:
            return last
    if not (begins and unanswered):
        return []
    last = [masking.shorter_call(item) for item in items[begins[-1] :]]
    return _fitted([item for item in last if not _is_thought(item)], left)


def _is_thought(item: Item) -> bool:
    return isinstance(item, Reasoning)


def _fitted(last: list[Item], left: int) -> list[Item]:
    """Return one round with its outputs cut; nothing if that does not suffice."""
    outputs = [n for n, item in enumerate(last) if _long(item)]
    rest = weigh_all(item for n, item in enumerate(last) if n not in outputs)
    if not outputs:
        return []
    size = (left - rest) // len(outputs)
    for index in outputs:
        output = last[index]
        if isinstance(output, FunctionCallOutput | CustomToolCallOutput):
            last[index] = cut_output(output, size)
    return last if weigh_all(last) <= left else []


def _long(item: Item) -> bool:
    return isinstance(item, FunctionCallOutput | CustomToolCallOutput)


def cut_output(item: CallOutput, size: int) -> CallOutput:
    """Return an output without its middle, so that its weight is ``size`` or less.

    Its images stay, and weigh what they weigh.
    """
    if weigh(item) <= size:
        return item
    text, parts = text_of_output(item.output), item.output
    images = [] if isinstance(parts, str) else [*filter(_is_image, parts)]

    def shorter(text: str) -> CallOutput:
        if not images:
            return replace(item, output=text)
        return replace(item, output=[InputText(text=text), *images])

    size += IMAGE_WEIGHT * len(images)
    return shorter(_within(text, size, lambda t: weigh(shorter(t)), MIN_OUTPUT_LEFT))


def _is_image(part: Part) -> bool:
    return isinstance(part, InputImage)


def without_oldest(
    items: Sequence[Item], fits: Callable[[Sequence[Item]], bool]
) -> list[Item]:
    """Return the items without their oldest rounds, as many as it takes to fit.

    Where that does not suffice, prompts go too, but the first and the newest.
    """
    begins = rounds.starts(items)
    spoken = rounds.prompts(items)

    def without(count: int) -> list[Item]:
        if not count:
            return list(items)
        first, end = begins[0], begins[count]
        said = [items[n] for n in spoken if first <= n < end]
        return [*items[:first], *said, *items[end:]]

    # What is left weighs the less, the more rounds are left out: to weigh it anew for
    # each of thousands of rounds would take minutes.
    most = max(0, len(begins) - 1)  # the last round stays
    short = without(bisect_left(range(most), x=True, key=lambda n: fits(without(n))))
    between = rounds.prompts(short)[1:-1]

    def shorter(count: int) -> list[Item]:
        gone = set(between[:count])
        return [item for n, item in enumerate(short) if n not in gone]

    many = range(len(between))
    return shorter(bisect_left(many, x=True, key=lambda n: fits(shorter(n))))
