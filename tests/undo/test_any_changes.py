"""Whatever turns do to a tree, undo leads back and redo forth, and nobody loses."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from undoing import Ground, Shape, clear

NAMES = ("a", "b", "A")
PATHS = [*NAMES, *(f"{x}/{y}" for x in NAMES for y in NAMES), "a/b/a", "b/a/b"]
Act = tuple[str, str, str, int]

acts = st.tuples(
    st.sampled_from(["write", "append", "delete", "mkdir", "link", "mode", "move"]),
    st.sampled_from(PATHS),
    st.sampled_from(PATHS),
    st.integers(0, 255),
)
turns = st.lists(st.lists(acts, max_size=6), min_size=1, max_size=3)


def do(work: Path, act: Act) -> None:
    """Change something, if that is possible."""
    kind, name, other, number = act
    path = work / name
    with suppress(OSError):
        match kind:
            case "write":
                path.write_bytes(bytes([number]) * number + b"\r\n")
            case "append":
                with path.open("ab") as file:
                    file.write(b"more\n")
            case "delete":
                clear(path)
            case "mkdir":
                path.mkdir()
            case "link":
                path.symlink_to(other)
            case "mode" if not path.is_symlink():
                path.chmod(0o500 | number)  # a folder may be one that nobody writes to
            case _:
                path.rename(work / other)


def do_all(work: Path, all_acts: list[Act]) -> None:
    for act in all_acts:
        do(work, act)


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, max_size=8), turns)
def test_undo_leads_back_and_redo_forth(
    first: list[Act], work: list[list[Act]]
) -> None:
    with tempfile.TemporaryDirectory() as base:
        ground = Ground(Path(base))
        do_all(ground.work, first)
        shapes = [ground.shape()]
        for each in work:
            assert ground.turn(lambda each=each: do_all(ground.work, each)) is None
            if ground.shape() != shapes[-1]:
                shapes.append(ground.shape())
        for shape in shapes[-2::-1]:
            assert ground.undo().done
            assert ground.shape() == shape
        for shape in shapes[1:]:
            assert ground.redo().done
            assert ground.shape() == shape
        if len(shapes) > 1:
            assert ground.undo(count=9).done
            assert ground.shape() == shapes[0]
            assert ground.redo(count=9).done
            assert ground.shape() == shapes[-1]


def differing(one: Shape, other: Shape) -> set[str]:
    return {
        path for path in one.keys() | other.keys() if one.get(path) != other.get(path)
    }


@settings(max_examples=60, deadline=None)
@given(
    st.lists(acts, max_size=6),
    st.lists(acts, min_size=1, max_size=6),
    st.lists(acts, min_size=1, max_size=3),
    st.booleans(),
)
def test_what_somebody_else_changed_stays_as_it_is(
    first: list[Act],
    turn: list[Act],
    mine: list[Act],
    skip: bool,  # noqa: FBT001
) -> None:
    with tempfile.TemporaryDirectory() as base:
        ground = Ground(Path(base))
        do_all(ground.work, first)
        before = ground.shape()
        ground.turn(lambda: do_all(ground.work, turn))
        after = ground.shape()
        if before == after:
            return
        do_all(ground.work, mine)
        with_mine = ground.shape()
        report = ground.undo(skip_conflicts=skip)
        now = ground.shape()
        if not report.done:
            assert report.conflicts
            assert now == with_mine
            return
        for path in differing(after, with_mine):
            # Undone by both, or as the person left it.
            assert now.get(path) in (with_mine.get(path), before.get(path))
            if now.get(path) != with_mine.get(path):
                assert with_mine.get(path, ("folder",))[0] == "folder"
