"""What taking turns back means for each path; pure.

Undo goes from the newest turn to the oldest, redo the other way. Each path must be as
the turns have left it: otherwise somebody else has changed it, and that is a conflict.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from codex_oss.undo.compare import unkept
from codex_oss.undo.entries import ABSENT, Absent, Change, Entry, Folder, Unkept

Kind = Literal["do", "done", "conflict", "gap"]
"""To be done; as it should be already; somebody else changed it; cannot be had back."""


class Step(msgspec.Struct, frozen=True):
    """What is to become of one path: what the turns left there, and what it was.

    ``between`` tells that it changed between two of the turns, by somebody else.
    """

    path: bytes
    expect: Entry
    target: Entry
    between: bool = False


class Judged(msgspec.Struct, frozen=True):
    """A step, what is there now, and what that means; ``why`` in words."""

    step: Step
    current: Entry
    kind: Kind
    why: str = ""


def steps(turns: Iterable[Iterable[Change]], *, back: bool) -> dict[bytes, Step]:
    """Return what is to be done by path.

    ``turns`` are the changes of each in the order in which they are gone through; with
    ``back`` they are taken back, else made again.
    """
    planned: dict[bytes, Step] = {}
    for changes in turns:
        for change in changes:
            start, goal = change.before, change.after
            if back:
                start, goal = goal, start
            known = planned.get(change.path)
            if known is None:
                planned[change.path] = Step(change.path, start, goal)
            else:
                between = known.between or known.target != start
                planned[change.path] = Step(change.path, known.expect, goal, between)
    return planned


def judge(step: Step, current: Entry) -> Judged:
    """Return what is to be done, by what is there now."""
    if current == step.target:
        return Judged(step, current, "done")
    if isinstance(step.target, Unkept):
        return Judged(step, current, "gap", unkept(step.target))
    if isinstance(current, Folder) and isinstance(step.target, Folder):
        if isinstance(step.expect, Absent):
            return Judged(step, current, "done")  # somebody has made it already
    elif isinstance(current, Folder) and isinstance(step.expect, Folder):
        return Judged(step, current, "do")  # going away, its mode does not matter
    if current != step.expect:
        return Judged(step, current, "conflict", _differs(step.expect, current))
    if step.between:
        return Judged(step, current, "conflict", "was changed between these turns")
    if isinstance(current, Unkept):
        why = f"{unkept(current)}, so this could not be taken back"
        return Judged(step, current, "conflict", why)
    return Judged(step, current, "do")


def spread(judged: Mapping[bytes, Judged]) -> dict[bytes, Judged]:
    """Return steps with those that cannot be done without a conflicting one.

    Nothing can be put into what does not become a folder, and no folder makes room for
    something else while something in it stays.
    """
    found = dict(judged)
    stuck = {p for p, each in judged.items() if each.kind in ("conflict", "gap")}
    for path in sorted(judged):
        each = found[path]
        above = next((a for a in _above(path) if a in stuck), None)
        creates = each.kind == "do" and not isinstance(each.step.target, Absent)
        if (
            above is not None
            and creates
            and not isinstance(found[above].current, Folder)
        ):
            found[path] = _stuck(each, "its folder is in conflict")
            stuck.add(path)
    for path in sorted(stuck):
        for above in _above(path):
            each = found.get(above)
            if each is None or each.kind != "do":
                continue
            if not isinstance(each.step.target, Absent | Folder):
                found[above] = _stuck(each, "something in it is in conflict")
    return found


def holds_others(
    judged: Judged, names: Iterable[bytes], known: Mapping[bytes, Judged]
) -> bool:
    """Return whether a folder that must make room holds what no turn has made."""
    path = judged.step.path
    if not isinstance(judged.current, Folder):
        return False
    if isinstance(judged.step.target, Absent | Folder):
        return False  # it stays, if it is not empty
    inside = (known.get(path + b"/" + name) for name in names)
    return any(
        each is None or not isinstance(each.step.target, Absent) for each in inside
    )


def _stuck(each: Judged, why: str) -> Judged:
    return Judged(each.step, each.current, "conflict", why)


def _above(path: bytes) -> Iterable[bytes]:
    while above := path.rpartition(b"/")[0]:
        yield above
        path = above


def _differs(expect: Entry, current: Entry) -> str:
    if current == ABSENT:
        return "was deleted since"
    if expect == ABSENT:
        return "was made since"
    return "was changed since"
