"""Edits in forms that models know from elsewhere, read as the hunks of a patch.

Two are accepted where a patch is expected, and only where they are whole::

    src/app.py                        --- a/src/app.py
    <<<<<<< SEARCH                    +++ b/src/app.py
    old lines                         @@ -1,2 +1,2 @@
    =======                            kept line
    new lines                         -old line
    >>>>>>> REPLACE                   +new line

The file of a SEARCH block is named by a line above it or by a patch's own header. The
counts of a unified diff are not believed, because models cannot count; its line number
decides only between places that are the same (`Chunk.line`).
"""

import re

from codex_oss.errors import PatchError
from codex_oss.patch.parse import (
    BEGIN,
    END,
    AddFile,
    Chunk,
    DeleteFile,
    Hunk,
    Patch,
    ReplaceText,
    UpdateFile,
)

_SEARCH = r"(<{5,9}) ?(?:SEARCH|ORIGINAL)\s*"
_REPLACED = r"(?:REPLACE|UPDATED)?"
_HEADER = r"\*\*\* (?:Update|Add) File: (.+)"
_FENCE = r"\s*```.*"
_BETWEEN = rf"{_FENCE}|@@.*|\*\*\* (?:Begin|End) Patch\s*"
_AT = r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*"
_DIFF_LINES = (
    *("diff ", "index ", "new file mode ", "deleted file mode ", "old mode "),
    *("new mode ", "similarity index ", "Index: ", "dissimilarity index "),
    *("rename from ", "rename to "),
)
_HEAD = (
    r'diff --git (?:a/(?P<plain>.+) b/(?P=plain)|"a/(?P<quoted>.+)" "b/(?P=quoted)")'
)
_LONGEST_HEAD = 10_000
"""Characters; paths are shorter."""
_NOWHERE = "/dev/null"
_VERSION = r"\d+\.[\w. ()-]+"
_ESCAPED = rb"\\([0-7]{3}|.)"


