"""An answer's text on its way out: thinking and calls that stand in it are taken out.

States follow each other, one method each, and ``feed`` is the present one: ``begin``
until it is clear what the text is (``begin_inside`` where thinking is expected),
``think`` inside of thinking, ``tell`` for words, ``hold`` for what is a call if nothing
else follows.
"""

from collections.abc import Callable, Mapping
from typing import Any

from codex_oss.translate import found
from codex_oss.translate.stream.answer import Answer
from codex_oss.translate.stream.items import OpenMessage, OpenReasoning
from codex_oss.translate.stream.mend import Mender

THINK_TAGS = {
    "<think>": "</think>",  # DeepSeek, Qwen and most others
    "<thinking>": "</thinking>",
    "[THINK]": "[/THINK]",  # Mistral
    "<seed:think>": "</seed:think>",  # Seed-OSS
}
OPENING, CLOSING = "<think>", "</think>"
_TAGS = tuple(THINK_TAGS)
_TAG_STARTS = tuple({tag[0] for tag in _TAGS})
_QUOTES = ("`", '"', "'")
_MARKS = frozenset((CLOSING[0], *found.FIRST_CHARACTERS))
DECIDED = 64
"""Characters after which ``found`` no longer changes its mind about a beginning."""


class Content:
    """Splits text into thinking, calls and what the person is told.

    ``offered`` are the tools that may be called in text, with their schemas; none:
    calls are not looked for. ``opened``: the text is expected to begin inside of
    thinking.

    Text is told at once as what it seems to be. Thinking that has an end and no
    beginning was told as words, then: their message ends empty, and they follow as
    reasoning. Words where thinking was expected go the other way, unless they were cut.
    """

    __slots__ = (
        "_answer",
        "_closing",
        "_held",
        "_held_size",
        "_mender",
        "_offered",
        "_opened",
        "_thought",
        "_told",
        "_unsure",
        "feed",
        "thought_unopened",
    )

    def __init__(
        self,
        answer: Answer,
        offered: Mapping[str, dict[str, Any] | None],
        mender: Mender,
        *,
        opened: bool = False,
    ) -> None:
        self.thought_unopened: bool | None = None
        """Whether thinking ended that had no beginning. None: the text does not say."""
        self._answer = answer
        self._offered = offered
        self._mender = mender
        self._opened = opened
        self._told: list[str] = []
        self._held: list[str] = []
        self._held_size = 0
        self.restart()

    def restart(self) -> None:
        """Begin another answer."""
        self._closing = CLOSING
        self._thought = False
        self._unsure = self._opened
        begin = self._begin_inside if self._opened else self._begin
        self.feed: Callable[[str], None] = begin

    def finish(self, *, cut: bool = False) -> None:
        """Let go of what is held back: the text, or this run of it, is over.

        Of a cut text no calls are taken.
        """
        if not self._held and not self._told and self.feed != self._think:
            self.feed = self._begin
            return
        held, thinking = self._release(), self.feed == self._think
        told = "".join(self._told)
        self.feed = self._begin
        if thinking:
            self._end_thinking(held, cut=cut)
        elif held and self._offered and not cut and self._call(told, held):
            pass
        elif self._ends_thinking(held, last=True):
            self.finish(cut=cut)
        elif held:
            self._answer.write(OpenMessage, held if told else _from_first_word(held))
        self._told.clear()

    def close(self) -> None:
        """Take no more text, and let go of itself.

        ``feed`` is a cycle: until Python looks for those, it keeps the request alive.
        """
        self.feed = _nothing

    def _end_thinking(self, held: str, *, cut: bool) -> None:
        """End thinking that has no end: perhaps it was none."""
        if held:
            self._answer.write(OpenReasoning, held)
        unsure, self._unsure = self._unsure, False
        if unsure:
            self.thought_unopened = False
        if unsure and not cut:
            self._begin(self._answer.unthink())
            self.finish()

    def _call(self, told: str, held: str) -> bool:
        """Make the calls that the text is; return whether it is any."""
        meant = found.find_calls(told + held, self._offered)
        if meant is None:
            return False
        if meant.text and not told:
            self._answer.write(OpenMessage, meant.text)
        now = "; ".join(f"{call.name} {call.arguments}" for call in meant.calls)
        self._mender.tell("text", held, now)
        self._answer.add_calls(meant.calls)
        return True

    # --- the states --------------------------------------------------------------

    def _begin_inside(self, text: str) -> None:
        held = self._release() + text
        start = held.lstrip()
        if start.startswith(_TAGS) or _may_begin_tag(start):
            self._begin(held)
        else:
            self.feed = self._think
            self._think(held)

    def _begin(self, text: str) -> None:
        held = self._release() + text
        start = held.lstrip()
        if start.startswith(_TAGS):
            tag = next(tag for tag in THINK_TAGS if start.startswith(tag))
            self._closing = THINK_TAGS[tag]
            self._thought = False
            if self._unsure:
                self.thought_unopened = self._unsure = False
            self.feed = self._think
            self._think(start.removeprefix(tag))
        elif _may_begin_tag(start):
            self._hold(held)
        elif self._offered and found.may_be_call(start):
            self._hold(held)
            if len(start) >= DECIDED:
                self.feed = self._hold
        elif not self._ends_thinking(held):
            self.feed = self._search
            self._search(_from_first_word(held))

    def _think(self, text: str) -> None:
        held = self._release() + text
        if not self._thought:
            held = held.lstrip()  # an empty thought is none
        thought, tag, rest = held.partition(self._closing)
        if not tag:
            end = len(held) - _overlap(held, self._closing)
            thought, rest = held[:end], held[end:]
        if thought:
            self._thought = True
            self._answer.write(OpenReasoning, thought)
        if tag:
            if self._unsure:
                self.thought_unopened = True
                self._unsure = False
            self.feed = self._begin
            self._begin(rest)
        else:
            self._hold(rest)

    def _search(self, text: str) -> None:
        """Tell words, except for what may be a call or an end of thinking."""
        if self._held:
            text = self._release() + text
        if not _MARKS.isdisjoint(text):  # few pieces of an answer
            text = self._before_marks(text)
        if text:
            self._told.append(text)
            self._answer.write(OpenMessage, text)

    def _before_marks(self, text: str) -> str:
        """Return what is surely words, hold back the rest."""
        size = found.tail_may_open(text) if self._offered else 0
        if CLOSING in text[: len(text) - size] and self._ends_thinking(text):
            return ""
        if size >= DECIDED:
            self.feed = self._hold
        size = max(size, _overlap(text, CLOSING))
        if text.endswith(CLOSING):
            size = max(size, len(CLOSING))
        self._hold(text[len(text) - size :] if size else "")
        return text[: len(text) - size]

    def _ends_thinking(self, text: str, *, last: bool = False) -> bool:
        """Take the words so far as thinking, when the tag in ``text`` can only end it.

        Words that explain the tag name the opening one, or put it in quotes: then it
        takes another character to know, unless it is the ``last`` text.
        """
        if self._thought or CLOSING not in text:
            return False
        before, _, rest = text.partition(CLOSING)
        told = "".join(self._told)
        words = told + before
        mark = words[-1:] if words.endswith(_QUOTES) else ""
        quoted = mark and (rest.startswith(mark) if rest else not last)
        if quoted or OPENING in words or words.count("```") % 2:
            return False
        self.thought_unopened = self._thought = True
        self._told.clear()
        if told:
            self._answer.write(OpenMessage, before)
            self._answer.rethink()
        else:
            self._answer.write(OpenReasoning, before.lstrip())
        self.feed = self._begin
        self._begin(rest)
        return True

    def _tell(self, text: str) -> None:
        self._answer.write(OpenMessage, text)

    def _hold(self, text: str) -> None:
        self._held.append(text)
        self._held_size += len(text)
        if self._held_size > found.TEXT_LIMIT:
            self.feed = self._tell
            self._tell(self._release())

    def _release(self) -> str:
        if not self._held:
            return ""
        held = "".join(self._held)
        self._held.clear()
        self._held_size = 0
        return held


def _may_begin_tag(start: str) -> bool:
    if start and not start.startswith(_TAG_STARTS):  # nearly all answers
        return False
    return any(tag.startswith(start) for tag in THINK_TAGS)


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of ``text`` begin ``tag``."""
    longest = min(len(tag) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if text.endswith(tag[:n])), 0)


def _from_first_word(text: str) -> str:
    """Return ``text`` without blank lines at its head; indentation stays."""
    blank = len(text) - len(text.lstrip())
    return text[text.rfind("\n", 0, blank) + 1 :]


def _nothing(_: str) -> None:
    """Drop what comes after the end."""
