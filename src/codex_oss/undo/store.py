"""What is kept for one workspace: contents, the last look, turns.

::

    undo/NAME-HASH/           one workspace, by its path; all folders 0700, files 0600
        lock                  held by whoever reads or writes here
        workspace             the path
        blobs/                contents (see ``blobs``)
        tree                  the last look at all files, so that the next is quick
        turns/N.begun         a turn that may have changed something
        turns/N.tree          all files as they were before it
        turns/N.live          locked as long as the process of that turn is there
        turns/N.done          what a turn has changed, after its end
        restoring             what an undo is doing
        told                  gaps that people have been told of

Every file appears whole or not at all, and what a turn changes is kept before it
changes: the end of a process at any time loses nothing.
"""
# Folders are open, and files are descriptors.
# ruff: noqa: PTH123, PTH208

import fcntl
import os
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from threading import Event
from typing import TypeVar

import msgspec

from codex_oss.errors import UndoError
from codex_oss.undo.blobs import SPARE, Blobs, sync
from codex_oss.undo.entries import (
    Begun,
    Entry,
    File,
    Folder,
    Record,
    Restoring,
    Tree,
)

FOLDER = "undo"
"""In our state."""
TURNS = 100
"""Turns of a workspace that can be taken back; the oldest are forgotten first."""
LOCK_S = 60.0
"""How long another process may keep us waiting, in seconds."""
SWEEP_EVERY = 16
"""Turns after which contents that nothing names are deleted, at the latest."""

UNUSED_S = 90 * 24 * 3600.0
"""Seconds after which a workspace where nothing happens is forgotten."""

_POLL_S = 0.05
_NAME = 40
_T = TypeVar("_T")


class _State(msgspec.Struct, frozen=True):
    """Of a ``Record`` what is quickly read: it may name many paths."""

    undone: int = 0
    thread_id: str = ""


def place(home: Path, workspace: bytes) -> Path:
    """Return the folder of a workspace, below our state's."""
    readable = os.fsdecode(workspace.rpartition(b"/")[2])[:_NAME]
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in readable)
    return home / FOLDER / f"{name}-{blake2b(workspace, digest_size=12).hexdigest()}"


