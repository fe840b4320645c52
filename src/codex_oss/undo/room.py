"""The room that undo takes on disk, and giving it back."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from codex_oss.errors import UndoError
from codex_oss.undo import told
from codex_oss.undo.back import Workspace
from codex_oss.undo.ending import end_abandoned
from codex_oss.undo.store import Store, workspaces


class Room(msgspec.Struct, frozen=True):
    """What is kept for one workspace; ``size`` is in bytes."""

    path: Path
    turns: int
    size: int


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What was given back: turns that cannot be undone any more, and bytes.

    ``failures`` say of which workspaces that was not possible.
    """

    turns: int = 0
    freed: int = 0
    failures: list[str] = []


def rooms(state: Path) -> list[Room]:
    """Return what is kept for all workspaces, the largest first."""
    found = (_room(_path(name), folder) for name, folder in workspaces(state).items())
    return sorted(found, key=lambda room: (-room.size, room.path))


def room(workspace: Workspace) -> Room:
    """Return what is kept for a workspace."""
    return _room(workspace.path, workspace.folder)


def clear(place: Workspace) -> Given:
    """Forget all turns of a workspace. Raises ``UndoError``, also while one runs."""
    with place.opened() as store:
        if end_abandoned(store):
            raise UndoError(
                f"a turn is running in {place.path}",
                hint="Wait for its end, or end it; then try again.",
            )
        return _given(place, store, store.ended())


def clear_all(state: Path, max_bytes: int) -> Given:
    """Forget all turns of all workspaces, but for those where one runs."""
    total = Given()
    for place in _all(state, max_bytes):
        try:
            total = _sum(total, clear(place))
        except UndoError as error:
            total = _sum(total, Given(failures=[str(error)]))
    return total


def forget(state: Path, thread_id: str, max_bytes: int) -> Given:
    """Forget what is kept of a conversation that is deleted, wherever it worked."""
    told.take(state, thread_id)
    total = Given()
    for place in _all(state, max_bytes):
        try:
            with place.opened() as store:
                begun = [each.thread_id for each, _ in store.begun()]
                if thread_id in begun or store.restoring() is not None:
                    end_abandoned(store)  # what was killed is put on record first
                if numbers := store.turns_of(thread_id):
                    total = _sum(total, _given(place, store, numbers))
        except UndoError as error:
            total = _sum(total, Given(failures=[f"{place.path}: {error}"]))
    return total


def _all(state: Path, max_bytes: int) -> list[Workspace]:
    return [Workspace(state, _path(name), max_bytes) for name in workspaces(state)]


def _path(name: bytes) -> Path:
    return Path(os.fsdecode(name))


def _room(path: Path, folder: Path) -> Room:
    turns = sum(1 for _ in folder.glob("turns/*.done"))
    return Room(path, turns, _size(folder))


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # others may be writing there
            size += path.lstat().st_size if path.is_file() else 0
    return size


def _given(place: Workspace, store: Store, numbers: list[int]) -> Given:
    before = _size(place.folder)
    store.drop(numbers)
    return Given(turns=len(numbers), freed=max(before - _size(place.folder), 0))


def _sum(one: Given, other: Given) -> Given:
    return Given(
        turns=one.turns + other.turns,
        freed=one.freed + other.freed,
        failures=[*one.failures, *other.failures],
    )
