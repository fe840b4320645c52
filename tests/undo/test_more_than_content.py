"""What a file is besides its content: its other names, attributes, access lists."""

import os
import struct
import sys
from pathlib import Path

import pytest

from codex_oss.errors import UndoError
from codex_oss.patch import attributes
from codex_oss.undo import links, placing, restore
from undoing import Ground

XATTR = "user.origin"
ACL, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
NAMES = ("a", "b", "sub/c")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    ground = Ground(tmp_path)
    (ground.work / "sub").mkdir()
    return ground


def numbers(ground: Ground) -> set[int]:
    """Return which files the names are of."""
    return {(ground.work / name).stat().st_ino for name in NAMES}


def linked(ground: Ground) -> None:
    first = ground.work / "a"
    first.write_text("before")
    for name in NAMES[1:]:
        (ground.work / name).hardlink_to(first)


# --- names ----------------------------------------------------------------------------


def test_a_file_that_was_written_through_one_name_keeps_all_of_them(
    ground: Ground,
) -> None:
    linked(ground)
    ground.turn(lambda: (ground.work / "b").write_text("after"))
    for act, text in ((ground.undo, "before"), (ground.redo, "after")):
        assert len(act().lines) == 3
        assert [(ground.work / name).read_text() for name in NAMES] == [text] * 3
        assert len(numbers(ground)) == 1
    assert set(os.listdir(ground.work)) == {"a", "b", "sub"}  # noqa: PTH208


def test_a_name_that_got_a_file_of_its_own_is_one_of_the_old_again(
    ground: Ground,
) -> None:
    linked(ground)

    def as_editors_do() -> None:
        (ground.work / "new").write_text("after")
        (ground.work / "new").rename(ground.work / "b")

    ground.turn(as_editors_do)
    assert len(numbers(ground)) == 2
    ground.undo()
    assert len(numbers(ground)) == 1
    ground.redo()
    assert len(numbers(ground)) == 2
    assert [(ground.work / n).read_text() for n in NAMES] == [
        "before",
        "after",
        "before",
    ]


def test_names_that_an_edit_has_parted_are_found_without_a_command(
    ground: Ground,
) -> None:
    linked(ground)
    git = ground.work / ".git"
    git.mkdir()
    (git / "kept").hardlink_to(ground.work / "a")

    def edited() -> None:
        (ground.work / "b").unlink()
        (ground.work / "b").write_text("after")

    ground.turn(edited, paths=[ground.work / "b"])
    edited_name = os.fsencode(ground.work / "b")
    assert [line.path for line in ground.undo().lines] == [edited_name]
    assert len(numbers(ground)) == 1
    ground.redo()
    assert len(numbers(ground)) == 2


def test_names_are_looked_for_as_far_as_that_is_worth_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(ground)
    (ground.work / "lone").write_text("before")
    work, roots = os.fsencode(ground.work), [os.fsencode(ground.work)]
    names = [work + b"/a", work + b"/b", work + b"/sub/c"]
    others = [work + b"/lone", work + b"/sub", work + b"/none"]
    assert links.names_of([names[2], *others], roots, []) == [names]
    assert links.names_of([names[0]], roots, [work + b"/sub"]) == [names[:2]]
    assert links.names_of([names[0]], [work + b"/none"], []) == []
    assert links.names_of(names[:2], [work + b"/none"], []) == [names[:2]]
    assert links.names_of(others, roots, []) == []
    monkeypatch.setattr(links, "ENTRIES", 1)
    ((*found,),) = links.names_of(names[:2], roots, [])
    assert names[2] not in found


def test_a_name_that_was_given_or_taken_comes_and_goes(ground: Ground) -> None:
    linked(ground)

    def command() -> None:
        (ground.work / "sub/c").unlink()
        (ground.work / "d").hardlink_to(ground.work / "a")

    ground.turn(command)
    ground.undo()
    assert len(numbers(ground)) == 1
    assert not (ground.work / "d").exists()
    ground.redo()
    assert (ground.work / "d").samefile(ground.work / "a")


