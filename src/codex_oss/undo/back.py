"""Take turns back, make them again, list them.

Only between turns: while one runs in the workspace, nothing is taken back there.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from codex_oss.errors import UndoError
from codex_oss.undo import plan, told
from codex_oss.undo.compare import unkept
from codex_oss.undo.ending import end_abandoned, end_killed
from codex_oss.undo.entries import (
    Absent,
    Change,
    Entry,
    File,
    Folder,
    Gap,
    Names,
    Record,
    Restoring,
    Unkept,
)
from codex_oss.undo.look import is_folder, look
from codex_oss.undo.plan import Judged
from codex_oss.undo.report import Action, Line, Report
from codex_oss.undo.restore import opened_up, restore
from codex_oss.undo.store import Store, opened, place, workspaces


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be taken back, or made again.

    The last ``count`` turns, of one thread or of all, or the turn of an id.
    """

    action: Action = "undo"
    count: int = 1
    turn_id: str = ""
    """Or its beginning."""
    thread_id: str = ""
    force: bool = False
    """Overwrite what somebody else changed; redo brings that back.

    What could not be brought back is not overwritten, and nothing else either.
    """
    skip_conflicts: bool = False
    """Leave what somebody else changed, and restore the rest."""
    dry_run: bool = False
    """Only say what would be done."""


class Workspace(msgspec.Struct, frozen=True):
    """A workspace by its real path, and where its turns are kept."""

    state: Path
    path: Path
    max_bytes: int

    @property
    def folder(self) -> Path:
        """Where that is, if a turn has changed something in it."""
        return place(self.state, os.fsencode(self.path))

    def opened(self):  # noqa: ANN201  a context manager of `store`
        """Open what is kept. Raises ``UndoError`` if there is nothing."""
        name, folder = os.fsencode(self.path), self.folder
        if not folder.is_dir():
            raise UndoError(
                f"no turn has changed anything in {self.path}",
                hint=self._elsewhere(name),
            )
        return opened(folder, name, self.max_bytes)

    def _elsewhere(self, name: bytes) -> str:
        """Return where something could be undone, near this folder."""
        near = [
            os.fsdecode(other)
            for other in workspaces(self.state)
            if name.startswith(other + b"/") or other.startswith(name + b"/")
        ]
        return "" if not near else f"There is for {', '.join(sorted(near))}: -C FOLDER."


def take(workspace: Workspace, wanted: Wanted) -> Report:
    """Undo or redo, and return what was done.

    Nothing is changed if there are conflicts, unless ``wanted`` says how to go on.
    Raises ``UndoError``.
    """
    with workspace.opened() as store:
        if end_abandoned(store):
            raise UndoError(
                f"a turn is running in {workspace.path}",
                hint="Wait for its end, or end it; then try again.",
            )
        turns = _chosen(store.records(), wanted)
        judged = _judged(turns, wanted, store)
        if wanted.force:
            _refuse_lost(judged)
        report = _report(workspace, wanted, turns, judged)
        if not report.done:
            return report
        todo = [each for each in judged.values() if _is_done(each, wanted)]
        then = _then(store, turns, judged, wanted)
        stuck = _restored(todo, then, store, back=wanted.action == "undo")
        stay = [Gap(path, "is not empty") for path in stuck]
        kept_there = {gap.path for gap in stay}
        report = msgspec.structs.replace(
            report,
            lines=[line for line in report.lines if line.path not in kept_there],
            left=[*report.left, *stay],
        )
        for record in then:
            store.keep(record)
        _tell(workspace.state, report)
        store.restore(None)
        return report


def _restored(
    todo: list[Judged], then: list[Record], store: Store, *, back: bool
) -> list[bytes]:
    """Restore, and keep on disk how far that is, should the process be killed."""
    under_way = Restoring(
        changes=[
            Change(each.step.path, each.current, each.step.target) for each in todo
        ],
        then=then,
        modes=opened_up(todo),
        links=_links(then, before=not back),
    )

    def note(temps: list[bytes]) -> None:
        nonlocal under_way
        under_way = msgspec.structs.replace(under_way, temps=temps)
        store.restore(under_way)

    try:
        stuck = restore(todo, store.blobs, note, _links(then, before=back))
    except (UndoError, KeyboardInterrupt):
        left = any(os.path.lexists(temp) for temp in under_way.temps)
        # Of that only the files which could not be removed are still to be settled.
        ended = msgspec.structs.replace(under_way, changes=[], then=[], done=True)
        store.restore(ended if left else None)
        raise
    store.restore(msgspec.structs.replace(under_way, done=True))
    return stuck


def _links(turns: Sequence[Record], *, before: bool) -> Names:
    """Return the names of files that have several, of the last turn behind the others.

    They are gone through in this order, so that a later one counts.
    """
    each = (turn.links_before if before else turn.links_after for turn in turns)
    return [names for links in each for names in links]


def listed(workspace: Workspace) -> list[Record]:
    """Return the turns of a workspace, the newest first. Raises ``UndoError``."""
    with workspace.opened() as store:
        end_killed(store)
        return store.records()[::-1]


def contents(workspace: Workspace, report: Report) -> list[tuple[Line, bytes, bytes]]:
    """Return what the files of a report hold now, or held, and what they get."""
    with workspace.opened() as store:

        def content(entry: Entry) -> bytes:
            return store.blobs.get(entry) if isinstance(entry, File) else b""

        return [(e, content(e.before), content(e.after)) for e in report.lines]


