"""What a repository is at, against git itself."""

import os
import subprocess
from pathlib import Path

import pytest

from codex_oss.sessions.git import facts

URL = "https://someone:password@example.com/a/b.git"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "some/branch")
    return folder


def test_commit_branch_and_remote_are_known_and_no_password(repo: Path) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "x")
    git(repo, "remote", "add", "origin", URL)
    (repo / "sub").mkdir()
    known = {
        "commit_hash": git(repo, "rev-parse", "HEAD"),
        "branch": "some/branch",
        "repository_url": "https://example.com/a/b.git",
    }
    assert facts(repo / "sub") == known
    git(repo, "pack-refs", "--all")
    assert facts(repo) == known


def test_a_head_without_a_branch_is_a_commit(repo: Path) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "x")
    git(repo, "checkout", "-q", "--detach")
    assert facts(repo) == {"commit_hash": git(repo, "rev-parse", "HEAD")}


def test_a_worktree_knows_its_own_branch(repo: Path, tmp_path: Path) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "x")
    git(repo, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    head = git(repo, "rev-parse", "HEAD")
    assert facts(tmp_path / "tree") == {"commit_hash": head, "branch": "other"}


def test_a_repository_without_a_commit_has_a_branch(repo: Path) -> None:
    assert facts(repo) == {"branch": "some/branch"}


def test_outside_of_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert facts(tmp_path) == {}


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(repo: Path) -> None:
    (repo / ".git/config").unlink()
    os.mkfifo(repo / ".git/config")
    assert "repository_url" not in facts(repo)
