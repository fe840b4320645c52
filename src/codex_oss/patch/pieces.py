"""A diff in pieces that a model can take, its lines with their numbers.

Models that count lines themselves count wrong. A piece holds whole hunks where they
fit; one that does not is cut between lines.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)")
_NOISE = ("index ", "--- ", "+++ ", "similarity index ")


class _Part(msgspec.Struct, frozen=True):
    """A few lines of one file, and the header that names the file."""

    header: str
    text: str


def pieces(diff: str, limit: int) -> list[str]:
    """Return the diff in pieces of up to ``limit`` bytes each."""
    whole: list[str] = []
    text, header, size = "", "", 0
    for part in _cut(_parts(_lines(diff)), limit):
        title = "" if part.header == header else part.header
        more = title + part.text
        length = len(more.encode())
        if text and size + length > limit:
            whole.append(text)
            text, size, more = "", 0, part.header + part.text
            length = len(more.encode())
        text, size, header = text + more, size + length, part.header
    return [*whole, text] if text else whole


def _parts(lines: Iterable[str]) -> Iterator[_Part]:
    """Yield each hunk, and what is said of a file without any."""
    header, said, body, number = "", "", "", 0
    for line in lines:
        if line.startswith("diff --git "):
            yield from _done(header, said, body)
            header, said, body, number = f"File {_named(line)}\n", "", "", 0
        elif found := _HUNK.match(line):
            if body:
                yield _Part(header, body)
            number, body = int(found[1]), f"@@ {found[2]}\n" if found[2] else "@@\n"
        elif not body:
            if not line.startswith(_NOISE):
                said += f"{line}\n"
        elif line.startswith("-"):
            body += f"{'':6} {line}\n"
        elif line.startswith("\\"):
            continue
        else:
            body += f"{number:6} {line}\n"
            number += 1
    yield from _done(header, said, body)


def _done(header: str, said: str, body: str) -> Iterator[_Part]:
    if body or said:
        yield _Part(header + said, body)


def _cut(parts: Iterable[_Part], limit: int) -> Iterator[_Part]:
    """Yield the parts, those that are too large in several."""
    for part in parts:
        room = max(limit - len(part.header.encode()), 1)
        text = ""
        for line in _lines(part.text):
            short = f"{line}\n".encode()[:room].decode("utf-8", "ignore")
            if text and len((text + short).encode()) > room:
                yield _Part(part.header, text)
                text = ""
            text += short
        yield _Part(part.header, text)


def _lines(text: str) -> list[str]:
    """Return the lines as git counts them: a form feed ends none."""
    return text.removesuffix("\n").split("\n") if text else []


def _named(line: str) -> str:
    """Return the file of a line ``diff --git a/x b/x``."""
    return _path(line.rpartition(" b/")[2] or line)


def _path(text: str) -> str:
    return text.strip().strip('"').removeprefix("b/")
