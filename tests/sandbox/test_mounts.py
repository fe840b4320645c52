"""What a command sees of the disk."""

import os
from pathlib import Path

import pytest

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import mounts
from codex_oss.sandbox.mounts import Access, Layout, Own
from codex_oss.sandbox.placeholders import Placeholders

Mount = tuple[str, Access]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@pytest.fixture
def repo(base: Path) -> Path:
    """A workspace in which nothing is missing."""
    root = base / "repo"
    for name in (".git", ".codex", ".agents"):
        (root / name).mkdir(parents=True)
    return root


def writing(
    *roots: Path, scratch: Path | None = None, deny: Path | None = None
) -> Permissions:
    return Permissions(
        mode="workspace-write",
        writable_roots=tuple(map(str, roots)),
        scratch=(str(scratch),) if scratch else (),
        deny_read=(str(deny),) if deny else (),
    )


def layout(
    permissions: Permissions, cwd: Path, *own: Path, key: Path | None = None
) -> Layout:
    """Return the layout while it is in use, then let go of its placeholders."""
    mine = Own(folders=tuple(map(str, own)), secrets=(str(key),) if key else ())
    places = Placeholders(cwd.parent / "locks")
    found, held = mounts.lay_out(permissions, mine, os.path.realpath(cwd), places)
    held.release()
    return found


def kept(root: Path) -> list[Mount]:
    return [(str(root / name), "keep") for name in (".agents", ".codex", ".git")]


def write(*paths: Path) -> list[Mount]:
    return [(str(path), "write") for path in paths]


def table(*entries: list[Mount]) -> tuple[Mount, ...]:
    return tuple(sorted(entry for each in entries for entry in each))


def test_read_only_has_no_mounts_and_no_placeholders(base: Path) -> None:
    root = base / "repo"
    root.mkdir()
    assert layout(Permissions(writable_roots=(str(root),)), root, root) == Layout()
    assert list(root.iterdir()) == []


def test_a_root_is_writable_but_for_its_settings(repo: Path) -> None:
    assert layout(writing(repo), repo).mounts == table(write(repo), kept(repo))


def test_parents_come_before_what_they_hold(repo: Path) -> None:
    inner = repo / "a-b"
    for name in (".git", ".codex", ".agents"):
        (inner / name).mkdir(parents=True)
    found = layout(writing(inner, repo, inner), inner).mounts
    assert found == table(write(repo, inner), kept(repo), kept(inner))
    places = [path for path, _ in found]
    assert (
        places.index(str(repo))
        < places.index(str(inner))
        < places.index(str(inner / ".git"))
    )


def test_what_is_no_directory_is_left_out(repo: Path) -> None:
    (repo / "file").touch()
    found = layout(writing(repo, repo / "missing", repo / "file"), repo)
    assert found.mounts == table(write(repo), kept(repo))


def test_a_root_that_a_link_leads_away_from_is_left_out(repo: Path) -> None:
    """A command may have made the link since the root was allowed."""
    outside = repo.parent / "outside"
    (outside / "inner").mkdir(parents=True)
    (repo / "build").symlink_to(outside)
    roots = (repo, repo / "build", repo / "build/inner")
    found = layout(writing(*roots, scratch=repo / "build"), repo)
    assert found.mounts == table(write(repo), kept(repo))
    assert mounts.remarks(writing(*roots), Own()) == [
        f"writable root {root} is left out: a link leads elsewhere"
        for root in roots[1:]
    ]


def test_a_link_cannot_make_a_denied_path_hide_something_else(repo: Path) -> None:
    (repo.parent / "outside").mkdir()
    (repo / "secret").symlink_to(repo.parent / "outside")
    found = layout(writing(repo, deny=repo / "secret"), repo)
    assert found == Layout(mounts=table(write(repo), kept(repo)))


@pytest.mark.parametrize("root", ["/proc", "/proc/self", "/sys", "/dev", "/dev/pts"])
def test_the_kernels_own_folders_are_never_writable(repo: Path, root: str) -> None:
    assert layout(writing(repo, Path(root)), repo).mounts == table(
        write(repo), kept(repo)
    )


def test_shared_memory_may_be_scratch(repo: Path) -> None:
    found = layout(writing(repo, scratch=Path("/dev/shm")), repo).mounts
    assert ("/dev/shm", "write") in found


def test_scratch_is_writable_and_unprotected(repo: Path) -> None:
    scratch = repo.parent / "scratch"
    (scratch / ".git").mkdir(parents=True)
    found = layout(writing(repo, scratch=scratch), repo).mounts
    assert found == table(write(repo, scratch), kept(repo))