# --- which turns ----------------------------------------------------------------------


def _chosen(records: Sequence[Record], wanted: Wanted) -> list[Record]:
    """Return the turns to go through, in order."""
    undoing = wanted.action == "undo"
    found = [r for r in records if r.changes and bool(r.undone) != undoing]
    # What was done last is undone first, and what was undone last redone first.
    found.sort(key=lambda r: -r.number if undoing else -r.undone)
    if wanted.thread_id:
        found = [each for each in found if each.thread_id == wanted.thread_id]
    if wanted.turn_id:
        found = [each for each in found if each.turn_id.startswith(wanted.turn_id)]
        if len(found) > 1:
            raise UndoError(f"several turns begin with {wanted.turn_id}")
    if not found:
        of = f": no such turn is called {wanted.turn_id}" if wanted.turn_id else ""
        raise UndoError(
            f"nothing to {wanted.action}{of}",
            hint="`codex-oss undo --list` shows the turns that are known here.",
        )
    return found[: wanted.count]


def _judged(
    turns: Sequence[Record], wanted: Wanted, store: Store
) -> dict[bytes, Judged]:
    back = wanted.action == "undo"
    planned = plan.steps((turn.changes for turn in turns), back=back)
    judged = {
        path: plan.judge(step, look(path, store.blobs))
        for path, step in planned.items()
    }
    for path, each in judged.items():
        if each.kind == "do" and plan.holds_others(each, _names(path), judged):
            why = "holds what no turn has made"
            judged[path] = Judged(each.step, each.current, "conflict", why)
        elif each.kind == "do" and not _has_folder(each, judged):
            why = "its folder is gone, or is a link now"
            judged[path] = Judged(each.step, each.current, "conflict", why)
    return judged if wanted.force else plan.spread(judged)


def _refuse_lost(judged: dict[bytes, Judged]) -> None:
    """Raise if something would be overwritten that no redo could bring back."""
    for path, each in sorted(judged.items()):
        if each.kind == "conflict" and isinstance(each.current, Unkept):
            raise UndoError(
                f"nothing was changed: {os.fsdecode(path)} would be lost, as "
                f"{unkept(each.current)}",
                hint="Move it away and try again, or leave it: --skip-conflicts.",
            )


def _has_folder(judged: Judged, known: dict[bytes, Judged]) -> bool:
    """Return whether what is to be put somewhere finds a folder there."""
    if isinstance(judged.step.target, Absent):
        return True
    above = judged.step.path.rpartition(b"/")[0]
    if above in known:
        return isinstance(known[above].step.target, Folder)
    return is_folder(above)


def _names(path: bytes) -> list[bytes]:
    try:
        return os.listdir(path)  # noqa: PTH208  bytes
    except OSError:
        return []


# --- what is done ---------------------------------------------------------------------


def _is_done(judged: Judged, wanted: Wanted) -> bool:
    return judged.kind == "do" or (wanted.force and judged.kind == "conflict")


def _report(
    workspace: Workspace,
    wanted: Wanted,
    turns: list[Record],
    judged: dict[bytes, Judged],
) -> Report:
    conflicts = _gaps(judged, "conflict")
    stopped = conflicts and not (wanted.force or wanted.skip_conflicts)
    lines = [
        Line(path, each.current, each.step.target)
        for path, each in sorted(judged.items())
        if _is_done(each, wanted)
    ]
    return Report(
        action=wanted.action,
        workspace=os.fsencode(workspace.path),
        turns=turns,
        lines=lines,
        conflicts=conflicts,
        left=[*_gaps(judged, "gap"), *(gap for turn in turns for gap in turn.gaps)],
        overwritten=wanted.force,
        done=not (stopped or wanted.dry_run),
    )


def _gaps(judged: dict[bytes, Judged], kind: plan.Kind) -> list[Gap]:
    return [
        Gap(path, each.why)
        for path, each in sorted(judged.items())
        if each.kind == kind
    ]


def _then(
    store: Store, turns: list[Record], judged: dict[bytes, Judged], wanted: Wanted
) -> list[Record]:
    """Return what is on record of turns that were taken back, or made again.

    What was overwritten is put in the place of what was expected, so that the way back
    leads there; what was left is no longer part of its turn.
    """
    back = wanted.action == "undo"
    undone = max((record.undone for record in store.records()), default=0)
    seen: set[bytes] = set()
    then: list[Record] = []
    for turn in turns:
        changes: list[Change] = []
        for change in turn.changes:
            each = judged[change.path]
            if each.kind == "conflict" and not wanted.force:
                continue
            if each.kind == "conflict" and change.path not in seen:
                part = "after" if back else "before"
                found = msgspec.structs.replace(change, **{part: each.current})
                changes.append(found)
            else:
                changes.append(change)
            seen.add(change.path)
        undone += 1
        then.append(
            msgspec.structs.replace(turn, changes=changes, undone=undone if back else 0)
        )
    return then


def _tell(state: Path, report: Report) -> None:
    """Leave word for the conversations whose changes these were."""
    for thread_id in dict.fromkeys(turn.thread_id for turn in report.turns):
        turns = [turn for turn in report.turns if turn.thread_id == thread_id]
        told.leave(
            state, thread_id, msgspec.structs.replace(report, turns=turns).remark()
        )
