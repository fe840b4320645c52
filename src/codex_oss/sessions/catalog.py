"""Which conversations there are: the heads of their files, never all of them.

A head is what stands before and at the first prompt. Codex puts some 50 kB of its own
there, codex-oss 10 kB; of each file at most ``HEAD_BYTES`` are read.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from codex_oss.errors import BadRequest, SessionError
from codex_oss.items import Message, is_prompt, text_of
from codex_oss.sessions import packed
from codex_oss.sessions.places import ARCHIVED, ID_LENGTH, SESSIONS, START
from codex_oss.wire.responses import decode_item

FIRST_BYTES = 24 * 1024
HEAD_BYTES = 512 * 1024
"""Read of a file whose first prompt is not among its first bytes."""
COUNTED_BYTES = 256 * 1024
"""The turns of larger files are not counted: nobody waits for a list."""
PREVIEW = 200
"""Characters of a first prompt that are kept."""
INTERACTIVE = ("cli", "vscode")
"""Sources of conversations that a person led, in Codex's words."""


class File(msgspec.Struct, frozen=True):
    """A conversation's file: id, and when it was written last, in seconds."""

    path: Path
    thread_id: str
    modified: float
    size: int
    archived: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a list says of a conversation. ``began`` is RFC 3339."""

    file: File
    cwd: str = ""
    source: str = ""
    began: str = ""
    provider: str = ""
    first_prompt: str = ""
    name: str = ""

    @property
    def interactive(self) -> bool:
        """Whether a person led it, and no script."""
        return self.source in INTERACTIVE

    @property
    def title(self) -> str:
        """Its name, or the first line of what was asked first."""
        return self.name or self.first_prompt.partition("\n")[0]


class _Meta(msgspec.Struct):
    cwd: str | None = None
    source: object = ""
    timestamp: str | None = None
    model_provider: str | None = None


class _Said(msgspec.Struct):
    type: str = ""
    role: str = ""
    message: object = ""


class _Line(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"")


_line = msgspec.json.Decoder(_Line).decode
_meta = msgspec.json.Decoder(_Meta).decode
_said = msgspec.json.Decoder(_Said).decode
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequest)


def files(home: Path, *, archived: bool = False) -> list[File]:
    """Return the files of all conversations, the one written last first.

    Raises ``SessionError`` where their folder may not be looked into.
    """
    root = home / (ARCHIVED if archived else SESSIONS)
    try:
        os.scandir(root).close()
    except PermissionError as error:
        raise SessionError(
            f"cannot list the sessions in {root}: {error.strerror}",
            hint="Make the folder yours again: chown, chmod u+rwx.",
        ) from error
    except OSError:  # there are none yet
        return []
    found = [_file(entry, archived=archived) for entry in _walk(str(root), 0)]
    known = [file for file in found if file is not None]
    plain = {file.thread_id for file in known if not packed.is_packed(file.path)}
    known = [
        file
        for file in known
        if file.thread_id not in plain or not packed.is_packed(file.path)
    ]
    known.sort(key=lambda file: file.modified, reverse=True)
    return known


def entry(file: File, name: str = "") -> Entry | None:
    """Return what the head of a file says; None if it is no conversation's."""
    if packed.is_packed(file.path):
        head = packed.head(file.path, FIRST_BYTES)
        found = _entry(file, head, name)
        if found is None or found.first_prompt or len(head) < FIRST_BYTES:
            return found
        return _entry(file, packed.head(file.path, HEAD_BYTES), name)
    try:
        with file.path.open("rb", buffering=0) as opened:
            head = opened.read(FIRST_BYTES) or b""
            found = _entry(file, head, name)
            if found is None or found.first_prompt or len(head) < FIRST_BYTES:
                return found
            head += opened.read(HEAD_BYTES - len(head)) or b""
            return _entry(file, head, name)
    except OSError:
        return None


def entries(
    home: Path, names: dict[str, str], *, archived: bool = False
) -> Iterator[Entry]:
    """Yield all conversations, the one written last first, as their heads are read."""
    for file in files(home, archived=archived):
        found = entry(file, names.get(file.thread_id, ""))
        if found is not None:
            yield found


def turns(file: File) -> int | None:
    """Return how many turns there were; None where the file is too large."""
    if file.size > COUNTED_BYTES:
        return None
    if packed.is_packed(file.path):
        data = packed.head(file.path, COUNTED_BYTES + 1)
        if len(data) > COUNTED_BYTES:
            return None
    else:
        try:
            data = file.path.read_bytes()
        except OSError:
            return None
    return data.count(b'"task_started"') or data.count(b'"user_message"')


def _walk(folder: str, depth: int) -> Iterator["os.DirEntry[str]"]:
    """Yield the files below a folder; years, months and days are three levels."""
    try:
        inside = list(os.scandir(folder))
    except OSError:
        return
    for each in inside:
        if each.name.endswith((packed.PLAIN, packed.PACKED)):
            yield each
        elif depth < 3 and each.name.isdigit():  # noqa: PLR2004  see above
            yield from _walk(each.path, depth + 1)


def _file(found: "os.DirEntry[str]", *, archived: bool) -> File | None:
    name = found.name.removesuffix(packed.PACKED).removesuffix(packed.PLAIN)
    if not name.startswith(START) or len(name) < len(START) + ID_LENGTH:
        return None
    try:
        known = found.stat()
    except OSError:
        return None
    if not stat.S_ISREG(known.st_mode):  # a pipe of that name would be waited for
        return None
    return File(
        Path(found.path), name[-ID_LENGTH:], known.st_mtime, known.st_size, archived
    )


def _entry(file: File, head: bytes, name: str) -> Entry | None:
    meta: _Meta | None = None
    prompt = ""
    for text in head.split(b"\n"):
        try:
            line = _line(text)
            if meta is None:
                meta = _meta(bytes(line.payload) or text)
                continue
            prompt = _prompt(line)
        except _FAULTS:
            continue
        if prompt:
            break
    if meta is None:
        return None
    return Entry(
        file=file,
        cwd=meta.cwd or "",
        source=meta.source if isinstance(meta.source, str) else "subagent",
        began=meta.timestamp or "",
        provider=meta.model_provider or "",
        first_prompt=prompt.strip()[:PREVIEW],
        name=name,
    )


def _prompt(line: _Line) -> str:
    if line.type not in ("event_msg", "response_item"):
        return ""
    said = _said(line.payload)
    if said.type == "user_message":
        return str(said.message)
    if said.role != "user":
        return ""
    item = decode_item(bytes(line.payload))
    if not isinstance(item, Message) or not is_prompt(item):
        return ""
    return text_of(item.content)