def test_the_disk_itself_is_no_scratch(repo: Path) -> None:
    found = layout(writing(repo, scratch=Path("/")), repo)
    assert found == Layout(mounts=table(write(repo), kept(repo)))


def test_the_whole_disk_as_a_root_keeps_the_kernels_settings(repo: Path) -> None:
    options = mounts.options(Layout(disk="write"))
    assert options == ["--bind", "/", "/", "--dev", "/dev", "--ro-bind", "/sys", "/sys"]
    told = mounts.remarks(writing(Path("/")), Own())
    assert told == ["the whole disk is a writable root: commands may change all"]


@pytest.mark.parametrize("name", ["a b\nc", "-x", os.fsdecode(b"\xff\xfe"), "'\"$(x)"])
def test_odd_names_are_one_word(repo: Path, name: str) -> None:
    odd = repo.parent / name
    repo.rename(odd)
    options = mounts.options(layout(writing(odd), odd))
    assert options[5:8] == ["--bind", str(odd), str(odd)]


# --- links ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".git", ".codex", ".agents"])
def test_a_link_in_place_of_settings_is_refused(repo: Path, name: str) -> None:
    path = repo / name
    path.rmdir()
    path.symlink_to("elsewhere")
    with pytest.raises(SandboxError) as caught:
        layout(writing(repo), repo)
    assert caught.value.report() == (
        f"cannot enforce sandbox read-only path {path} because it crosses writable "
        f"symlink {path}\nReplace {path} by what it points to."
    )


def test_a_refused_link_leaves_no_placeholder(repo: Path) -> None:
    (repo / ".agents").rmdir()
    (repo / ".git").rmdir()
    (repo / ".git").symlink_to("x")
    with pytest.raises(SandboxError):
        layout(writing(repo), repo)
    assert sorted(path.name for path in repo.iterdir()) == [".codex", ".git"]


def test_a_link_to_our_own_folder_is_refused_where_it_could_be_replaced(
    repo: Path,
) -> None:
    real = repo.parent / "real"
    real.mkdir()
    (repo / "state").symlink_to(real)
    with pytest.raises(SandboxError, match="crosses writable symlink"):
        layout(writing(repo), repo, repo / "state")
    outside = repo.parent / "state"
    outside.symlink_to(real)
    assert layout(writing(repo), repo, outside).mounts == table(write(repo), kept(repo))


def test_where_the_disk_ignores_case_every_spelling_is_kept(repo: Path) -> None:
    # Links to one file stand in for the spellings of one name.
    (repo / ".git").rmdir()
    (repo / ".git").write_text("gitdir: /nowhere")
    for name in (".GIT", ".Git"):
        (repo / name).hardlink_to(repo / ".git")
    (repo / ".CODEX").mkdir()
    spelled: list[Mount] = [(str(repo / name), "keep") for name in (".GIT", ".Git")]
    found = layout(writing(repo), repo).mounts
    assert found == table(write(repo), kept(repo), spelled)


# --- worktrees ------------------------------------------------------------------------


def worktree(repo: Path, text: str) -> None:
    (repo / ".git").rmdir()
    (repo / ".git").write_text(text)


@pytest.mark.parametrize("common", ["../..\n", ""])
def test_a_worktree_protects_the_repository_it_belongs_to(
    repo: Path, common: str
) -> None:
    main = repo.parent / "main"
    own = main / "deep/.git/worktrees/x"
    own.mkdir(parents=True)
    if common:
        (own / "commondir").write_text(common)
    worktree(repo, f"gitdir: {own}\n")
    found = layout(writing(repo, scratch=main), repo).mounts
    assert found == table(
        write(repo, main, main / "deep"),
        kept(repo),
        [(str(main / "deep/.git"), "keep")],
    )


@pytest.mark.parametrize(
    "text",
    ["gitdir: /", "gitdir: /nope", "gitdir: ..", "gitdir: .", "gitdir: ", "x", ""],
)
def test_a_git_file_cannot_make_other_places_read_only(repo: Path, text: str) -> None:
    worktree(repo, text)
    assert layout(writing(repo), repo).mounts == table(write(repo), kept(repo))


# --- what is denied -------------------------------------------------------------------


