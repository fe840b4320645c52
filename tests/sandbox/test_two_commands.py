"""What one command leaves behind gives the next one no more than it had itself."""

import os
from pathlib import Path

import pytest

import confinement
from codex_oss.policy import Permissions
from confined_driver import Backend
from confinement import Ran, obstacle, only

on_each_backend = pytest.mark.parametrize("backend", ["bubblewrap", "landlock"])


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "repo"
    root.mkdir()
    (root.parent / "outside").mkdir()
    (root.parent / "outside/file").write_text("of the host\n")
    return root


def run(script: str, repo: Path, permissions: Permissions, backend: Backend) -> Ran:
    if why := obstacle(backend, os.getuid()):
        pytest.skip(why)
    return confinement.sh(script, repo, permissions, settings=only(backend))


@on_each_backend
@pytest.mark.parametrize("kind", ["writable_roots", "scratch"])
def test_a_link_in_place_of_a_missing_root_opens_nothing(
    repo: Path, backend: Backend, kind: str
) -> None:
    missing = f"{repo}/build"
    permissions = Permissions(
        mode="workspace-write",
        writable_roots=(str(repo), *((missing,) if kind == "writable_roots" else ())),
        scratch=(missing,) if kind == "scratch" else (),
    )
    link = "ln -s ../outside build && echo linked"
    assert run(link, repo, permissions, backend).output == "linked\n"
    ran = run("echo attacked > ../outside/file", repo, permissions, backend)
    assert ran.ended.code != 0
    assert (repo.parent / "outside/file").read_text() == "of the host\n"


@on_each_backend
def test_a_link_in_place_of_a_root_that_was_there_opens_nothing(
    repo: Path, backend: Backend
) -> None:
    inner = repo / "inner"
    inner.mkdir()
    alone = Permissions(mode="workspace-write", writable_roots=(str(repo),))
    both = Permissions(mode="workspace-write", writable_roots=(str(repo), str(inner)))
    # Somebody else's command, whose workspace holds ours.
    swap = "mv inner old && ln -s ../outside inner && echo swapped"
    assert run(swap, repo, alone, backend).output == "swapped\n"
    ran = run("echo attacked > ../outside/file", repo, both, backend)
    assert ran.ended.code != 0
    assert (repo.parent / "outside/file").read_text() == "of the host\n"


def test_what_is_denied_stays_denied_though_its_folder_was_to_be_moved(
    repo: Path,
) -> None:
    (repo / "deep/folder").mkdir(parents=True)
    (repo / "deep/folder/key").write_text("secret\n")
    permissions = Permissions(
        mode="workspace-write",
        writable_roots=(str(repo),),
        deny_read=(f"{repo}/deep/folder/key",),
    )
    run("mv deep/folder deep/other; mv deep moved", repo, permissions, "bubblewrap")
    ran = run("cat */*/key", repo, permissions, "bubblewrap")
    assert ran.ended.code != 0
    assert "secret" not in ran.output


def test_what_was_denied_while_missing_is_denied_once_it_is_there(repo: Path) -> None:
    permissions = Permissions(
        mode="workspace-write",
        writable_roots=(str(repo),),
        deny_read=(f"{repo}/later",),
    )
    make = "ln -s ../outside/file later; mkdir later/x; echo x > later; ls -d later"
    run(make, repo, permissions, "bubblewrap")
    assert not (repo / "later").exists()
    (repo / "later").write_text("secret\n")
    ran = run("cat later; mv later sooner; cat sooner", repo, permissions, "bubblewrap")
    assert "secret" not in ran.output


def test_names_made_where_a_repository_is_missing_are_gone_afterwards(
    repo: Path,
) -> None:
    permissions = Permissions(mode="workspace-write", writable_roots=(str(repo),))
    script = "mkdir -p .git/hooks; echo x > .git/config; ln -s x .codex; touch .agents"
    assert run(script, repo, permissions, "bubblewrap").ended.code != 0
    assert list(repo.iterdir()) == []
