r"""A text in a file, and what it becomes: found once, or refused with the way out.

The text is sought in passes that are less and less strict. The first that finds it
decides: once, it is replaced; several times, it is refused, because which one is meant
is the model's to say. Nothing is guessed.

===============  ====================================================================
pass             what does not count
===============  ====================================================================
exact            nothing; the text may begin and end inside of lines
line ends        spaces at the ends of lines, and blank lines around the text
indentation      the space before lines, if the new text can be moved by the same
typography       the forms that Unicode has for dashes, quotes and spaces
===============  ====================================================================

A text that is nowhere is sought once more as it was probably meant (`meant`): without
the line numbers of ``cat -n``, without a fence, with ``\n`` as newlines.
"""

from collections.abc import Sequence
from typing import NamedTuple

from codex_oss.errors import PatchError
from codex_oss.patch.indentation import moved
from codex_oss.patch.index import MAX_NAMED, Index, find
from codex_oss.patch.meant import has_gap, readings
from codex_oss.patch.nearest import nearest
from codex_oss.patch.passes import PASSES


class Replaced(NamedTuple):
    """A file's new text, and what was mended on the way, in words for the model."""

    text: str
    mended: str = ""


class _Span(NamedTuple):
    """Characters ``start`` to ``stop`` of a file, and what comes in their place."""

    start: int
    stop: int
    new: str


def replaced(
    text: str, old: str, new: str, path: str, *, everywhere: bool = False
) -> Replaced:
    """Return ``text`` with ``old`` as ``new``; newlines stay as the file has them.

    Raises ``PatchError`` when ``old`` is not there, or is several times and not
    ``everywhere``; its hint says what to send instead.
    """
    old, new = _plain(old), _plain(new)
    if not old.strip():
        raise PatchError(
            "the old text is empty",
            hint="Copy the lines that are to be changed from the file. To write a "
            "whole file, use write_file.",
        )
    newline = newline_of(text)
    for reading in readings(old, new):
        spans = _found(text, reading.old, reading.new, path, newline)
        if not spans:
            continue
        _check(text, spans, path, everywhere=everywhere)
        result = _put(text, spans)
        if result == text:
            raise PatchError(
                "the old and the new text are the same: nothing would change",
                hint="If the file is right already, go on.",
            )
        return Replaced(result, reading.mended)
    raise _not_found(text, old, new, path)


def newline_of(text: str) -> str:
    """Return the newline of most lines of ``text``."""
    return "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


# --- finding --------------------------------------------------------------------------


def _found(text: str, old: str, new: str, path: str, newline: str) -> list[_Span]:
    for way in dict.fromkeys((newline, "\n", "\r\n")):
        wanted = old.replace("\n", way)
        starts = _all(text, wanted)
        if starts:
            return [_exactly(text, at, wanted, new.replace("\n", way)) for at in starts]
    return _found_by_lines(text, old, new, path, newline)


def _exactly(text: str, at: int, old: str, new: str) -> _Span:
    """Return the place of ``old``; one newline more or less at the end is no matter."""
    stop = at + len(old)
    newline = "\r\n" if new.endswith("\r\n") else "\n"
    if old.endswith("\n"):
        if new and not new.endswith("\n"):
            stop -= len("\r\n" if old.endswith("\r\n") else "\n")
    elif new.endswith("\n") and new.removesuffix(newline) != old:
        ends_line = stop == len(text) or text.startswith(("\n", "\r\n"), stop)
        new = new.removesuffix(newline) if ends_line else new
    return _Span(at, stop, _without_margin(text, at, old, new))


def _without_margin(text: str, at: int, old: str, new: str) -> str:
    """Return ``new`` without the indentation that stands before ``old`` already."""
    margin = text[text.rfind("\n", 0, at) + 1 : at]
    doubled = margin and not margin.strip() and not old[:1].isspace()
    if doubled and new.startswith(margin) and new.strip() != old.strip():
        return new.removeprefix(margin)
    return new


