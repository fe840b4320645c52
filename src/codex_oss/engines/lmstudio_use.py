"""Who of us uses a server of LM Studio: the last one unloads what any has loaded.

A model that one task has loaded is there for the next one, which began meanwhile. Taken
away with the first, it would come back for the second with 4096 tokens of context.

A file for each server says so: each user holds a shared lock on it, and what was loaded
for us stands in it. Locks end with their process, however that ends; what a killed one
has left in memory is nobody's any more, and stays.
"""

import asyncio
import contextlib
import os
from hashlib import blake2b
from pathlib import Path

MAX_BYTES = 64 * 1024
"""Of the names in the file."""
_NAME_BYTES = 8


class Use:
    """Our use of one server, from ``begin`` to ``end``."""

    def __init__(self, folder: Path, root: str) -> None:
        name = blake2b(root.encode(), digest_size=_NAME_BYTES).hexdigest()
        self._path = folder / f"{name}.used"
        self._fd: int | None = None
        self._loaded: list[str] = []

    async def begin(self) -> None:
        """Be a user; whoever is just ending waits for us, or we for them.

        Where files cannot be locked, we are taken to be the only user.
        """
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._begin)

    def _begin(self) -> None:
        import fcntl  # noqa: PLC0415  only this engine needs it

        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(self._path, flags, 0o600)
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.truncate(fd, 0)  # its writers are gone
            fcntl.flock(fd, fcntl.LOCK_SH)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def loaded(self, instance: str) -> None:
        """Note what was loaded for us."""
        self._loaded.append(instance)
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.write(self._fd, f"{instance}\n".encode())

    def last(self) -> list[str] | None:
        """Return what is to be unloaded before ``end``; None: others go on."""
        if self._fd is None:
            return self._loaded
        import fcntl  # noqa: PLC0415  see `_begin`

        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            told = os.pread(self._fd, MAX_BYTES, 0).decode("utf-8", "replace")
        except OSError:  # others hold it
            return None
        return list(dict.fromkeys(told.splitlines()))

    def end(self) -> None:
        """Be no user any more."""
        fd, self._fd = self._fd, None
        self._loaded = []
        if fd is not None:
            os.close(fd)
