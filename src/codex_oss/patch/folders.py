"""Names in folders that were opened component by component, no link followed.

Between looking at a path and changing it a folder of it can have become a link to
somewhere else. What is done relative to an open folder stays in that folder.
"""

import errno
import os
import stat
from pathlib import Path

import msgspec

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""Flags to make a file where nothing is."""
TEMP = ".codex-oss-", ".tmp"
"""How names of files begin and end that are there only while something is written."""


class Entry(msgspec.Struct, frozen=True):
    """A name in an open folder; ``path`` is for people."""

    folder: int
    name: str
    path: Path

    def beside(self, name: str) -> "Entry":
        """Return another name in the same folder."""
        return Entry(self.folder, name, self.path.parent / name)

    def mode(self) -> int | None:
        """Return the mode of what is there, links not followed; None for nothing."""
        try:
            return os.lstat(self.name, dir_fd=self.folder).st_mode
        except FileNotFoundError:
            return None

    def read(self) -> bytes:
        """Return the content. Raises ``OSError`` for a link."""
        with open(os.open(self.name, _FILE, dir_fd=self.folder), "rb") as file:  # noqa: PTH123  a descriptor
            return file.read()

    def rename(self, to: "Entry") -> None:
        """Give what is here another name, in place of what has that."""
        os.rename(self.name, to.name, src_dir_fd=self.folder, dst_dir_fd=to.folder)

    def link(self, to: "Entry") -> None:
        """Give a file a second name."""
        os.link(
            *(self.name, to.name),
            src_dir_fd=self.folder,
            dst_dir_fd=to.folder,
            follow_symlinks=False,
        )

    def remove(self) -> None:
        """Remove a file or link."""
        os.unlink(self.name, dir_fd=self.folder)


class Folders:
    """Folders, opened without following links; each once."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}

    def entry(self, path: Path) -> Entry:
        """Return the entry of an absolute real path. Raises ``OSError``."""
        return Entry(self.open(path.parent), path.name, path)

    def open(self, path: Path) -> int:
        """Return a descriptor of a folder. Raises ``OSError``, also for a link."""
        known = self._open.get(path)
        if known is not None:
            return known
        if path == path.parent:
            fd = os.open(path, _FOLDER)
        else:
            entry = self.entry(path)
            mode = entry.mode()
            if mode is not None and stat.S_ISLNK(mode):
                raise OSError(errno.ELOOP, f"{path} has become a link")
            fd = os.open(entry.name, _FOLDER, dir_fd=entry.folder)
        self._open[path] = fd
        return fd

    def make(self, path: Path) -> list[Entry]:
        """Make a folder and those above it; return the entries that are new."""
        try:
            self.open(path)
        except FileNotFoundError:
            made = self.make(path.parent)
            entry = self.entry(path)
            os.mkdir(entry.name, dir_fd=entry.folder)
            return [*made, entry]
        return []

    def close(self) -> None:
        """Close all folders."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()
