"""Small files that are replaced whole: who reads one sees the old or the new one."""

import os
from contextlib import suppress
from pathlib import Path

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNERS = 0o600


def write_whole(
    path: Path, data: bytes, *, mode: int | None = None, lasting: bool = False
) -> None:
    """Put a file in its place; its folder is made.

    With ``mode`` None it keeps the mode it has, and a new one is for its owner's eyes
    only. ``lasting``: it is there after a power cut. Raises ``OSError``; then the old
    file is as it was, and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = path.stat().st_mode & 0o7777 if path.exists() else _OWNERS
    # A name of its own each time: whoever writes meanwhile must not mix in.
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with open(os.open(draft, _NEW, _OWNERS), "wb") as file:  # noqa: PTH123  a descriptor
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if lasting:
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