def test_files_that_were_apart_stay_apart_whatever_they_hold(ground: Ground) -> None:
    for name in NAMES:
        (ground.work / name).write_text("same")

    def command() -> None:
        for name in NAMES[1:]:
            (ground.work / name).unlink()
            (ground.work / name).hardlink_to(ground.work / "a")
        (ground.work / "a").write_text("after")

    ground.turn(command)
    ground.undo()
    assert len(numbers(ground)) == 3
    ground.redo()
    assert len(numbers(ground)) == 1


def test_a_name_that_somebody_changed_since_is_no_longer_one_of_them(
    ground: Ground,
) -> None:
    linked(ground)
    ground.turn(lambda: (ground.work / "b").write_text("after"))
    (ground.work / "a").unlink()
    (ground.work / "a").write_text("mine")
    ground.undo(skip_conflicts=True)
    assert [(ground.work / n).read_text() for n in NAMES] == ["mine", *["before"] * 2]
    assert (ground.work / "b").samefile(ground.work / "sub/c")
    assert not (ground.work / "a").samefile(ground.work / "b")


def test_where_no_second_name_can_be_given_the_content_comes_alone(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(ground)
    ground.turn(lambda: (ground.work / "b").write_text("after"))

    def refused(old: Path, new: Path) -> None:
        raise OSError(31, "Too many links", str(new))

    monkeypatch.setattr(restore, "link", refused)
    ground.undo()
    assert [(ground.work / name).read_text() for name in NAMES] == ["before"] * 3
    assert set(os.listdir(ground.work)) == {"a", "b", "sub"}  # noqa: PTH208


def test_an_undo_that_fails_halfway_leaves_all_contents_as_they_were(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(ground)
    ground.turn(lambda: (ground.work / "b").write_text("after"))
    rename = placing.rename

    def failing(old: Path, new: Path) -> None:
        if new.name == "c":
            raise OSError(28, "No space left on device", str(new))
        rename(old, new)

    with monkeypatch.context() as patched:
        patched.setattr(restore, "rename", failing)
        with pytest.raises(UndoError, match="No space left"):
            ground.undo()
    assert [(ground.work / name).read_text() for name in NAMES] == ["after"] * 3
    assert set(os.listdir(ground.work)) == {"a", "b", "sub"}  # noqa: PTH208
    assert ground.undo().done


# --- attributes -----------------------------------------------------------------------


@pytest.fixture
def marked(ground: Ground) -> Path:
    """Return a file with an attribute, if this file system has such."""
    path = ground.work / "marked"
    path.write_text("before")
    if sys.platform != "linux":
        pytest.skip("extended attributes are Linux's here")
    try:
        os.setxattr(path, XATTR, b"\0web")
    except OSError as error:
        pytest.skip(f"the file system has no extended attributes: {error}")
    return path


def access_list(user: int, rights: int) -> bytes:
    """Return an access control list that names a user, as Linux keeps it.

    Source: acl(5), and ``posix_acl_xattr.h`` of Linux: tag, rights, id.
    """
    nobody = 0xFFFFFFFF
    entries = [
        (0x01, 6, nobody),
        (0x02, rights, user),
        (0x04, 4, nobody),
        (0x10, rights | 4, nobody),
        (0x20, 0, nobody),
    ]
    packed = (struct.pack("<HHI", *entry) for entry in entries)
    return struct.pack("<I", 2) + b"".join(packed)


def test_attributes_of_a_file_that_was_replaced_or_deleted_come_back(
    ground: Ground, marked: Path
) -> None:
    other = ground.work / "other"
    other.write_text("other")
    os.setxattr(other, XATTR, b"other")

    def command() -> None:
        marked.unlink()
        marked.write_text("after")
        other.unlink()

    ground.turn(command)
    ground.undo()
    assert (os.getxattr(marked, XATTR), marked.read_text()) == (b"\0web", "before")
    assert os.getxattr(other, XATTR) == b"other"
    ground.redo()
    assert (os.listxattr(marked), marked.read_text()) == ([], "after")


def test_an_attribute_alone_is_a_change_that_is_taken_back(
    ground: Ground, marked: Path
) -> None:
    ground.turn(lambda: os.setxattr(marked, XATTR, b"after"))
    assert [line.path for line in ground.undo().lines] == [os.fsencode(marked)]
    assert os.getxattr(marked, XATTR) == b"\0web"
    ground.redo()
    assert os.getxattr(marked, XATTR) == b"after"


def test_an_attribute_that_somebody_set_since_is_not_lost_without_a_word(
    ground: Ground, marked: Path
) -> None:
    ground.turn(lambda: marked.write_text("after"), paths=[marked])
    os.setxattr(marked, "user.mine", b"mine")
    report = ground.undo()
    assert (report.done, len(report.conflicts)) == (False, 1)
    ground.undo(force=True)
    assert os.listxattr(marked) == [XATTR]
    ground.redo()
    assert set(os.listxattr(marked)) == {XATTR, "user.mine"}


def test_access_lists_of_files_and_folders_come_back(
    ground: Ground, marked: Path
) -> None:
    folder, inside = ground.work / "shared", ground.work / "shared/file"
    folder.mkdir()
    inside.write_text("inside")
    try:
        os.setxattr(inside, ACL, access_list(1234, 6))
        os.setxattr(folder, DEFAULT, access_list(4321, 7))
    except OSError as error:
        pytest.skip(f"the file system has no access control lists: {error}")
    kept = os.getxattr(inside, ACL), inside.stat().st_mode
    (folder / "heir").write_text("with what it inherits")
    heir = os.getxattr(folder / "heir", ACL)
    plain = folder / "plain"
    plain.write_text("without")
    os.removexattr(plain, ACL)

    def command() -> None:
        for path in (inside, folder / "heir", plain):
            path.unlink()
        folder.rmdir()

    ground.turn(command)
    ground.undo()
    assert (os.getxattr(inside, ACL), inside.stat().st_mode) == kept
    assert os.getxattr(folder, DEFAULT) == access_list(4321, 7)
    assert os.getxattr(folder / "heir", ACL) == heir
    assert os.listxattr(plain) == []
    ground.redo()
    assert not folder.exists()


def test_files_that_did_not_change_are_not_asked_for_attributes_again(
    ground: Ground, marked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, number = marked.stat().st_mtime_ns - 10**12, marked.stat().st_ino
    os.utime(marked, ns=(old, old))
    monkeypatch.setattr("codex_oss.undo.scan.TICK_NS", -(10**18))  # all are trusted
    ground.turn(lambda: None)
    asked: list[int] = []
    read = attributes.read

    def noted(where: int | str) -> bytes:
        asked.append(os.stat(where).st_ino)  # noqa: PTH116  a descriptor
        return read(where)

    monkeypatch.setattr(attributes, "read", noted)
    ground.turn(lambda: (ground.work / "new").write_text("new"))
    assert asked
    assert number not in asked
    ground.turn(marked.unlink)
    ground.undo()
    assert os.getxattr(marked, XATTR) == b"\0web"


def test_a_file_system_without_attributes_gets_the_content(
    ground: Ground, marked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.turn(marked.unlink)

    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    with monkeypatch.context() as patched:
        patched.setattr(os, "setxattr", refused)
        ground.undo()
    assert (marked.read_text(), os.listxattr(marked)) == ("before", [])


def test_a_list_that_a_file_does_not_take_gives_its_group_no_more(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ground.work / "a"
    path.write_text("before")
    try:
        os.setxattr(path, ACL, access_list(1234, 6))
    except OSError as error:
        pytest.skip(f"the file system has no access control lists: {error}")
    assert path.stat().st_mode & 0o777 == 0o660  # the group itself may only read
    ground.turn(path.unlink)

    def refused(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    with monkeypatch.context() as patched:
        patched.setattr(os, "setxattr", refused)
        ground.undo()
    assert path.stat().st_mode & 0o777 == 0o640