def test_folders_and_files_are_hidden_and_what_is_missing_is_not(repo: Path) -> None:
    secrets = repo.parent / "secrets"
    (secrets / "inner").mkdir(parents=True)
    (repo.parent / "key").touch()
    permissions = Permissions(
        deny_read=(
            str(secrets / "inner"),
            str(secrets),
            str(repo.parent / "key"),
            str(repo.parent / "missing"),
        )
    )
    found = layout(permissions, repo)
    assert found == Layout(
        hidden_folders=(str(secrets),), hidden_files=(str(repo.parent / "key"),)
    )
    assert mounts.covers(found) == [
        *("--perms", "000", "--tmpfs", str(secrets), "--remount-ro", str(secrets)),
        *("--ro-bind", "/dev/null", str(repo.parent / "key")),
    ]
    assert not (repo.parent / "missing").exists()


def test_the_way_to_what_is_denied_cannot_be_moved(repo: Path) -> None:
    secret = repo / "a/b/secret"
    secret.mkdir(parents=True)
    found = layout(writing(repo, deny=secret), repo)
    assert found == Layout(
        mounts=table(write(repo, repo / "a", repo / "a/b"), kept(repo)),
        hidden_folders=(str(secret),),
    )


def test_what_is_denied_and_missing_in_a_root_is_held(repo: Path) -> None:
    found = layout(writing(repo, deny=repo / "secret"), repo)
    assert found.hidden_folders == (str(repo / "secret"),)
    assert not (repo / "secret").exists()


def test_below_a_missing_folder_there_is_nothing_to_hold(repo: Path) -> None:
    found = layout(writing(repo, deny=repo / "a/secret"), repo)
    assert found == Layout(mounts=table(write(repo), kept(repo)))


def test_a_root_in_a_denied_folder_is_left_out(repo: Path) -> None:
    inner = repo / "secret/inner"
    inner.mkdir(parents=True)
    found = layout(writing(repo, inner, deny=inner.parent), repo)
    assert found.mounts == table(write(repo), kept(repo))


def test_a_command_cannot_run_where_it_may_not_look(repo: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        layout(Permissions(deny_read=(str(repo.parent),)), repo)
    assert caught.value.report() == (
        f"commands cannot run in {repo}: `sandbox_deny_read` has {repo.parent}\n"
        "Take it out of that list, or work elsewhere."
    )


# --- our own --------------------------------------------------------------------------


def test_our_own_folders_stay_read_only_in_any_root(base: Path, repo: Path) -> None:
    home = base / "home"
    own = home / ".config/codex"
    own.mkdir(parents=True)
    found = layout(writing(repo, scratch=home), repo, own, key=own / "auth.json")
    assert found.mounts == table(
        write(repo, home, home / ".config"), kept(repo), [(str(own), "keep")]
    )
    (own / "auth.json").touch()
    found = layout(Permissions(), repo, own, key=own / "auth.json")
    assert found == Layout(hidden_files=(str(own / "auth.json"),))


def test_our_own_folder_as_a_root_stays_read_only_but_a_root_below_it_does_not(
    base: Path, repo: Path
) -> None:
    tree = repo / "worktrees/x/y"
    tree.mkdir(parents=True)
    found = layout(writing(repo, scratch=tree), tree, repo)
    assert found.mounts == table([(str(repo), "keep")], kept(repo), write(tree))
    assert mounts.remarks(writing(repo), Own(folders=(str(repo),))) == [
        f"{repo} stays read-only, though it lies in the writable root {repo}"
    ]


def test_our_own_folder_that_is_missing_is_held_with_the_way_to_it(repo: Path) -> None:
    found = layout(writing(repo), repo, repo / "a/b/state")
    assert found.mounts == table(write(repo), kept(repo), [(str(repo / "a"), "keep")])
    assert not (repo / "a").exists()


def test_people_hear_of_roots_that_are_left_out(repo: Path) -> None:
    permissions = writing(repo, repo / "missing", Path("/proc/self"))
    process = os.path.realpath("/proc/self")
    assert mounts.remarks(permissions, Own()) == [
        f"writable root {repo / 'missing'} is left out: there is no such directory",
        "writable root /proc/self is left out: it is the kernel's",
    ]
    assert process.startswith("/proc/")
    assert mounts.remarks(Permissions(writable_roots=("/",)), Own()) == []


def test_the_way_to_a_root_in_another_one_cannot_be_moved(base: Path) -> None:
    inner = base / "scratch/a/repo"
    for name in (".git", ".codex", ".agents"):
        (inner / name).mkdir(parents=True)
    found = layout(writing(inner, scratch=base / "scratch"), inner)
    assert found.mounts == table(
        write(base / "scratch", base / "scratch/a", inner), kept(inner)
    )
