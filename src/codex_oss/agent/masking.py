"""Old tool outputs, thoughts and images made short: the first way to find room.

What a command said twenty rounds ago is hardly ever read again, and can be had again.
The sweep is made once for much room, so that the beginning of the requests, which
servers have read and kept, changes seldom.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import cast

import msgspec
from msgspec.structs import replace

from codex_oss.agent import rounds
from codex_oss.agent.window import weigh
from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    Part,
    Reasoning,
    text_of_output,
)
from codex_oss.patch.parse import UPDATED
from codex_oss.wire.json_text import fields

KEPT_ROUNDS = 2
"""The last rounds, which stay as they are."""
MIN_OUTPUT = 400
"""Characters below which an output is not worth a stub."""
MAX_ARGUMENT = 600
"""Characters of an old call's argument that stay."""
MAX_SHOWN = 120
"""Characters of a command, and of an output's last line, in a stub."""
_LETTERS = ("A ", "M ", "D ")
IMAGE_GONE = "[an image that was left out to make room]"

_Change = Callable[[Item], Item]


def sweep(
    items: Sequence[Item], excess: int, kept_rounds: int = KEPT_ROUNDS
) -> list[Item]:
    """Return the items with old things made short, oldest first.

    Ends when ``excess`` (a weight) is saved; what is made short stays so, and what
    remains as it was stands behind it.
    """
    mended = list(items)
    asked = rounds.prompts(items)
    old = rounds.begin_of_last(items, kept_rounds)
    before_turn = asked[-1] if asked else old
    calls = {
        item.call_id: item
        for item in items
        if isinstance(item, FunctionCall | CustomToolCall)
    }
    stages: tuple[tuple[int, _Change], ...] = (
        (before_turn, _without_thought),
        (before_turn, without_images),
        (old, lambda item: stub(item, calls)),
        (old, shorter_call),
        (old, _without_thought),
    )
    for end, change in stages:
        for index in range(end):
            if excess <= 0:
                return _without_empty(mended)
            changed = change(mended[index])
            if changed is not mended[index]:
                excess -= weigh(mended[index]) - weigh(changed)
                mended[index] = changed
    return _without_empty(mended)


_NO_THOUGHT = Reasoning()


def _without_thought(item: Item) -> Item:
    return _NO_THOUGHT if isinstance(item, Reasoning) else item


def _without_empty(items: list[Item]) -> list[Item]:
    return [item for item in items if item is not _NO_THOUGHT]


def without_images(item: Item) -> Item:
    """Return the item with words in the place of its images."""
    match item:
        case Message(content=list(parts)):
            return replace(item, content=_worded(parts)) if _seen(parts) else item
        case FunctionCallOutput(output=list(parts)):
            return replace(item, output=_worded(parts)) if _seen(parts) else item
        case CustomToolCallOutput(output=list(parts)):
            return replace(item, output=_worded(parts)) if _seen(parts) else item
        case _:
            return item


def _seen(parts: list[Part]) -> bool:
    return any(isinstance(part, InputImage) for part in parts)


def _worded(parts: list[Part]) -> list[Part]:
    gone = InputText(text=IMAGE_GONE)
    return [gone if isinstance(part, InputImage) else part for part in parts]


# --- outputs --------------------------------------------------------------------------


def stub(item: Item, calls: dict[str, FunctionCall | CustomToolCall]) -> Item:
    """Return a long output as one line that says what it was."""
    if not isinstance(item, FunctionCallOutput | CustomToolCallOutput):
        return item
    text = text_of_output(item.output)
    if len(text) < MIN_OUTPUT:
        return item
    if files := updated(text):
        told = "\n".join((UPDATED, *files, "[the rest was left out to make room]"))
        return replace(item, output=told) if len(told) < len(text) else item
    return replace(item, output=f"[left out to make room: {_was(item, calls, text)}]")


def updated(text: str) -> list[str]:
    """Return the lines of an edit's output that name the files it changed."""
    _, found, rest = text.partition(UPDATED + "\n")
    lines = rest.split("\n") if found else []
    named = takewhile(
        lambda line: line[:2] in _LETTERS and len(line) > len("M "), lines
    )
    return list(named)


def _was(
    item: FunctionCallOutput | CustomToolCallOutput,
    calls: dict[str, FunctionCall | CustomToolCall],
    text: str,
) -> str:
    call = calls.get(item.call_id)
    lines = text.count("\n") + 1
    if call is None:
        return f"an output of {lines} lines"
    command = command_of(call)
    if command is None:
        return f"{lines} lines of {call.name}; call it again to see them"
    end = ending(text)
    told = f"`{headline(command)}`{end and f', {end}'}, {lines} lines"
    last = text.rstrip().rpartition("\n")[2].strip()[:MAX_SHOWN]
    if last and end not in ("", "exit code 0"):
        told += f", the last: {last!r}"
    return f"{told}; run it again to see them"


def command_of(call: FunctionCall | CustomToolCall) -> str | None:
    """Return the command of a call that runs one."""
    if isinstance(call, CustomToolCall):
        return None
    given = fields(call.arguments)
    command = given.get("cmd") or given.get("command")
    if isinstance(command, list):
        command = " ".join(map(str, cast("list[object]", command)))
    return command if isinstance(command, str) else None


def ending(text: str) -> str:
    """Return how a command ended, by the head of its output; "" if nothing says."""
    for line in text.split("\n", 6)[:6]:
        if line.startswith("Process exited with code "):
            return f"exit code {line.rpartition(' ')[2]}"
        if line.startswith("Process running"):
            return "still running"
    return ""


def headline(text: str) -> str:
    """Return the first line of a text, no more than is shown of one."""
    line, _, more = text.strip().partition("\n")
    cut = len(line) > MAX_SHOWN or bool(more)
    return line[:MAX_SHOWN] + ("…" if cut else "")


# --- arguments ------------------------------------------------------------------------


def shorter_call(item: Item) -> Item:
    """Return a call whose long texts have lost their middle; JSON stays JSON."""
    match item:
        case CustomToolCall(input=text) if len(text) > MAX_ARGUMENT:
            return replace(item, input=clipped(text, MAX_ARGUMENT))
        case FunctionCall(arguments=text) if len(text) > MAX_ARGUMENT:
            given = fields(text)
            short = {
                key: clipped(value, MAX_ARGUMENT) if isinstance(value, str) else value
                for key, value in given.items()
            }
            if short == given:
                return item
            return replace(item, arguments=msgspec.json.encode(short).decode())
        case _:
            return item


def clipped(text: str, size: int) -> str:
    """Return ``text`` without its middle if it has more than ``size`` characters."""
    if len(text) <= size:
        return text
    head = size * 2 // 3
    left_out = len(text) - size
    tail = text[len(text) - (size - head) :]
    return f"{text[:head]}… [{left_out} characters left out] …{tail}"
