"""An undo or redo whose process was killed: the next one, or a turn, settles it first.

What has not reached all of its places is taken back, so that all is as before it; what
has, and is not on record yet, is put on record. What somebody else has changed since is
left alone.
"""

import errno

from msgspec.structs import replace

from codex_oss.errors import UndoError
from codex_oss.undo.entries import (
    ABSENT,
    Change,
    Entry,
    Folder,
    Restoring,
    Unkept,
)
from codex_oss.undo.look import look
from codex_oss.undo.placing import clean
from codex_oss.undo.plan import Judged, Step
from codex_oss.undo.restore import OPEN_MODE, restore, shut
from codex_oss.undo.store import Store

_MENDED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO})
"""Failures after which it is worth to try again."""


def settle(store: Store) -> None:
    """Bring what a killed process was restoring to one of its two ends.

    Raises ``UndoError`` if that is not possible.
    """
    under_way = store.restoring()
    if under_way is None:
        return
    clean(under_way.temps)
    if under_way.done:
        for record in under_way.then:
            store.keep(record)
    else:
        _take_back(under_way, store)
    shut(under_way.modes)
    store.restore(None)


def _take_back(under_way: Restoring, store: Store) -> None:
    todo = [
        Judged(Step(change.path, now, change.before), now, "do")
        for change in under_way.changes
        if (now := look(change.path, store.blobs)) != change.before
        and not isinstance(change.before, Unkept)
        and _is_on_the_way(now, change)
    ]
    try:
        restore(
            todo,
            store.blobs,
            lambda temps: store.restore(replace(under_way, temps=temps)),
            under_way.links,
        )
    except UndoError as error:
        cause = error.__cause__
        if not (isinstance(cause, OSError) and cause.errno in _MENDED):
            store.restore(None)  # never again: it would hinder all that comes
        raise UndoError(
            f"an undo or redo was killed and could not be taken back: {error}",
            hint="`codex-oss undo --dry-run` tells what is as it should be, and what "
            "is not.",
        ) from error


def _is_on_the_way(now: Entry, change: Change) -> bool:
    """Return whether restoring leads by this state, from ``before`` to ``after``."""
    ends = change.before, change.after
    if now == change.after:
        return True
    folders = [end for end in ends if isinstance(end, Folder)]
    if now == ABSENT:
        return len(folders) == 1  # the one must go before the other comes
    modes = {mode for end in folders for mode in (end.mode, end.mode | OPEN_MODE)}
    return isinstance(now, Folder) and bool(folders) and now.mode in modes | {OPEN_MODE}