class Store:
    """The folder of one workspace, open and locked.

    Made by ``opened``. ``max_bytes`` bounds the contents.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.blobs = Blobs(str(folder / "blobs"))
        self.max_bytes = max_bytes
        self._folder = folder
        self._turns = folder / "turns"
        self._turns.mkdir(mode=0o700, exist_ok=True)

    def close(self) -> None:
        """Close the contents' folder."""
        self.blobs.close()

    # --- the last look ----------------------------------------------------------------

    def last_tree(self) -> Tree:
        """Return the last look; an empty one if there is none that can be read."""
        return _read(self._folder / "tree", Tree) or Tree()

    def keep_tree(self, tree: Tree, number: int | None = None) -> None:
        """Keep a look as the last one, and as the state before a turn."""
        self.blobs.flush()
        data = msgspec.msgpack.encode(tree)
        _write(self._folder / "tree", data)
        if number is not None:
            before = self._turns / f"{number}.tree"
            before.unlink(missing_ok=True)
            # The last one is never written to, only replaced.
            os.link(self._folder / "tree", before)

    # --- turns ------------------------------------------------------------------------

    def next_number(self) -> int:
        """Return the number of a turn that begins now."""
        return max(self._numbers(""), default=0) + 1

    def begin(self, begun: Begun) -> None:
        """Keep what a turn may change, and what that was before."""
        self.blobs.flush()
        _write(self._turns / f"{begun.number}.begun", msgspec.msgpack.encode(begun))

    def live(self, number: int) -> int:
        """Mark a turn as one that still runs; closing the descriptor ends that."""
        fd = os.open(
            self._turns / f"{number}.live", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd

    def begun(self) -> list[tuple[Begun, bool]]:
        """Return turns without an end, and whether their processes still run."""
        found = [
            (begun, self._is_live(number))
            for number in sorted(self._numbers(".begun"))
            if (begun := _read(self._turns / f"{number}.begun", Begun)) is not None
        ]
        done = self._numbers(".done")
        return [(begun, live) for begun, live in found if begun.number not in done]

    def tree_before(self, number: int) -> Tree | None:
        """Return all files as they were before a turn, if that was looked at."""
        return _read(self._turns / f"{number}.tree", Tree)

    def end(self, number: int, record: Record | None) -> None:
        """Put a turn's changes in the place of what was kept until its end."""
        if record is not None:
            self.keep(record)
        for kind in ("begun", "tree", "live"):
            (self._turns / f"{number}.{kind}").unlink(missing_ok=True)

    def keep(self, record: Record) -> None:
        """Keep what a turn changed, in place of what was kept of it before."""
        self.blobs.flush()
        _write(self._turns / f"{record.number}.done", msgspec.msgpack.encode(record))

    def forget(self, number: int) -> None:
        """Keep a turn no longer."""
        (self._turns / f"{number}.done").unlink(missing_ok=True)

    def undone(self) -> list[int]:
        """Return the numbers of turns that were taken back."""
        return [number for number, state in self._states().items() if state.undone]

    def turns_of(self, thread_id: str) -> list[int]:
        """Return the numbers of a conversation's turns that have ended."""
        states = self._states().items()
        return [number for number, state in states if state.thread_id == thread_id]

    def ended(self) -> list[int]:
        """Return the numbers of turns that have ended, also of damaged records."""
        return sorted(self._numbers(".done"))

    def records(self) -> list[Record]:
        """Return the turns that have ended, the oldest first."""
        paths = (self._turns / f"{n}.done" for n in self.ended())
        return [record for path in paths if (record := _read(path, Record)) is not None]

    def restore(self, under_way: Restoring | None) -> None:
        """Keep what is being restored; None: nothing is any more."""
        path = self._folder / "restoring"
        if under_way is None:
            path.unlink(missing_ok=True)
        else:
            self.blobs.flush()
            _write(path, msgspec.msgpack.encode(under_way))
            if not under_way.done:  # files are about to change
                ends = (each for c in under_way.changes for each in (c.before, c.after))
                self.blobs.harden(set(_digests(ends)))
                sync(str(path))
                sync(str(self._folder))

    def restoring(self) -> Restoring | None:
        """Return what a killed process was restoring."""
        return _read(self._folder / "restoring", Restoring)

    def tell_once(self, gaps: list[str]) -> list[str]:
        """Return those gaps that people have not been told of, and take note."""
        path = self._folder / "told"
        told = _read(path, list[str]) or []
        new = [gap for gap in gaps if gap not in told]
        if new:
            _write(path, msgspec.msgpack.encode([*told, *new][-TURNS:]))
        return new

    # --- room -------------------------------------------------------------------------

    def make_room(self, number: int) -> None:
        """Forget the oldest turns beyond the limits, and contents nothing names.

        Contents are listed only if it is time for that.
        """
        old = self.ended()[:-TURNS]
        for each in old:
            self.forget(each)
        many = self.blobs.added > self.max_bytes // SWEEP_EVERY
        many = many or self._noted() > self.max_bytes // 4
        if not old and not many and number % SWEEP_EVERY:
            return
        self._drop_lost()
        records = self.records()
        while self._sweep(records) + self._noted() > self.max_bytes and records:
            # A few at a time: each round lists all contents.
            for record in records[: max(1, len(records) // 4)]:
                self.forget(record.number)
            records = self.records()
        self.blobs.added = 0

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget turns, and every content that nothing else names.

        With the last turn goes the last look: the next one reads all files again.
        """
        for number in numbers:
            self.forget(number)
        if not self.ended() and not self.begun():
            (self._folder / "tree").unlink(missing_ok=True)
        self._drop_lost()
        self._sweep(self.records(), spare=0)

    def _drop_lost(self) -> None:
        """Delete what killed processes have left here, and nobody can read."""
        known = {each.number for each, _ in self.begun()} | self._numbers(".done")
        known |= {n for n in self._numbers(".begun") if self._is_live(n)}
        for folder in (self._folder, self._turns):
            for name in os.listdir(folder):
                number = name.partition(".")[0]
                lost = number.isdecimal() and int(number) not in known
                if name.endswith(".new") or (folder == self._turns and lost):
                    (folder / name).unlink()

    def _noted(self) -> int:
        """Return the bytes of all turns' records, whose paths are of any length."""
        names = [name for name in os.listdir(self._turns) if name.endswith(".done")]
        return sum((self._turns / name).stat().st_size for name in names)

    def _states(self) -> dict[int, _State]:
        found = {n: _read(self._turns / f"{n}.done", _State) for n in self.ended()}
        return {number: state for number, state in found.items() if state is not None}

    def _sweep(self, records: list[Record], spare: int = SPARE) -> int:
        wanted: set[bytes] = set()
        for record in records:
            for change in record.changes:
                wanted.update(_digests([change.before, change.after]))
        for begun, _ in self.begun():
            wanted.update(_digests(begun.exact.values()))
            if (tree := self.tree_before(begun.number)) is not None:
                wanted.update(_digests(tree.entries.values()))
        wanted.update(_digests(self.last_tree().entries.values()))
        if (under_way := self.restoring()) is not None:
            for change in under_way.changes:
                wanted.update(_digests([change.before, change.after]))
        return self.blobs.sweep(wanted, spare)

    def _numbers(self, suffix: str) -> set[int]:
        names = (name.partition(".") for name in os.listdir(self._turns))
        return {
            int(number)
            for number, dot, kind in names
            if number.isdecimal() and suffix in ("", dot + kind)
        }

    def _is_live(self, number: int) -> bool:
        try:
            fd = os.open(self._turns / f"{number}.live", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False


@contextmanager
def opened(folder: Path, workspace: bytes, max_bytes: int) -> Generator[Store]:
    """Open a workspace's folder, made if it is missing, for nobody else meanwhile.

    Raises ``UndoError``.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            _forget_unused(folder.parent)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _wait_for(lock, folder)
            if not (folder / "workspace").exists():
                _write(folder / "workspace", workspace)
            store = Store(folder, max_bytes)
            try:
                yield store
            finally:
                store.close()
        finally:
            os.close(lock)
    except OSError as error:
        raise UndoError(
            f"cannot use {error.filename or folder}: {error.strerror}",
            hint="Free some space or make the folder writable; `undo.enabled = false` "
            "does without undo.",
        ) from error


def unmark(folder: Path, number: int) -> None:
    """Take away the mark of a turn that did not begin."""
    with suppress(OSError):
        (folder / "turns" / f"{number}.live").unlink()


def workspaces(home: Path) -> dict[bytes, Path]:
    """Return the folders of all workspaces that something is kept for."""
    found: dict[bytes, Path] = {}
    with suppress(OSError):
        for folder in (home / FOLDER).iterdir():
            with suppress(OSError):
                found[(folder / "workspace").read_bytes()] = folder
    return found


def _forget_unused(folders: Path) -> None:
    """Delete what is kept for workspaces where nothing has happened for long."""
    import shutil  # noqa: PLC0415  once for each workspace

    for folder in folders.iterdir():
        with suppress(OSError):
            # Every look and every turn puts a file into it.
            unused_s = time.time() - folder.stat().st_mtime
            if unused_s > UNUSED_S and (folder / "workspace").exists():
                shutil.rmtree(folder)


def _wait_for(lock: int, folder: Path) -> None:
    waiting = Event()
    for _ in range(int(LOCK_S / _POLL_S)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting.wait(_POLL_S)
        else:
            return
    raise UndoError(f"another process has used {folder} for {LOCK_S:.0f} s")


def _digests(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        if isinstance(entry, File):
            yield entry.digest
        if isinstance(entry, File | Folder) and entry.attributes:
            yield entry.attributes


def _read(path: Path, kind: type[_T]) -> _T | None:
    """Return what a file holds; None if it is missing or damaged."""
    try:
        return msgspec.msgpack.Decoder(kind).decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _write(path: Path, data: bytes) -> None:
    """Put a file in its place, whole or not at all."""
    temp = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    try:
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        temp.replace(path)
    except OSError:
        temp.unlink(missing_ok=True)
        raise
