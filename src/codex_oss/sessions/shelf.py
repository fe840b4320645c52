"""Puts conversations away, brings them back, copies them, throws them away."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from codex_oss.config.whole import write_whole
from codex_oss.errors import SessionError
from codex_oss.sessions import packed
from codex_oss.sessions.catalog import File
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.lock import Lock
from codex_oss.sessions.places import ARCHIVED, SESSIONS
from codex_oss.sessions.reading import read

_META_BYTES = 200
"""Of a line, where its type stands."""
_DAY = 10
"""Characters of a date in a file's name: 2026-01-31."""


def archive(home: Path, file: File) -> Path:
    """Put a conversation where lists do not show it, as Codex does."""
    return _move(home, file, home / ARCHIVED)


def unarchive(home: Path, file: File) -> Path:
    """Bring a conversation back to the folder of the day it began on.

    Raises ``SessionError``, also where the file's name does not tell that day.
    """
    began = file.path.name.removeprefix("rollout-")[:_DAY]
    try:
        day = date.fromisoformat(began).strftime("%Y/%m/%d")
    except ValueError:
        day = ""
    if day != began.replace("-", "/"):  # other ways to write a day are no folder's
        raise SessionError(
            f"the name of {file.path} does not tell the day the session began on",
            hint=f"Name it as rollout-2026-01-31T08-00-00-{file.thread_id}.jsonl, with "
            "its day.",
        )
    return _move(home, file, home / SESSIONS / day)


def delete(home: Path, file: File) -> None:
    """Delete a conversation's file for good. Raises ``SessionError``."""
    lock = Lock(home, file.thread_id)
    lock.take()
    try:
        # The plain one, which counts, goes last.
        for path in reversed(packed.forms(file.path)):
            path.unlink()
    except OSError as error:
        raise SessionError(f"cannot delete {file.path}: {error.strerror}") from error
    finally:
        lock.release()


def fork(home: Path, file: File, meta: Mapping[str, object], stamp: str) -> Kept:
    """Copy a conversation into a file of its own and return that one, locked.

    ``meta`` is what its first line says of it besides what the original's says: its
    ``id`` at least. ``stamp`` is the local time in a file's name. The original may be
    in use meanwhile: what stands in whole lines is copied.
    """
    thread_id = str(meta["id"])
    origin = read(file.path, file.thread_id)
    data = packed.whole(file.path)[: origin.size]
    said = origin.meta | dict(meta) | {"forked_from_id": file.thread_id}
    first = {"timestamp": meta.get("timestamp"), "ordinal": 0, "type": "session_meta"}
    lines = [msgspec.json.encode(first | {"payload": said})]
    lines += [line for line in data.splitlines() if not _is_meta(line)]
    day = Path(*stamp[:_DAY].split("-"))
    path = home / SESSIONS / day / f"rollout-{stamp}-{thread_id}.jsonl"
    lock = Lock(home, thread_id)
    lock.take()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, b"\n".join([*lines, b""]))
        return read(path, thread_id, lock)
    except OSError as error:
        lock.release()
        raise SessionError(f"cannot write {path}: {error.strerror}") from error
    except BaseException:
        lock.release()
        raise


def _is_meta(line: bytes) -> bool:
    return b'"session_meta"' in line[:_META_BYTES]


def _move(home: Path, file: File, folder: Path) -> Path:
    """Move a conversation's files and return where the one is that counts."""
    target = folder / file.path.name
    lock = Lock(home, file.thread_id)
    lock.take()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = packed.forms(file.path) or [file.path]
        for target in (folder / path.name for path in paths):
            if target.exists():
                raise SessionError(f"cannot move the session: {target} exists")
        for path in reversed(paths):
            target = folder / path.name
            path.rename(target)
    except OSError as error:
        raise SessionError(
            f"cannot move {file.path} to {target}: {error.strerror}"
        ) from error
    finally:
        lock.release()
    return target
