"""The profile for macOS, read by a model of Seatbelt: it runs on every system."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import seatbelt
from seatbelt_model import Seatbelt, read


def confine(permissions: Permissions, user_cache: str | None = None) -> Seatbelt:
    return Seatbelt(seatbelt.argv(permissions, user_cache=user_cache))


def workspace(*roots: Path, scratch: tuple[Path, ...] = (), deny: str = "") -> Seatbelt:
    for root in roots:
        root.mkdir(parents=True, exist_ok=True)
    return confine(
        Permissions(
            mode="workspace-write",
            writable_roots=tuple(map(str, roots)),
            scratch=tuple(map(str, scratch)),
            deny_read=(deny,) if deny else (),
        )
    )


def test_the_program_is_the_systems_own() -> None:
    assert seatbelt.SANDBOX_EXEC == "/usr/bin/sandbox-exec"


def test_read_only_reads_everything_and_writes_nothing() -> None:
    mac = confine(Permissions(writable_roots=("/", "/tmp"), scratch=("/tmp",)))
    assert mac.parameters == {}
    assert mac.allows("file-read-data", "/etc/hosts")
    assert mac.allows("process-exec", "/bin/ls")
    assert mac.allows("file-write-data", "/dev/null")
    for operation in ("file-write-create", "file-write-data", "file-write-unlink"):
        assert not mac.allows(operation, "/tmp/file")
    for operation in ("file-write-mode", "file-write-xattr", "file-write-times"):
        assert not mac.allows(operation, "/etc/hosts")


def test_roots_and_scratch_are_written_to_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    mac = workspace(tmp_path / "ws", scratch=(tmp_path / "scratch",))
    for inside in ("ws/new", "ws/a/b", "scratch/x", "scratch/.git/hooks/x"):
        assert mac.allows("file-write-create", f"{tmp_path}/{inside}")
    for outside in ("other", "wsx", "ws2/new", "scratch2"):
        assert not mac.allows("file-write-create", f"{tmp_path}/{outside}")


@pytest.mark.parametrize("name", [".git", ".codex", ".agents"])
@pytest.mark.parametrize("there", [False, True], ids=["missing", "there"])
def test_protected_names_cannot_be_made_changed_or_moved(
    name: str, *, there: bool, tmp_path: Path
) -> None:
    root = tmp_path / "ws"
    if there:
        (root / name).mkdir(parents=True)
    mac = workspace(root)
    for path in (f"{root}/{name}", f"{root}/{name}/hooks/x"):
        for operation in ("create", "data", "unlink", "mode", "xattr"):
            assert not mac.allows(f"file-write-{operation}", path)
        assert mac.allows("file-read-data", path)
    assert not mac.allows_move(f"{root}/{name}", f"{root}/elsewhere")
    assert not mac.allows_move(f"{root}/evil", f"{root}/{name}")
    assert mac.allows("file-write-create", f"{root}/{name}ignore")
    assert mac.allows("file-write-create", f"{root}/sub/{name}/x")


def test_other_spellings_of_a_protected_name_are_protected(tmp_path: Path) -> None:
    root = tmp_path / 'a "b" (c) [d] ^$.* \\ é'
    mac = workspace(root)
    for name in (".GIT", ".Git/hooks/x", ".CODEX/config.toml", ".aGents"):
        assert not mac.allows("file-write-create", f"{root}/{name}")
    for name in ("xgit", "git", ".gitx", ".GITHUB", "sub/.GIT"):
        assert mac.allows("file-write-create", f"{root}/{name}")


def test_a_root_inside_of_scratch_keeps_its_protection(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "ws"
    mac = workspace(root, scratch=(tmp_path,))
    assert not mac.allows("file-write-create", f"{root}/.git/hooks/x")
    # Moved away, its names would be other ones.
    assert not mac.allows_move(str(root), f"{tmp_path}/moved")
    assert not mac.allows_move(str(root.parent), f"{tmp_path}/moved")
    assert mac.allows_move(f"{tmp_path}/deep/other", f"{tmp_path}/moved")
    assert mac.allows_move(f"{root}/file", f"{tmp_path}/moved")


def test_the_parent_of_a_root_inside_of_a_root_stays_where_it_is(
    tmp_path: Path,
) -> None:
    mac = workspace(tmp_path / "ws", tmp_path / "ws/inner/deep")
    assert not mac.allows_move(f"{tmp_path}/ws/inner", f"{tmp_path}/ws/x")
    assert not mac.allows("file-write-create", f"{tmp_path}/ws/inner/deep/.git")
    assert mac.allows("file-write-create", f"{tmp_path}/ws/inner/deep/file")


def test_a_worktrees_repository_is_protected_where_it_is(tmp_path: Path) -> None:
    repository = tmp_path / "main/.git/worktrees/w"
    repository.mkdir(parents=True)
    root = tmp_path / "work"
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {repository}\n")
    mac = workspace(root, scratch=(tmp_path,))
    assert not mac.allows("file-write-create", f"{tmp_path}/main/.git/hooks/x")
    assert not mac.allows_move(f"{tmp_path}/main", f"{tmp_path}/moved")
    assert mac.allows("file-write-create", f"{tmp_path}/main/file")


def test_a_link_in_place_of_a_protected_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws/.git").symlink_to(tmp_path)
    with pytest.raises(SandboxError, match="crosses writable symlink"):
        workspace(tmp_path / "ws")


def test_what_is_denied_is_not_read_written_or_moved_into_sight(
    tmp_path: Path,
) -> None:
    root = tmp_path / "ws"
    secret = f"{root}/private/keys"
    mac = workspace(root, deny=secret)
    for path in (secret, f"{secret}/id"):
        for operation in ("file-read-data", "file-read-metadata", "file-read-xattr"):
            assert not mac.allows(operation, path)
        for operation in ("file-write-create", "file-write-data", "file-write-unlink"):
            assert not mac.allows(operation, path)
    assert not mac.allows_move(f"{root}/private", f"{root}/public")
    assert not mac.allows_move(str(root), f"{tmp_path}/public")
    assert mac.allows("file-read-data", f"{root}/private/other")
    assert mac.allows("file-write-create", f"{root}/private/other")
    alone = confine(Permissions(deny_read=(secret,)))
    assert not alone.allows("file-read-data", f"{secret}/id")
    assert alone.allows("file-read-data", f"{secret}-public")


def test_folders_of_our_own_are_kept_even_in_a_root(tmp_path: Path) -> None:
    own = tmp_path / "home/.codex-oss"
    own.mkdir(parents=True)
    permissions = Permissions(mode="workspace-write", writable_roots=(str(tmp_path),))
    options = seatbelt.argv(permissions, user_cache=None, kept=(str(own),))
    mac = Seatbelt(options)
    for path in (str(own), f"{own}/config.toml"):
        assert not mac.allows("file-write-data", path)
        assert not mac.allows("file-write-create", path)
        assert mac.allows("file-read-data", path)
    assert not mac.allows_move(str(own), f"{tmp_path}/moved")
    assert not mac.allows_move(str(own.parent), f"{tmp_path}/moved")
    assert mac.allows("file-write-create", f"{tmp_path}/home/file")


def test_a_root_that_leads_elsewhere_by_now_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "ws").symlink_to("home")
    mac = workspace(tmp_path / "ws", scratch=(tmp_path / "ws",))
    assert mac.parameters == {}
    assert not mac.allows("file-write-create", f"{tmp_path}/home/file")


def test_what_is_denied_is_denied_by_its_real_name_too(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "tmp").symlink_to("private")
    mac = confine(Permissions(deny_read=(f"{tmp_path}/tmp/keys",)))
    assert not mac.allows("file-read-data", f"{tmp_path}/tmp/keys/id")
    assert not mac.allows("file-read-data", f"{tmp_path}/private/keys/id")


def test_folders_that_are_missing_are_left_out(tmp_path: Path) -> None:
    mac = confine(Permissions(mode="workspace-write", scratch=(f"{tmp_path}/missing",)))
    assert mac.parameters == {}


def test_the_network_is_off_unless_it_is_allowed(tmp_path: Path) -> None:
    off = confine(Permissions(), f"{tmp_path}")
    free = confine(Permissions(network=True), f"{tmp_path}")
    for operation in ("network-outbound", "network-inbound", "system-socket"):
        assert not off.allows(operation)
        assert free.allows(operation)
    cached = ("file-write-create", f"{os.path.realpath(tmp_path)}/certificates")
    assert not off.allows(*cached)
    assert free.allows(*cached)
    assert not confine(Permissions(network=True)).allows(*cached)


def test_terminals_are_the_commands_own() -> None:
    mac = confine(Permissions())
    assert mac.allows("pseudo-tty")
    assert mac.allows("file-write-data", "/dev/ptmx")
    assert mac.allows("file-ioctl", "/dev/ttys003")
    # Only with the extension that it gets for those it opens.
    assert not mac.allows("file-write-data", "/dev/ttys003")
    assert not mac.allows("file-write-data", "/dev/disk0")


def test_nothing_runs_without_the_profile() -> None:
    text = seatbelt.argv(Permissions(), user_cache=None)[1]
    assert "no-sandbox" not in text
    assert read(text)[:3] == [
        ["version", "1"],
        ["deny", "default"],
        ["import", '"system.sb"'],
    ]


def test_every_parameter_is_defined_once_and_used(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    root.mkdir()
    options = seatbelt.argv(
        Permissions(
            mode="workspace-write",
            writable_roots=(str(root),),
            scratch=(str(tmp_path),),
            deny_read=(f"{tmp_path}/keys", "/etc/shadow"),
            network=True,
        ),
        user_cache=str(tmp_path),
    )
    names = [each[2:].split("=")[0] for each in options[2:-1]]
    assert len(names) == len(set(names))
    used = {part.split('"')[1] for part in options[1].split("(param ")[1:]}
    assert used == set(names)


@pytest.mark.parametrize(
    ("permissions", "why"),
    [
        (Permissions(mode="danger-full-access"), "may do everything"),
        (
            Permissions(mode="workspace-write", writable_roots=("/",)),
            "whose writable root is /",
        ),
        (
            Permissions(mode="workspace-write", scratch=("/",)),
            "whose writable root is /",
        ),
        (Permissions(deny_read=("/a\nb",)), "control characters"),
        (Permissions(deny_read=("/a\x7fb",)), "control characters"),
        (Permissions(deny_read=("/a\tb",)), "control characters"),
    ],
)
def test_what_cannot_be_said_in_a_profile_is_refused(
    permissions: Permissions, why: str
) -> None:
    with pytest.raises(SandboxError, match=why):
        seatbelt.argv(permissions, user_cache=None)


def test_a_root_with_control_characters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="control characters"):
        workspace(tmp_path / "a\nb")


NAMES = st.text(
    st.characters(min_codepoint=32, exclude_characters="/\x7f", codec="utf-8"),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in {".", ".."} and len(name.encode()) < 200)


@settings(deadline=None, max_examples=50)
@given(name=NAMES)
@example(name='")(allow default)("')
@example(name='#"')
@example(name="; (allow default)")
@example(name="-D=X")
@example(name="^a]b[c$\\")
def test_no_name_of_a_folder_is_read_as_a_rule(name: str) -> None:
    with tempfile.TemporaryDirectory() as above:
        root = Path(os.path.realpath(above)) / name
        mac = workspace(root, deny=f"{root}/keys")
        assert mac.parameters["WRITABLE_ROOT_0"] == str(root)
        assert len(mac.rules) == len(workspace(root.parent, deny="/keys").rules)
        assert mac.allows("file-write-create", f"{root}/file")
        assert not mac.allows("file-write-create", f"{root}/.git/hooks/x")
        assert not mac.allows("file-write-create", f"{root}/.GIT/hooks/x")
        assert not mac.allows("file-read-data", f"{root}/keys/id")
        assert not mac.allows("file-write-create", f"{root.parent}/file")
