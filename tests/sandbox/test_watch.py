"""What a command did to settings is told afterwards."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_oss.policy import Permissions
from codex_oss.sandbox import watch
from codex_oss.sandbox.watch import Watch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in (".git/hooks", ".git/objects", ".codex/rules", "src/.git"):
        (tmp_path / "ws" / folder).mkdir(parents=True)
    for file in (".git/config", ".git/hooks/pre-commit", ".codex/config.toml"):
        (tmp_path / "ws" / file).write_text("kept")
    return tmp_path / "ws"


def watched(*roots: Path) -> Watch:
    names = tuple(str(root) for root in roots)
    return Watch(Permissions(mode="workspace-write", writable_roots=names))


def write(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text("evil")


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a configuration": (write(".git/config"), [".git/config"]),
    "a new hook": (write(".git/hooks/post-merge"), [".git/hooks/post-merge"]),
    "a hook": (write(".git/hooks/pre-commit"), [".git/hooks/pre-commit"]),
    "a hook that may run now": (
        lambda root: (root / ".git/hooks/pre-commit").chmod(0o755),
        [".git/hooks/pre-commit"],
    ),
    "a hook that is gone": (
        lambda root: (root / ".git/hooks/pre-commit").unlink(),
        [".git/hooks/pre-commit"],
    ),
    "a hook that is a link now": (
        lambda root: (
            (root / ".git/hooks/pre-commit").unlink(),
            (root / ".git/hooks/pre-commit").symlink_to("/bin/sh"),
        ),
        [".git/hooks/pre-commit"],
    ),
    "a pipe for a setting": (
        lambda root: (
            (root / ".codex/config.toml").unlink(),
            os.mkfifo(root / ".codex/config.toml"),
        ),
        [".codex/config.toml"],
    ),
    "rules": (write(".codex/rules/all.rules"), [".codex/rules/all.rules"]),
    "a name that was missing": (
        lambda root: (root / ".agents/skills").mkdir(parents=True),
        [".agents", ".agents/skills"],
    ),
    "another repository in its place": (
        lambda root: (
            (root / ".git").rename(root / "old"),
            (root / ".git").write_text("gitdir: elsewhere"),
        ),
        [".git", ".git/config", ".git/hooks", ".git/hooks/pre-commit"],
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_told_by_its_path(what: str, root: Path) -> None:
    change, paths = CHANGES[what]
    seen = watched(root)
    assert seen.changed() == []
    change(root)
    assert seen.changed() == [f"{root}/{path}" for path in paths]


def test_what_runs_no_code_may_change(root: Path) -> None:
    seen = watched(root)
    (root / ".git/index").write_text("new")
    (root / ".git/objects/aa").write_text("new")
    (root / "src/.git/config").write_text("new")
    (root / "file").write_text("new")
    (root / ".git/config").write_text("kept")
    assert seen.changed() == []


def test_only_writable_roots_are_looked_at(root: Path) -> None:
    names = (str(root),)
    seen = [
        Watch(Permissions(writable_roots=names)),
        Watch(Permissions(mode="danger-full-access", writable_roots=names)),
        Watch(Permissions(mode="workspace-write", scratch=names)),
    ]
    (root / ".git/config").write_text("evil")
    assert [each.changed() for each in seen] == [[], [], []]


def test_a_worktrees_repository_is_looked_at_too(root: Path) -> None:
    own = root / ".git/worktrees/w"
    own.mkdir(parents=True)
    work = root.parent / "work"
    work.mkdir()
    (work / ".git").write_text("gitdir: ../ws/.git/worktrees/w\n")
    seen = watched(work)
    (root / ".git/config").write_text("evil")
    (own / "config.worktree").write_text("evil")
    assert seen.changed() == [f"{root}/.git/config", f"{own}/config.worktree"]


def test_the_end_of_a_long_file_is_seen_by_its_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HASHED", 4)
    long = root / ".codex/config.toml"
    long.write_text("long: same")
    os.utime(long, (1, 1))
    seen = watched(root)
    assert seen.changed() == []
    long.write_text("long: evil")
    os.utime(long, (2, 2))
    assert seen.changed() == [str(long)]


def test_folders_of_any_size_are_looked_at_in_bounded_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_FILES", 3)
    for number in range(9):
        (root / ".codex/rules" / str(number)).touch()
    seen = watched(root)
    (root / ".codex/rules/8").write_text("evil")
    (root / ".codex/config.toml").write_text("evil")
    assert seen.changed() == [f"{root}/.codex/config.toml"]


def test_a_root_that_is_gone_is_told(root: Path) -> None:
    seen = watched(root)
    root.rename(root.parent / "moved")
    assert f"{root}/.git/config" in seen.changed()
