r"""Patch text to hunks.

The grammar, as models are told it::

    patch   := "*** Begin Patch" hunk+ "*** End Patch"
    hunk    := "*** Add File: " path    ("+" text)*
             | "*** Delete File: " path
             | "*** Update File: " path ["*** Move to: " path] chunk+
    chunk   := ["@@" [" " context]] line+ ["*** End of File"]
    line    := (" " | "-" | "+") text

What is accepted beyond it, and what the Codex CLI 0.169 does with the same text:

=========================  ====================================================  =====
rule                       text                                                  Codex
=========================  ====================================================  =====
outer space                blank lines and spaces around the patch and markers   yes
first chunk bare           no ``@@`` before the first chunk of a file            yes
empty line is context      an empty line inside a chunk                          yes
environment line           ``*** Environment ID: x`` after the first line        yes
CRLF patch                 lines that end in CRLF                                yes
heredoc                    ``<<'WORD'`` … ``WORD`` around it (Codex: only EOF)   yes
fence                      three backticks around it                             no
byte order mark            U+FEFF before it                                      no
no begin                   the first line is a file header                       no
no end                     the last line is missing, the rest parses             no
joined patches             an end followed by another begin                      no
blank between              blank lines between files, and inside an added file   no
added without plus         no line of an added file starts with ``+``            no
added with extras          ``@@`` before, ``*** End of File`` after its lines    no
nested contexts            ``@@ class A`` and ``@@ def f`` on two lines          no
tight context              ``@@context``                                         no
closed context             ``@@ context @@``                                     no
unified header             ``@@ -1,2 +1,2 @@`` and ``@@ ... @@``: no context     no
file lines                 ``--- a/x`` and ``+++ b/x`` before the first chunk    no
bare move                  ``*** Move to:`` without a change                     no
no newline note            ``\ No newline at end of file``                        no
tab is context             a line that starts with a tab                         no
=========================  ====================================================  =====

Paths stand as they are: ``a/`` and ``b/`` may be real folders. The words of the
errors are those of the Codex CLI, because models have seen them.
"""

import re

import msgspec

from codex_oss.errors import PatchError

BEGIN = "*** Begin Patch"
END = "*** End Patch"
ADD = "*** Add File: "
DELETE = "*** Delete File: "
UPDATE = "*** Update File: "
MOVE = "*** Move to: "
END_OF_FILE = "*** End of File"
ENVIRONMENT = "*** Environment ID:"
UPDATED = "Success. Updated the following files:"
"""How the answer to an edit that was made begins; a line for each file follows."""

_HEADERS = (ADD, DELETE, UPDATE)
_WRAPPINGS = 3
"""How many layers of fence and heredoc are taken off."""


class AddFile(msgspec.Struct, frozen=True):
    """A new file, or one to be overwritten. ``content`` ends with a newline."""

    path: str
    content: str


class DeleteFile(msgspec.Struct, frozen=True):
    """A file that goes."""

    path: str