def _all(text: str, wanted: str) -> list[int]:
    """Return where ``wanted`` begins, without overlaps."""
    starts: list[int] = []
    at = text.find(wanted)
    while at >= 0:
        starts.append(at)
        at = text.find(wanted, at + len(wanted))
    return starts


def _found_by_lines(
    text: str, old: str, new: str, path: str, newline: str
) -> list[_Span]:
    kept = _split(text)
    lines = [line.rstrip("\r\n") for line in kept]
    index = Index(lines)
    starts = [0]
    for line in kept:
        starts.append(starts[-1] + len(line))
    for wanted, becomes in _without_outer_blanks(old, new):
        for aside in PASSES:
            spans: list[_Span] = []
            for at in index.places(wanted, aside):
                stop = at + len(wanted)
                put = moved(becomes, wanted, lines[at:stop])
                if put is None:
                    raise _uneven(lines, at, stop, path)
                end = starts[stop] - (len(kept[stop - 1]) - len(lines[stop - 1]))
                if not put:  # the lines go, with their newlines
                    end = starts[stop]
                spans.append(_Span(starts[at], end, newline.join(put)))
            if spans:
                return spans
    return []


def _split(text: str) -> list[str]:
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _without_outer_blanks(old: str, new: str) -> list[tuple[list[str], list[str]]]:
    """Return both texts as lines; then without the blank lines around them."""
    wanted, becomes = old.split("\n"), new.split("\n") if new else []
    pairs: list[tuple[list[str], list[str]]] = []
    if wanted[-1] == "" and (not becomes or becomes[-1] == ""):
        wanted, becomes = wanted[:-1], becomes[:-1]
    pairs.append((wanted, becomes))
    inner, inner_new = _trimmed(wanted), _trimmed(becomes)
    if len(inner) < len(wanted):
        pairs.append((inner, inner_new))
    return pairs


def _trimmed(lines: list[str]) -> list[str]:
    start, stop = 0, len(lines)
    while start < stop and not lines[start].strip():
        start += 1
    while stop > start and not lines[stop - 1].strip():
        stop -= 1
    return lines[start:stop]


def _put(text: str, spans: Sequence[_Span]) -> str:
    for span in reversed(spans):
        text = text[: span.start] + span.new + text[span.stop :]
    return text


# --- refusing -------------------------------------------------------------------------


def _check(text: str, spans: Sequence[_Span], path: str, *, everywhere: bool) -> None:
    if len(spans) == 1 or everywhere:
        return
    numbers = [text.count("\n", 0, span.start) + 1 for span in spans]
    named = ", ".join(map(str, numbers[:MAX_NAMED]))
    more = f" and {len(numbers) - MAX_NAMED} more" if len(numbers) > MAX_NAMED else ""
    raise PatchError(
        f"the old text is in {path} {len(spans)} times, at lines {named}{more}",
        hint="Send more of the lines around the one you mean, so that it is there "
        "once; edit_file with replace_all: true changes all of them.",
    )


def _uneven(lines: Sequence[str], at: int, stop: int, path: str) -> PatchError:
    shown = "\n".join(f"{n + 1}: {lines[n]}" for n in range(at, min(stop, at + 12)))
    return PatchError(
        f"the old text is at line {at + 1} of {path}, but with other indentation",
        hint="Send both texts with the indentation that the file has:\n" + shown,
    )


def _not_found(text: str, old: str, new: str, path: str) -> PatchError:
    message = f"the old text is not in {path}"
    if has_gap(old):
        return PatchError(
            f"{message}: it leaves lines out",
            hint="Copy the lines one after the other, without `...` between them; "
            "a few are enough.",
        )
    lines = _plain(text).split("\n")
    at = find(lines, _trimmed(new.split("\n")))
    if at is not None:
        return PatchError(
            message, hint=f"The file has the new text already, at line {at + 1}."
        )
    return PatchError(message, hint=nearest(lines, old.split("\n")))
