"""Names that people gave to conversations.

Source of the format: ``session_index.jsonl`` of the Codex CLI 0.169, one object a
line, appended at each rename: ``{"id", "thread_name", "updated_at"}``. The last line
of an id counts, so both programs see the other's names.
"""

import os
from pathlib import Path

import msgspec

from codex_oss.config.locked import locked
from codex_oss.config.whole import write_whole
from codex_oss.errors import SessionError, UsageError

FILE = "session_index.jsonl"
MAX_LENGTH = 200
"""Characters of a name."""


class _Line(msgspec.Struct):
    id: str
    thread_name: str = ""


_decode = msgspec.json.Decoder(_Line).decode


def names(home: Path) -> dict[str, str]:
    """Return the names by id; damaged lines are nobody's."""
    try:
        data = (home / FILE).read_bytes()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for text in data.splitlines():
        try:
            line = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        found[line.id] = line.thread_name
    return {thread_id: name for thread_id, name in found.items() if name}


def rename(home: Path, thread_id: str, name: str, now: str) -> str:
    """Give a conversation a name, and return it as it is kept.

    ``now`` is the time in RFC 3339. Raises ``UsageError`` for what is no name.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_LENGTH or not name.isprintable():
        raise UsageError(
            f"a name is 1 to {MAX_LENGTH} printable characters: {name[:40]!r} is not"
        )
    line = {"id": thread_id, "thread_name": name, "updated_at": now}
    path = home / FILE
    try:
        with locked(path.with_name(f"{FILE}.lock")):  # Codex's
            _append(path, msgspec.json.encode(line) + b"\n")
    except OSError as error:
        raise SessionError(f"cannot write {path}: {error.strerror}") from error
    return name


def forget(home: Path, thread_id: str) -> None:
    """Take a conversation's names away, as Codex does. Raises ``SessionError``."""
    path = home / FILE
    try:
        if not path.exists():
            return
        with locked(path.with_name(f"{FILE}.lock")):
            lines = path.read_bytes().splitlines(keepends=True)
            kept = b"".join(line for line in lines if _of(line) != thread_id)
            if len(kept) < sum(map(len, lines)):
                write_whole(path, kept)
    except OSError as error:
        raise SessionError(f"cannot write {path}: {error.strerror}") from error


def _of(text: bytes) -> str:
    """Return whose line this is; empty for a damaged one."""
    try:
        return _decode(text).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _append(path: Path, data: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    try:
        size = os.fstat(fd).st_size
        torn = size and os.pread(fd, 1, size - 1) != b"\n"
        os.write(fd, b"\n" + data if torn else data)
    finally:
        os.close(fd)