class Chunk(msgspec.Struct, frozen=True):
    """One place of a file.

    ``body`` holds the lines with their mark (space, minus or plus) and no newline.
    A chunk without a body only moves the place from where the next one is sought.
    ``line``: it must be in the file once, or at this line (0: once).
    """

    context: str | None
    body: list[str]
    at_end: bool = False
    line: int | None = None

    @property
    def old(self) -> list[str]:
        """The lines that the file has now."""
        return [line[1:] for line in self.body if line[0] != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that the file has afterwards."""
        return [line[1:] for line in self.body if line[0] != "-"]


class UpdateFile(msgspec.Struct, frozen=True):
    """Changes to a file, in the order of the file, and perhaps its new name."""

    path: str
    move_to: str | None
    chunks: list[Chunk]


class ReplaceText(msgspec.Struct, frozen=True):
    """A text of a file that becomes another; see ``patch.replace``."""

    path: str
    old: str
    new: str
    everywhere: bool = False


class WriteFile(msgspec.Struct, frozen=True):
    """A file's whole content; newlines and byte order mark stay as the file's."""

    path: str
    content: str


Hunk = AddFile | DeleteFile | UpdateFile | ReplaceText | WriteFile


class Patch(msgspec.Struct, frozen=True):
    """What a patch text says; no hunks when it is only a frame."""

    hunks: list[Hunk]


def parse(text: str) -> Patch:
    """Return the hunks of ``text``. Raises ``PatchError`` with words for the model."""
    lines = _unwrap([line.removesuffix("\r") for line in text.split("\n")])
    return Patch(_Reader(lines).hunks())


def _unwrap(lines: list[str]) -> list[str]:
    """Return ``lines`` without the blank lines, fences and heredocs around them."""
    for _ in range(_WRAPPINGS):
        lines = _trim(lines)
        first = lines[0].strip() if lines else ""
        if not first.startswith(("```", "<<")):
            break
        closing = "```" if first.startswith("```") else _heredoc_word(first)
        lines = lines[1:-1] if lines[-1].strip() == closing else lines[1:]
    return lines


def _trim(lines: list[str]) -> list[str]:
    start, stop = 0, len(lines)
    while start < stop and not lines[start].strip(" \t\ufeff"):
        start += 1
    while stop > start and not lines[stop - 1].strip():
        stop -= 1
    lines = lines[start:stop]
    return [lines[0].lstrip("\ufeff"), *lines[1:]] if lines else lines


def _heredoc_word(opening: str) -> str:
    return opening.removeprefix("<<").lstrip("-").strip().strip("'\"")


def _starts_file(line: str) -> bool:
    return line.strip().startswith(_HEADERS)


def _ends_file(line: str) -> bool:
    """Return whether ``line`` of a hunk belongs to what follows the hunk."""
    return line.startswith((*_HEADERS, BEGIN, END))


class _Reader:
    """A place in the lines of a patch; line 1 is the first line of the frame."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    # --- the place ---

    def _line(self) -> str | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _take(self) -> str:
        self._at += 1
        return self._lines[self._at - 1]

    def _skip_blank(self) -> None:
        while self._line() == "":
            self._at += 1

    def _wrong(self, message: str, at: int | None = None) -> PatchError:
        number = (self._at if at is None else at) + 1
        return PatchError(f"invalid hunk at line {number}, {message}")

    # --- the frame ---

    def hunks(self) -> list[Hunk]:
        """Read everything."""
        self._open()
        hunks: list[Hunk] = []
        while (line := self._line()) is not None:
            marker = line.strip()
            if marker == END:
                self._close()
            elif not marker or marker == BEGIN:
                self._at += 1
            else:
                hunks.append(self._hunk(marker))
        return hunks

    def _open(self) -> None:
        line = self._line() or ""
        if line.strip() == BEGIN:
            self._at += 1
            if (self._line() or "").strip().startswith(ENVIRONMENT):
                self._at += 1
        elif not _starts_file(line):
            raise PatchError(
                f"invalid patch: The first line of the patch must be '{BEGIN}'"
            )

    def _close(self) -> None:
        self._at += 1
        self._skip_blank()
        line = self._line()
        if line is not None and line.strip() != BEGIN:
            raise PatchError(
                f"invalid patch: The last line of the patch must be '{END}'"
            )

    # --- files ---

    def _hunk(self, marker: str) -> Hunk:
        header = next((h for h in _HEADERS if marker.startswith(h)), None)
        if header is None:
            raise self._wrong(
                f"'{marker}' is not a valid hunk header. Valid hunk headers: "
                f"'{ADD}{{path}}', '{DELETE}{{path}}', '{UPDATE}{{path}}'"
            )
        start = self._at
        self._at += 1
        path = marker.removeprefix(header).strip()
        if header == DELETE:
            return DeleteFile(path)
        if header == ADD:
            return AddFile(path, self._content())
        return self._update(path, start)

    def _content(self) -> str:
        self._skip_unified_header()
        first = self._line()
        if first is not None and not first.startswith(("+", "***")) and first.strip():
            lines = self._content_without_plus()
        else:
            lines = self._content_lines()
        if (self._line() or "").strip() == END_OF_FILE:
            self._at += 1
        return "".join(f"{line}\n" for line in lines)

    def _skip_unified_header(self) -> None:
        if (self._line() or "").startswith("@@"):
            self._at += 1

    def _content_lines(self) -> list[str]:
        lines: list[str] = []
        while (line := self._line()) is not None:
            if line.startswith("+"):
                lines.append(line[1:])
            elif line or not self._more_content():
                break
            else:
                lines.append("")
            self._at += 1
        return lines

    def _more_content(self) -> bool:
        """Return whether a line of content follows the blank lines here."""
        after = next((line for line in self._lines[self._at :] if line), "")
        return after.startswith("+")

    def _content_without_plus(self) -> list[str]:
        """Read a file whose lines have no mark at all; a mixture is an error."""
        start, lines = self._at, list[str]()
        while (line := self._line()) is not None:
            if _ends_file(line.strip()) or line.strip() == END_OF_FILE:
                break
            lines.append(self._take())
        if any(line.lstrip().startswith("+") for line in lines):
            self._at = start
            return []
        return _trim(lines)

    def _update(self, path: str, start: int) -> UpdateFile:
        move_to = None
        if (self._line() or "").startswith(MOVE):
            move_to = self._take().removeprefix(MOVE).strip()
        self._skip_file_lines()
        chunks: list[Chunk] = []
        self._skip_blank()
        while (line := self._line()) is not None and not _ends_file(line):
            chunks.append(self._chunk(first=not chunks))
            self._skip_blank()
        if not chunks and move_to is None:
            raise self._wrong(f"Update file hunk for path '{path}' is empty", start)
        return UpdateFile(path, move_to, chunks)

    def _skip_file_lines(self) -> None:
        pair = self._lines[self._at : self._at + 2]
        if [line[:4] for line in pair] == ["--- ", "+++ "]:
            self._at += 2

    # --- chunks ---

    def _chunk(self, *, first: bool) -> Chunk:
        line, context = self._line() or "", None
        if line.startswith("@@"):
            self._at += 1
            context = _context(line)
            if context is not None and (self._line() or "").startswith("@@"):
                return Chunk(context, [])
        elif not first:
            raise self._wrong(
                f"Expected update hunk to start with a @@ context marker, got: '{line}'"
            )
        body = self._body()
        at_end = (self._line() or "").strip() == END_OF_FILE
        if not body:
            raise self._no_body()
        if at_end:
            self._at += 1
        return Chunk(context, body, at_end)

    def _body(self) -> list[str]:
        body: list[str] = []
        while (line := self._line()) is not None:
            if line.startswith((" ", "-", "+")):
                body.append(line)
            elif not line or line.startswith("\t"):
                body.append(f" {line}")
            elif not line.startswith("\\ No newline"):
                break
            self._at += 1
        return body

    def _no_body(self) -> PatchError:
        line = self._line()
        if line is None or _ends_file(line) or line.strip() == END_OF_FILE:
            return self._wrong("Update hunk does not contain any lines")
        return self._wrong(
            f"Unexpected line found in update hunk: '{line}'. Every line should start "
            "with ' ' (context line), '+' (added line), or '-' (removed line)"
        )


def _context(line: str) -> str | None:
    """Return what the ``@@`` line names, or None when it names nothing."""
    text = line.removeprefix("@@").removeprefix(" ")
    if re.match(r"-\d+(,\d+)? \+\d+(,\d+)? @@", text):
        return None
    text = text.rstrip().removesuffix("@@").rstrip()
    return None if text in {"", "...", "…"} else text
