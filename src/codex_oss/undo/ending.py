"""The end of a turn: what has changed since it began is put on record.

Also of a turn whose process ended before it did: its state before is on disk, and what
is there now is what became of it.
"""

from collections.abc import Callable

from codex_oss.undo.compare import compare, gap_of, names_of_one
from codex_oss.undo.entries import (
    Begun,
    Change,
    Gap,
    Names,
    Record,
    Tree,
    Unkept,
)
from codex_oss.undo.interrupted import settle
from codex_oss.undo.links import still_one
from codex_oss.undo.look import look
from codex_oss.undo.placing import clean
from codex_oss.undo.restore import left_by_patches
from codex_oss.undo.scan import Limits, Look, scan
from codex_oss.undo.store import Store

SHARE = 0.75
"""How much of the room for contents one look may fill; the rest is for turns."""


def limits(max_bytes: int) -> Limits:
    """Return how far a look goes, by the room for all contents of a workspace."""
    return Limits(int(max_bytes * SHARE))


def look_at(
    begun: Begun,
    store: Store,
    bounds: Limits,
    *,
    first: Tree | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Tree:
    """Look at all that commands of a turn may write."""
    wanted = Look(
        roots=begun.roots,
        left_out=begun.left_out,
        limits=bounds,
        known=store.last_tree(),
        first=first,
        stopped=stopped,
    )
    return scan(wanted, store.blobs)


def end(
    begun: Begun, store: Store, stopped: Callable[[], bool] = lambda: False
) -> Record | None:
    """Return what a turn has changed, put on record; None if nothing.

    A new record takes away what could be redone. Raises ``Stopped``, ``UndoError``.
    """
    changes, gaps, links = _changes(begun, store, stopped)
    record = None
    if changes or gaps:
        record = Record(
            number=begun.number,
            turn_id=begun.turn_id,
            thread_id=begun.thread_id,
            cwd=begun.cwd,
            time=begun.time,
            prompt=begun.prompt,
            changes=changes,
            gaps=gaps,
            links_before=links[0],
            links_after=links[1],
        )
    if changes:
        for number in store.undone():
            store.forget(number)
    store.end(begun.number, record)
    store.make_room(begun.number)
    return record


def end_abandoned(store: Store) -> bool:
    """Finish what killed processes have left; return whether a turn still runs.

    What they were restoring is settled. Raises ``UndoError``.
    """
    settle(store)
    return end_killed(store)


def end_killed(store: Store) -> bool:
    """Put turns of killed processes on record; return whether a turn still runs."""
    begun = store.begun()
    killed = [each for each, live in begun if not live]
    for each in killed:
        end(each, store)
        if len(killed) == len(begun):  # nobody else may be patching
            clean(left_by_patches(_folders(each)))
    return len(killed) < len(begun)


def _folders(begun: Begun) -> set[bytes]:
    """Return where files were patched that are all kept, should patching not end."""
    only = {path for path, was in begun.exact.items() if isinstance(was, Unkept)}
    return set(map(_folder, begun.exact)) - set(map(_folder, only))


def _folder(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def _changes(
    begun: Begun, store: Store, stopped: Callable[[], bool]
) -> tuple[list[Change], list[Gap], tuple[Names, Names]]:
    changes: list[Change] = []
    gaps: list[Gap] = []
    links: tuple[Names, Names] = begun.links, still_one(begun.links)
    before = store.tree_before(begun.number) if begun.whole else None
    if before is not None:
        bounds = limits(store.max_bytes)
        after = look_at(begun, store, bounds, first=before, stopped=stopped)
        store.keep_tree(after)
        changes, gaps = compare(before, after)
        changes = [each for each in changes if each.path not in begun.exact]
        gaps = [each for each in gaps if each.path not in begun.exact]
        paths = {change.path for change in changes}
        links = (
            [*links[0], *names_of_one(before, paths)],
            [*links[1], *names_of_one(after, paths)],
        )
    for path, was in begun.exact.items():
        change = Change(path, was, look(path, store.blobs))
        if change.before == change.after:
            continue
        gap = gap_of(change)
        if gap is None:
            changes.append(change)
        else:
            gaps.append(gap)
    return changes, gaps, links
