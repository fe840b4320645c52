"""Hunks to changes, and changes to disk: all of them or none."""

import errno
import os
import struct
import sys
from pathlib import Path

import pytest

from codex_oss.errors import PatchError
from codex_oss.patch import apply
from codex_oss.patch.apply import Change, plan, summary
from codex_oss.patch.parse import parse
from codex_oss.patch.write import write
from patch.scenario_folders import tree


def changes(directory: Path, *lines: str) -> list[Change]:
    return plan(
        parse("\n".join(["*** Begin Patch", *lines, "*** End Patch"])), directory
    )


def put(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / name).write_text(text)


def fails(planned: list[Change]) -> str:
    with pytest.raises(PatchError) as caught:
        write(planned)
    return str(caught.value)


# --- plan -----------------------------------------------------------------------------


def test_a_plan_has_one_change_per_file_with_both_contents(tmp_path: Path) -> None:
    put(tmp_path, a="a\n", b="b\n", c="c\n")

    planned = changes(
        tmp_path,
        "*** Add File: d/new",
        "+x",
        "*** Delete File: c",
        "*** Update File: b",
        "*** Move to: e",
        "-b",
        "+B",
        "*** Update File: a",
        "-a",
        "+A",
    )

    def at(name: str) -> Path:
        return tmp_path / name

    assert planned == [
        Change(
            path=at("d/new"),
            kind="add",
            before=None,
            after=b"x\n",
            name="d/new",
            target=at("d/new"),
        ),
        Change(
            path=at("c"),
            kind="delete",
            before=b"c\n",
            after=None,
            name="c",
            removed=at("c"),
        ),
        Change(
            path=at("b"),
            kind="move",
            before=b"b\n",
            after=b"B\n",
            name="e",
            move_to=at("e"),
            target=at("e"),
            removed=at("b"),
        ),
        Change(
            path=at("a"),
            kind="update",
            before=b"a\n",
            after=b"A\n",
            name="a",
            target=at("a"),
        ),
    ]
    assert summary(planned) == (
        "Success. Updated the following files:\nA d/new\nM e\nM a\nD c\n"
    )
    assert tree(tmp_path) == {"a": b"a\n", "b": b"b\n", "c": b"c\n"}


def test_a_plan_reads_by_the_reader_it_is_given(tmp_path: Path) -> None:
    patch = parse("*** Update File: a\n-x\n+y")

    planned = plan(patch, tmp_path, read=lambda path: f"{path.name}\nx\n".encode())

    assert [change.after for change in planned] == [b"a\ny\n"]


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    put(tmp_path, a="1\n2\n")
    (tmp_path / "link").symlink_to("a")

    write(
        changes(
            tmp_path,
            *("*** Update File: a", "-1", "+A", "*** Update File: link", "-2", "+B"),
        )
    )

    assert (tmp_path / "a").read_text() == "A\nB\n"


def test_files_that_only_change_places_are_updates(tmp_path: Path) -> None:
    put(tmp_path, a="a\n", b="b\n")

    planned = changes(
        tmp_path,
        *("*** Update File: a", "*** Move to: t"),
        *("*** Update File: b", "*** Move to: a"),
        *("*** Update File: t", "*** Move to: b"),
    )
    write(planned)

    assert [(change.kind, change.name) for change in planned] == [
        ("update", "a"),
        ("update", "b"),
    ]
    assert tree(tmp_path) == {"a": b"b\n", "b": b"a\n"}


