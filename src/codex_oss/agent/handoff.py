"""What must not be lost when a conversation is cut short, read from the conversation.

The plan and the changed files are kept by the program, for a model's summary may leave
them out. They stand in the handoff message, from which the next one reads them again.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import msgspec

from codex_oss.agent import masking
from codex_oss.items import (
    HANDOFF,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    text_of,
    text_of_output,
    user,
)
from codex_oss.wire.json_text import fields

MAX_FILES = 60
MAX_COMMANDS = 12
"""Commands that a summary without a model tells of, the last ones."""
MAX_SAID = 3
"""Messages of the model that it repeats."""
MAX_SAID_CHARS = 400
MIN_SUMMARY = 40
"""Characters below which a summary says nothing."""
MIN_DISTINCT = 0.15
"""Distinct words, of all words, below which a text goes in circles."""
MIN_WORDS = 40
"""Words below which that is not judged."""

_OPENING = (
    "The conversation so far did not fit the context window. This stands in its place: "
    "go on from here, and do not do again what is done."
)
_PLAN, _FILES, _SUMMARY = "## Plan", "## Files changed so far", "## Summary"
_MARKS = {"completed": "x", "in_progress": ">"}


class Facts(msgspec.Struct, frozen=True):
    """The plan as lines, and the files that were changed, oldest first."""

    plan: list[str]
    files: list[str]


def facts(items: Sequence[Item], changed: Iterable[str] = ()) -> Facts:
    """Return what a conversation tells; ``changed`` are files known besides."""
    plan: list[str] = []
    files: dict[str, None] = {}
    for item in items:
        match item:
            case Message(role="user", content=content):
                told = _sections(text_of(content))
                plan = told.get(_PLAN, plan)
                files |= dict.fromkeys(
                    line.removeprefix("- ") for line in told.get(_FILES, ())
                )
            case FunctionCall(name="update_plan", arguments=arguments):
                plan = _steps(arguments) or plan
            case FunctionCallOutput(output=out) | CustomToolCallOutput(output=out):
                names = masking.updated(text_of_output(out))
                files |= dict.fromkeys(line[2:] for line in names)
            case _:
                pass
    files |= dict.fromkeys(changed)
    return Facts(plan, list(files)[-MAX_FILES:])


def handoff(known: Facts, summary: str) -> Message:
    """Return the message that stands for what was left out."""
    sections = [_OPENING]
    if known.plan:
        sections.append("\n".join((_PLAN, *known.plan)))
    if known.files:
        sections.append("\n".join((_FILES, *(f"- {name}" for name in known.files))))
    if summary:
        sections.append(f"{_SUMMARY}\n{summary}")
    body = "\n\n".join(sections)
    return user(f"{HANDOFF}\n{body}\n</handoff>")


def summary_in(item: Item) -> str:
    """Return the summary of a handoff message; "" where there is none."""
    if not isinstance(item, Message) or item.role != "user":
        return ""
    return "\n".join(_sections(text_of(item.content)).get(_SUMMARY, ())).strip()


def usable(summary: str) -> bool:
    """Return whether a model's summary says something."""
    words = summary.split()
    in_circles = len(words) > MIN_WORDS and len(set(words)) < MIN_DISTINCT * len(words)
    return len(summary) >= MIN_SUMMARY and not in_circles


def without_model(items: Sequence[Item]) -> str:
    """Return a summary that no model wrote: what ran, and what was said."""
    before = next((s for item in reversed(items) if (s := summary_in(item))), "")
    ran = list(_commands(items))[-MAX_COMMANDS:]
    said = [
        f"- {masking.clipped(' '.join(text_of(item.content).split()), MAX_SAID_CHARS)}"
        for item in items
        if isinstance(item, Message)
        and item.role == "assistant"
        and text_of(item.content).strip()
    ][-MAX_SAID:]
    parts = [before] if before else []
    if ran:
        parts.append("\n".join(("Commands that ran, the last ones:", *ran)))
    if said:
        parts.append("\n".join(("What you said last:", *said)))
    return "\n\n".join(parts)


def _outputs(items: Iterable[Item]) -> dict[str, str]:
    return {
        item.call_id: text_of_output(item.output)
        for item in items
        if isinstance(item, FunctionCallOutput | CustomToolCallOutput)
    }


def _commands(items: Iterable[Item]) -> Iterable[str]:
    outputs = _outputs(items)
    for item in items:
        if not isinstance(item, FunctionCall | CustomToolCall):
            continue
        command = masking.command_of(item)
        text = outputs.get(item.call_id, "")
        shown = f"`{masking.headline(command)}`" if command else item.name
        end = masking.ending(text) or ("" if command else masking.headline(text))
        yield f"- {shown}{end and f': {end}'}"


def _sections(text: str) -> dict[str, list[str]]:
    """Return the lines of a handoff message by their heading."""
    if not text.startswith(HANDOFF):
        return {}
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.removesuffix("</handoff>").split("\n"):
        # What a model wrote may have headings too, but stands last.
        if line in (_PLAN, _FILES, _SUMMARY) and _SUMMARY not in sections:
            lines = sections.setdefault(line, [])
        elif line or _SUMMARY in sections:
            lines.append(line)
    return sections


def _steps(arguments: str) -> list[str]:
    plan = fields(arguments).get("plan")
    if not isinstance(plan, list):
        return []
    steps: list[str] = []
    for step in cast("list[object]", plan):
        told = cast("dict[str, object]", step) if isinstance(step, dict) else {}
        if isinstance(text := told.get("step"), str):
            mark = _MARKS.get(str(told.get("status")), " ")
            steps.append(f"[{mark}] {masking.headline(text)}")
    return steps
