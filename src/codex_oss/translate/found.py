"""Tool calls that a model wrote as text instead of sending them.

The rule is strict, for text also quotes and explains calls: only offered tools, and
only when the calls are the whole answer. Before calls that stand in tags or special
tokens, which no prose has, there may be words, but nothing may follow.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from codex_oss.translate import lenient, written
from codex_oss.translate.repair import mend_arguments, mend_name, missing
from codex_oss.translate.written import BAR

TEXT_LIMIT = 4 * 1024 * 1024
"""Characters in which calls are looked for; the largest calls write whole files."""


class FoundCall(msgspec.Struct, frozen=True):
    """A call of an offered tool; ``arguments`` is the JSON text of an object."""

    name: str
    arguments: str


class Found(msgspec.Struct, frozen=True):
    """What an answer says and then calls. ``text`` is empty when it only calls."""

    text: str
    calls: list[FoundCall]


_TAGGED: dict[str, written.Form] = {
    "<tool_call>": written.tool_call_tags,
    "<function=": written.tool_call_tags,
    "<|start|>assistant<|channel|>commentary to=": written.harmony_calls,
    "<|start|>assistant to=": written.harmony_calls,
    "<|channel|>commentary to=": written.harmony_calls,
    "<|channel|>analysis to=": written.harmony_calls,
    "[TOOL_CALLS]": written.mistral_calls,
    "<|python_tag|>": written.python_tag_calls,
    f"<{BAR}tool▁calls▁begin{BAR}>": written.deepseek_calls,
    f"<{BAR}tool▁call▁begin{BAR}>": written.deepseek_calls,
    f"<{BAR}DSML{BAR}": written.invoke_tags,
    "<|DSML|": written.invoke_tags,
    "<function_calls>": written.invoke_tags,
    "<minimax:tool_call>": written.invoke_tags,
    "<invoke name=": written.invoke_tags,
    "<|tool_calls_section_begin|>": written.kimi_calls,
    "<|tool_call_begin|>": written.kimi_calls,
}
"""What opens calls anywhere in an answer, and how to read on from there."""

FIRST_CHARACTERS = frozenset(tag[0] for tag in _TAGGED)
"""Text without any of them opens no calls."""
_LONGEST = max(map(len, _TAGGED))
_FENCES = {
    "": written.json_calls,
    "json": written.json_calls,
    "tool": written.json_calls,
    "tool_call": written.json_calls,
    "tool_calls": written.json_calls,
    "tool_code": written.pythonic_calls,  # Gemma 3
}
_THINK = ("<think>", "</think>")


def find_calls(text: str, offered: Mapping[str, dict[str, Any] | None]) -> Found | None:
    """Return the calls that ``text`` is, with the words before them, or None.

    ``offered`` maps the tools' names to the schemas of their arguments.
    """
    if len(text) > TEXT_LIMIT:
        return None
    start, tag = _first_tag(text)
    try:
        if tag:
            said, body = text[:start].strip(), text[start:].strip()
            if said.count("```") % 2 or said.endswith("`") or _explains(said):
                return None
            return _meant(said, _TAGGED[tag](body), offered)
        said, body = _thought(text.strip())
        return _meant(said, _bare(body), offered, whole=True)
    except lenient.UnreadableError:
        return None


_EXPLAINING = (
    "example", "e.g.", "for instance", "such as", "like this", "looks like", "syntax",
    "format", "would be", "do not", "don't", "never", "instead of",
)  # fmt: skip
"""Words in the last line before a call by which it is shown and not made."""


def _explains(said: str) -> bool:
    line = said.rpartition("\n")[2].lower()
    return any(words in line for words in _EXPLAINING)


def _first_tag(text: str) -> tuple[int, str]:
    """Return where the first tag stands and which it is; "" when there is none."""
    places = ((text.find(tag), tag) for tag in _TAGGED)
    return min((place for place in places if place[0] >= 0), default=(len(text), ""))


def _thought(text: str) -> tuple[str, str]:
    """Split a closed block of thinking from what follows it."""
    opener, closer = _THINK
    end = text.find(closer)
    if not text.startswith(opener) or end < 0:
        return "", text
    end += len(closer)
    return text[:end], text[end:].strip()


def _bare(text: str) -> list[written.Written]:
    """Read calls without tags: JSON, Python, or one of them in a code fence."""
    info, body = lenient.unfenced(text)
    read = _FENCES.get(info)
    if read is None or not body:
        raise lenient.UnreadableError("a fence of something else")
    if body.startswith("[") and body[1:2].isidentifier():
        read = written.pythonic_calls
    elif read is written.json_calls:  # a tag whose opener the model left out
        body = body.removesuffix("</tool_call>").rstrip()
    return read(body)


def _meant(
    said: str,
    calls: list[written.Written],
    offered: Mapping[str, dict[str, Any] | None],
    *,
    whole: bool = False,
) -> Found | None:
    """Return the calls with their names and arguments mended; None if one cannot be.

    ``whole`` asks for all required keys: a tool's definition looks like a call.
    """
    found: list[FoundCall] = []
    for call in calls:
        name = mend_name(call.name, offered)
        if name is None:
            return None
        arguments = mend_arguments(call.arguments, offered[name])
        if arguments is None or (whole and missing(arguments, offered[name])):
            return None
        found.append(FoundCall(name, arguments))
    return Found(said, found) if found else None


# --- while the text still comes ----------------------------------------------------

_KEYS = (
    "name", "arguments", "parameters", "function", "tool", "tool_name", "tool_call",
    "tool_calls", "function_call", "recipient_name", "id", "type", "index", "args",
)  # fmt: skip
_BEGINNINGS = FIRST_CHARACTERS | frozenset("`[{<")
"""Characters one of which an answer that is a call begins with."""
_HEAD = 64
"""Characters that decide what a text may become: longer than any tag and key."""


def may_be_call(text: str) -> bool:
    """Whether ``text`` may be the beginning of an answer that is a call.

    Once this is false for a beginning, it is false for all that begins so.
    """
    head = text.lstrip()[:_HEAD]
    if head and head[0] not in _BEGINNINGS:  # nearly all answers
        return False
    if not head or _agree(head, _TAGGED) or _agree(head, _THINK[:1]):
        return True
    return _may_be_fence(head) if head.startswith("`") else _may_be_bare(head)


def _may_be_fence(head: str) -> bool:
    line, newline, inside = head.partition("\n")
    if not newline:
        return _agree(line.rstrip(), [f"```{word}" for word in _FENCES], whole=True)
    info = line.removeprefix("```").strip()
    inside = inside.lstrip()
    if info == line.strip() or info not in _FENCES:
        return False
    if not inside or _FENCES[info] is written.pythonic_calls:
        return True
    return _may_be_bare(inside)


def tail_may_open(text: str) -> int:
    """Return how many characters at the end may be the beginning of tagged calls.

    All behind a tag count, for they may be calls until the answer ends.
    """
    if FIRST_CHARACTERS.isdisjoint(text):  # nearly every piece of an answer
        return 0
    start, tag = _first_tag(text)
    if tag:
        return len(text) - start
    for size in range(min(_LONGEST - 1, len(text)), 0, -1):
        end = text[-size:]
        if any(tag.startswith(end) for tag in _TAGGED):
            return size
    return 0


def _agree(
    head: str,
    words: Mapping[str, object] | list[str] | tuple[str, ...],
    *,
    whole: bool = False,
) -> bool:
    """Whether ``head`` begins one of ``words`` or, unless ``whole``, goes beyond."""
    return any(
        word.startswith(head) or (not whole and head.startswith(word)) for word in words
    )


def _may_be_bare(head: str) -> bool:
    """Whether this begins a JSON object of a call, a list of them, or Python calls."""
    inside = head.lstrip("[ \t\r\n")
    if head.startswith("[") and (not inside or inside[0].isidentifier()):
        name = inside.partition("(")[0]
        return all(char.isidentifier() or char in ".0123456789" for char in name)
    if not head.startswith(("[", "{")):
        return False
    key = inside.removeprefix("{").lstrip()
    if not inside.startswith("{") or key[:1] not in ("", '"', "'"):
        return not inside
    word, quote, _ = key[1:].partition(key[:1] or '"')
    return word in _KEYS if quote else _agree(word, _KEYS, whole=True)