def test_a_file_over_the_limit_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "MAX_FILE_BYTES", 1 << 20)
    put(tmp_path, a="x" * ((1 << 20) + 1))

    with pytest.raises(PatchError, match=r"a: the file is larger than 1 MiB$"):
        changes(tmp_path, "*** Update File: a", "-x", "+y")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_name_that_no_file_can_have_is_a_patch_error(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(PatchError, match=r"^Failed to write file "):
        changes(tmp_path, f"*** Add File: {name}", "+x")


# --- write ----------------------------------------------------------------------------


def test_an_updated_file_keeps_its_mode_and_its_symlink(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    put(tmp_path / "sub", tool="x\n")
    (tmp_path / "sub" / "tool").chmod(0o750)
    (tmp_path / "link").symlink_to("sub/tool")

    write(changes(tmp_path, "*** Update File: link", "-x", "+y"))

    assert (tmp_path / "link").readlink() == Path("sub/tool")
    assert (tmp_path / "sub" / "tool").read_text() == "y\n"
    assert (tmp_path / "sub" / "tool").stat().st_mode & 0o777 == 0o750


def test_a_moved_file_keeps_its_mode(tmp_path: Path) -> None:
    put(tmp_path, a="x\n", b="old\n")
    (tmp_path / "a").chmod(0o700)

    write(changes(tmp_path, "*** Update File: a", "*** Move to: b", "-x", "+y"))

    assert tree(tmp_path) == {"b": b"y\n"}
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has these attributes")
def test_an_updated_and_a_moved_file_keep_their_attributes(tmp_path: Path) -> None:
    put(tmp_path, a="x\n", b="x\n")
    try:
        for name in "ab":
            os.setxattr(tmp_path / name, "user.origin", name.encode())
    except OSError as error:
        pytest.skip(f"the file system has no extended attributes: {error}")

    write(changes(tmp_path, "*** Update File: a", "-x", "+y"))
    write(changes(tmp_path, "*** Update File: b", "*** Move to: c", "-x", "+y"))

    assert tree(tmp_path) == {"a": b"y\n", "c": b"y\n"}
    assert os.getxattr(tmp_path / "a", "user.origin") == b"a"
    assert os.getxattr(tmp_path / "c", "user.origin") == b"b"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has these lists")
def test_an_access_list_that_is_refused_gives_the_group_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, a="x\n")
    # Owner rw, user 1234 rw, the group r; at most rw; others nothing.
    entries = ((1, 6, -1), (2, 6, 1234), (4, 4, -1), (16, 6, -1), (32, 0, -1))
    packed = b"".join(struct.pack("<HHi", *each) for each in entries)
    try:
        os.setxattr(
            tmp_path / "a", "system.posix_acl_access", struct.pack("<I", 2) + packed
        )
    except OSError as error:
        pytest.skip(f"the file system has no access control lists: {error}")

    def refused(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refused)
    write(changes(tmp_path, "*** Update File: a", "-x", "+y"))

    assert tree(tmp_path) == {"a": b"y\n"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_new_file_gets_the_mode_of_the_umask(tmp_path: Path) -> None:
    put(tmp_path, reference="")

    write(changes(tmp_path, "*** Add File: a", "+x"))

    assert (tmp_path / "a").stat().st_mode == (tmp_path / "reference").stat().st_mode


def test_deleting_a_symlink_leaves_what_it_points_to(tmp_path: Path) -> None:
    put(tmp_path, a="x\n")
    (tmp_path / "link").symlink_to("a")

    write(changes(tmp_path, "*** Delete File: link"))

    assert tree(tmp_path) == {"a": b"x\n"}


def test_the_paths_of_a_change_are_the_real_ones(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    (project / "folder").symlink_to(outside)
    put(outside, a="x\n", b="x\n")

    planned = changes(
        project, *("*** Update File: folder/a", "-x", "+y", "*** Delete File: folder/b")
    )

    assert [(change.target, change.removed) for change in planned] == [
        (outside / "a", None),
        (None, outside / "b"),
    ]


def test_a_failed_rename_brings_everything_back(tmp_path: Path) -> None:
    put(tmp_path, a="a\n", b="b\n", gone="g\n", z="z\n")
    (tmp_path / "a").chmod(0o600)
    inode = (tmp_path / "a").stat().st_ino
    planned = changes(
        tmp_path,
        *("*** Update File: a", "-a", "+A"),
        *("*** Add File: new/deep/file", "+x"),
        *("*** Delete File: gone",),
        *("*** Update File: b", "*** Move to: moved/b", "-b", "+B"),
        *("*** Update File: z", "-z", "+Z"),
    )
    (tmp_path / "z").unlink()
    (tmp_path / "z").mkdir()

    message = fails(planned)

    assert message == f"Failed to write file {tmp_path}/z: Is a directory"
    assert tree(tmp_path) == {"a": b"a\n", "b": b"b\n", "gone": b"g\n"}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "gone", "z"}
    assert (tmp_path / "a").stat().st_ino == inode
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_file_that_vanished_meanwhile_fails_the_whole_patch(tmp_path: Path) -> None:
    put(tmp_path, a="a\n", gone="g\n")
    planned = changes(
        tmp_path, "*** Update File: a", "-a", "+A", "*** Delete File: gone"
    )
    (tmp_path / "gone").unlink()

    message = fails(planned)

    assert message == (
        f"Failed to write file {tmp_path}/gone: it has changed since the patch was "
        "read. Read it again."
    )
    assert tree(tmp_path) == {"a": b"a\n"}


def test_a_directory_that_takes_no_files_fails_before_anything_is_renamed(
    tmp_path: Path,
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write into read-only directories")
    put(tmp_path, a="a\n")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    message = fails(
        changes(
            tmp_path,
            *("*** Update File: a", "-a", "+A", "*** Add File: locked/x", "+x"),
        )
    )

    assert message == f"Failed to write file {locked}/x: Permission denied"
    assert tree(tmp_path) == {"a": b"a\n"}


def test_a_read_only_file_stays_as_it_is(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write read-only files")
    put(tmp_path, a="a\n")
    (tmp_path / "a").chmod(0o400)

    message = fails(changes(tmp_path, "*** Update File: a", "-a", "+A"))

    assert message == f"Failed to write file {tmp_path}/a: Permission denied"
    assert tree(tmp_path) == {"a": b"a\n"}


def test_where_files_cannot_have_two_names_the_old_one_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    put(tmp_path, a="a\n", z="z\n")
    patch = ["*** Update File: a", "-a", "+A", "*** Update File: z", "-z", "+Z"]
    planned = changes(tmp_path, *patch)
    write(planned)
    assert tree(tmp_path) == {"a": b"A\n", "z": b"Z\n"}

    put(tmp_path, a="a\n", z="z\n")
    planned = changes(tmp_path, *patch)
    (tmp_path / "z").unlink()
    (tmp_path / "z").mkdir()

    assert fails(planned) == f"Failed to write file {tmp_path}/z: Is a directory"
    assert tree(tmp_path) == {"a": b"a\n"}


def test_what_cannot_be_undone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, a="a\n", z="z\n")
    planned = changes(
        tmp_path, *("*** Update File: a", "-a", "+A", "*** Update File: z", "-z", "+Z")
    )
    rename, renamed = os.rename, list[str]()

    def once(source: str, target: str, **folders: int) -> None:
        renamed.append(target)
        if renamed != ["a"]:
            raise OSError(5, "Input/output error")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", once)

    assert fails(planned) == (
        f"Failed to write file {tmp_path}/z: Input/output error. "
        f"Could not be undone: {tmp_path}/z, {tmp_path}/a"
    )
    kept = [text for text in tree(tmp_path).values() if text == b"a\n"]
    assert kept == [b"a\n"]


# --- what happens between reading and writing -----------------------------------------


def test_a_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, a="a\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "elsewhere").mkdir()
    planned = changes(
        tmp_path, *("*** Update File: a", "-a", "+A", "*** Add File: sub/x", "+x")
    )
    (tmp_path / "sub").rename(tmp_path / "old")
    (tmp_path / "sub").symlink_to("elsewhere")

    assert fails(planned) == (
        f"Failed to write file {tmp_path}/sub/x: {tmp_path}/sub has become a link"
    )
    assert tree(tmp_path) == {"a": b"a\n"}


@pytest.mark.parametrize("now", ["b\n", None])
def test_a_file_that_changed_meanwhile_is_left_alone(
    tmp_path: Path, now: str | None
) -> None:
    put(tmp_path, a="a\n")
    planned = changes(tmp_path, "*** Update File: a", "-a", "+A")
    (tmp_path / "a").unlink()
    if now is not None:
        put(tmp_path, a=now)

    assert fails(planned) == (
        f"Failed to write file {tmp_path}/a: it has changed since the patch was read. "
        "Read it again."
    )
    assert tree(tmp_path) == ({} if now is None else {"a": now.encode()})


def test_a_file_that_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    planned = changes(tmp_path, "*** Add File: new", "+x")
    put(tmp_path, new="mine\n")

    assert fails(planned).endswith(
        "it has changed since the patch was read. Read it again."
    )
    assert tree(tmp_path) == {"new": b"mine\n"}


def test_a_file_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, a="a\n", other="a\n")
    planned = changes(tmp_path, "*** Update File: a", "-a", "+A")
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("other")

    assert fails(planned).endswith(
        "it has changed since the patch was read. Read it again."
    )
    assert (tmp_path / "other").read_text() == "a\n"
