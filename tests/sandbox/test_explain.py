"""What a command may do, read from what starts it and said in words."""

import pytest
from msgspec.structs import replace

from codex_oss.policy import Permissions
from codex_oss.sandbox.explain import Picture, Write, explain, words
from codex_oss.sandbox.mounts import Layout
from codex_oss.sandbox.prepared import Guarantee
from codex_oss.sandbox.run import Settings

FULL = Guarantee(isolation="full", backend="bubblewrap 0.8.0")
LANDLOCK = Guarantee(isolation="reduced", backend="Landlock ABI 7", why="weak.")
SEATBELT = Guarantee(isolation="full", backend="Seatbelt")
NOTHING = Guarantee(isolation="none", why="No bwrap. Install it.")
DEFAULTS = Settings()
WORK = Permissions(
    mode="workspace-write",
    writable_roots=("/w", "/w/inner/deep"),
    scratch=("/tmp",),
    deny_read=("/home/me/.ssh",),
)
LAYOUT = Layout(
    mounts=(
        ("/tmp", "write"),
        ("/w", "write"),
        ("/w/.git", "keep"),
        ("/w/inner", "write"),
        ("/w/inner/deep", "write"),
        ("/w/inner/deep/.git", "keep"),
    ),
    hidden_folders=("/home/me/.ssh",),
    hidden_files=("/home/me/.netrc",),
)


def picture(
    guarantee: Guarantee = FULL,
    permissions: Permissions = WORK,
    settings: Settings = DEFAULTS,
) -> Picture:
    layout = LAYOUT if guarantee is FULL else None
    return explain(permissions, guarantee, settings, layout=layout)


def test_what_only_holds_a_place_is_no_folder_of_its_own() -> None:
    assert picture() == Picture(
        mode="workspace-write",
        backend="bubblewrap 0.8.0",
        isolation="full",
        lacks="",
        filter="loopback",
        ptrace=False,
        runs=True,
        hidden=("/home/me/.ssh", "/home/me/.netrc"),
        writes=(
            Write(path="/tmp", kind="temporary"),
            Write(path="/w", kind="workspace", protected=("/w/.git",)),
            Write(
                path="/w/inner/deep",
                kind="workspace",
                protected=("/w/inner/deep/.git",),
            ),
        ),
        network=False,
    )


def test_a_disk_that_is_writable_as_a_whole_is_one_folder() -> None:
    whole = Layout(disk="write", mounts=(("/w", "write"), ("/w/.git", "keep")))
    told = explain(replace(WORK, writable_roots=("/",)), FULL, DEFAULTS, layout=whole)
    assert told.writes == (Write(path="/", kind="workspace", protected=("/w/.git",)),)


@pytest.mark.parametrize(
    ("guarantee", "permissions", "settings", "expected"),
    [
        (FULL, WORK, Settings(filter="strict"), ("strict", False)),
        (FULL, WORK, Settings(ptrace=True), ("loopback", True)),
        (FULL, replace(WORK, network=True), Settings(filter="strict"), ("open", False)),
        (LANDLOCK, WORK, Settings(ptrace=True), ("strict", False)),
        (LANDLOCK, replace(WORK, network=True), Settings(), ("open", False)),
        (SEATBELT, WORK, Settings(), ("none", False)),
        (NOTHING, WORK, Settings(), ("none", False)),
    ],
)
def test_the_filter_is_the_one_that_the_backend_loads(
    guarantee: Guarantee,
    permissions: Permissions,
    settings: Settings,
    expected: tuple[str, bool],
) -> None:
    told = picture(guarantee, permissions, settings)
    assert (told.filter, told.ptrace) == expected


def test_settings_are_protected_by_seatbelt_and_not_by_landlock() -> None:
    def protected(guarantee: Guarantee) -> dict[str, int]:
        return {w.path: len(w.protected) for w in picture(guarantee).writes}

    assert protected(SEATBELT) == {"/w": 3, "/w/inner/deep": 3, "/tmp": 0}
    assert protected(LANDLOCK) == {"/w": 0, "/w/inner/deep": 0, "/tmp": 0}


def test_reduced_isolation_says_what_it_does_not_promise() -> None:
    assert words(picture(LANDLOCK)).splitlines()[:3] == [
        "mode          workspace-write",
        "isolated by   Landlock ABI 7 (reduced)",
        "not promised  weak.",
    ]


def test_where_nothing_isolates_nothing_is_said_to_be_allowed() -> None:
    assert words(picture(NOTHING)) == (
        "mode          workspace-write\n"
        "isolated by   nothing works here, so commands are not run\n"
        "why           No bwrap. Install it.\n"
        "environment   all of yours\n"
    )


def test_a_picture_in_words() -> None:
    told = explain(
        WORK,
        FULL,
        Settings(filter="strict", ptrace=True),
        layout=LAYOUT,
        remarks=["writable root /x is left out: there is no such directory"],
    )
    told = replace(told, mode_from="default", without=("A", "B"))
    assert words(told) == (
        "mode          workspace-write (default)\n"
        "isolated by   bubblewrap 0.8.0 (full)\n"
        "system calls  strict: only pipes and socket pairs to its own processes; no\n"
        "              servers, not even local ones. Debuggers work.\n"
        "may read      all that you may, but for\n"
        "                /home/me/.ssh\n"
        "                /home/me/.netrc\n"
        "may write     /tmp (temporary files)\n"
        "              /w\n"
        "                but not /w/.git\n"
        "              /w/inner/deep\n"
        "                but not /w/inner/deep/.git\n"
        "may reach     no network\n"
        "environment   yours without A, B\n"
        "note          writable root /x is left out: there is no such directory\n"
    )
