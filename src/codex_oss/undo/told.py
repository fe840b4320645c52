"""Word for a conversation whose changes were taken back: its next turn hears it.

The conversation may be that of another process, or none that is open now. Every turn
looks here, so nothing is imported that it would not have anyway.
"""

import os
from pathlib import Path

FOLDER = "undo/told"
"""In our state: one file for each conversation that has something to hear."""
LIMIT = 16 * 1024
"""Bytes that a conversation hears; the newest words count."""


def leave(state: Path, thread_id: str, text: str) -> None:
    """Leave word for a conversation; it adds to what is there."""
    path = _path(state, thread_id)
    if path is None:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "ab") as file:  # noqa: PTH123  a descriptor
        file.write(f"{text}\n\n".encode("utf-8", "backslashreplace"))


def take(state: Path, thread_id: str) -> str:
    """Return what a conversation has to hear, once; empty if nothing."""
    path = _path(state, thread_id)
    if path is None:
        return ""
    try:
        text = path.read_bytes()
        path.unlink()
    except OSError:
        return ""
    return text[-LIMIT:].decode("utf-8", "ignore").strip()


def _path(state: Path, thread_id: str) -> Path | None:
    if not thread_id or "/" in thread_id or thread_id.startswith("."):
        return None
    return state / FOLDER / thread_id