def read(text: str) -> Patch | None:
    """Return the edits of a text in one of the other forms; None if it is in none.

    Raises ``PatchError`` when it is in one of them, but not whole.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if any(re.fullmatch(_SEARCH, line) for line in lines):
        return Patch(_Blocks(lines).hunks())
    body = [line for line in lines if line.strip() not in (BEGIN, END)]
    if _is_diff(body):
        return Patch(_Diff(body).hunks())
    return None


# --- SEARCH / REPLACE -----------------------------------------------------------------


class _Blocks:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def hunks(self) -> list[Hunk]:
        hunks: list[Hunk] = []
        path, beside = "", ""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            header = re.fullmatch(_HEADER, line.strip())
            if opening := re.fullmatch(_SEARCH, line):
                path, beside = beside or path, ""
                hunks.append(self._block(path, len(opening[1])))
            elif header:
                path, beside = header[1].strip(), ""
            elif line.startswith("*** ") and line.strip() not in (BEGIN, END):
                raise PatchError(f"'{line.strip()}' cannot stand beside SEARCH blocks")
            elif line.strip() and not re.fullmatch(_BETWEEN, line):
                beside = _path(line)
        return hunks

    def _block(self, path: str, size: int) -> ReplaceText:
        """Read the rest of a block, whose marks have ``size`` signs."""
        if not path:
            raise PatchError(
                "a SEARCH block does not say which file it is for",
                hint="Put `*** Update File: path` on the line above it.",
            )
        middle, closing = "=" * size, ">" * size
        old = self._until(rf"{middle}\s*", middle)
        new = self._until(rf"{closing} ?{_REPLACED}\s*", f"{closing} REPLACE")
        if any(line.rstrip() == middle for line in new):
            raise PatchError(f"a SEARCH block has two lines '{middle}'")
        return ReplaceText(path, _joined(old), _joined(new))

    def _until(self, mark: str, shown: str) -> list[str]:
        start = self._at
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if re.fullmatch(mark, line):
                return self._lines[start : self._at - 1]
            if re.fullmatch(_SEARCH, line):
                break
        raise PatchError(f"a SEARCH block has no line '{shown}'")


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _path(line: str) -> str:
    """Return the path that a line above a block names; nothing if it is no path."""
    name = line.strip().strip("`*#: ").removeprefix("File: ").removeprefix("file: ")
    plain = re.fullmatch(r"[\w./@+~-][\w ./@+~()\[\]-]*", name)
    return name if plain and (" " not in name or "/" in name or "." in name) else ""


# --- unified diff ---------------------------------------------------------------------


def _is_diff(lines: list[str]) -> bool:
    """Return whether the lines begin as a diff, perhaps in a fence."""
    for at, line in enumerate(lines):
        if not line.strip() or re.fullmatch(_FENCE, line):
            continue
        if line.startswith(_DIFF_LINES):
            rest = range(at, len(lines))
            return any(_names(lines, n) or _of_empty(lines, n) for n in rest)
        return _names(lines, at)
    return False


def _names(lines: list[str], at: int) -> bool:
    pair = lines[at : at + 2]
    return [line[:4] for line in pair] == ["--- ", "+++ "]


def _of_empty(lines: list[str], at: int) -> Hunk | None:
    """Return what a head without hunks does: an empty file comes, or goes."""
    # Two names of any length are compared at each place where one may end.
    head = len(lines[at]) < _LONGEST_HEAD and re.fullmatch(_HEAD, lines[at])
    if not head:
        return None
    for number in range(at + 1, len(lines)):
        if _names(lines, number):
            return None
        if not lines[number].startswith(_DIFF_LINES[1:]):
            break
    name = name_in("--- " + (head["plain"] or f'"{head["quoted"]}"'))
    kind = lines[at + 1 : at + 2] or [""]
    if kind[0].startswith("new file mode "):
        return AddFile(name, "")
    return DeleteFile(name) if kind[0].startswith("deleted file mode ") else None


def _says_nothing(line: str) -> bool:
    blank = not line.strip() or re.fullmatch(_FENCE, line) is not None
    return blank or line.startswith(_DIFF_LINES)


class _Diff:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def hunks(self) -> list[Hunk]:
        hunks: list[Hunk] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if _names(self._lines, self._at):
                hunks.append(self._file())
            elif empty := _of_empty(self._lines, self._at):
                hunks.append(empty)
                self._at += 2
            elif _says_nothing(line):
                self._at += 1
            elif _ends_mail(self._lines, self._at):
                self._to_next_file()
            else:
                raise PatchError(
                    f"line {self._at + 1} of the diff is not of its form: '{line}'",
                    hint="Every line of a hunk begins with ' ', '-' or '+'.",
                )
        return hunks

    def _to_next_file(self) -> None:
        """Pass over the end of a mail, and the head of the next one."""
        rest = range(self._at, len(self._lines))
        found = (at for at in rest if _names(self._lines, at))
        self._at = next(found, len(self._lines))

    def _file(self) -> Hunk:
        old, new = (name_in(line) for line in self._lines[self._at : self._at + 2])
        self._at += 2
        old, new = _without_git(old, new)
        chunks = self._chunks()
        if new == _NOWHERE:
            return DeleteFile(old)
        if old == _NOWHERE:
            lines = [line[1:] for chunk in chunks for line in chunk.body]
            content = "".join(f"{line}\n" for line in lines)
            return AddFile(new, content.removesuffix(self._last_newline()))
        if not chunks and old == new:
            raise PatchError(f"the diff of {old} has no hunks")
        self._refuse_bare(chunks, old)
        return UpdateFile(old, None if old == new else new, chunks)

    def _last_newline(self) -> str:
        """Return the newline that a diff takes from the end of what it has shown."""
        told = [line for line in self._lines[: self._at] if line]
        return "\n" if told[-1].startswith("\\ No newline") else ""

    def _chunks(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.startswith("@@"):
                break
            self._at += 1
            found = re.fullmatch(_AT, line)
            body = self._body()
            chunks.append(Chunk(None, body, line=int(found[1]) if found else 0))
        return chunks

    def _body(self) -> list[str]:
        body: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if self._ends(self._at):
                break
            if line.startswith((" ", "-", "+")):
                body.append(line)
            elif not line or line.startswith("\t"):
                body.append(f" {line}")
            elif not line.startswith("\\ No newline"):
                break
            self._at += 1
        while body and body[-1] == " ":  # blank lines after the diff
            body.pop()
        return body

    def _ends(self, at: int) -> bool:
        """Return whether a line of a hunk's form is none, but begins what follows it.

        A removed comment of SQL and an added ``++`` look like the names of a file;
        after those there are hunks.
        """
        if _ends_mail(self._lines, at):
            return True
        after = self._lines[at + 2 : at + 3]
        return _names(self._lines, at) and (not after or after[0].startswith("@@"))

    def _refuse_bare(self, chunks: list[Chunk], path: str) -> None:
        if any(not chunk.old for chunk in chunks):
            raise PatchError(
                f"a hunk of {path} has only added lines",
                hint="Keep an unchanged line beside them: their place is not known.",
            )


def _ends_mail(lines: list[str], at: int) -> bool:
    """Return whether ``git format-patch`` has signed here, with its version."""
    pair = lines[at : at + 2]
    return pair[0].rstrip() == "--" and re.fullmatch(_VERSION, pair[-1]) is not None


def name_in(line: str) -> str:
    """Return the name in a line ``--- a/name``, as git quotes it or plain."""
    name = line[4:].partition("\t")[0].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        quoted = re.sub(_ESCAPED, _unescaped, name[1:-1].encode())
        return quoted.decode("utf-8", "surrogateescape")
    return name.strip('"')


def _unescaped(found: re.Match[bytes]) -> bytes:
    sign = found[1]
    if len(sign) > 1:
        return bytes([int(sign, 8) & 0xFF])
    return {b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(sign, sign)


def _without_git(old: str, new: str) -> tuple[str, str]:
    """Take ``a/`` and ``b/`` off where both names have them, as git writes them."""
    from_git = old.startswith("a/") or old == _NOWHERE
    if not (from_git and (new.startswith("b/") or new == _NOWHERE)):
        return old, new
    return old.removeprefix("a/"), new.removeprefix("b/")
