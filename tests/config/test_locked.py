"""Locks around small files: waited for, but not for ever."""

import errno
import fcntl
from pathlib import Path

import pytest

from codex_oss.config import edit
from codex_oss.config import locked as config_locked
from codex_oss.config.locked import NO_LOCKS, locked, take
from codex_oss.errors import ConfigError, McpError, SessionError
from codex_oss.mcp.credentials import LOCKS, STORE_LOCK, Credentials, Login
from codex_oss.sessions.names import FILE, names, rename
from codex_oss.sessions.prompts import Prompts

HELD = "another process does not let go of its lock"
LOGIN = Login(server_name="a", server_url="u", client_id="c", access_token="t")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_locked, "MAX_TRIES", 2)


def test_a_lock_that_is_let_go_is_had(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "lock"):
            pass


def test_a_lock_that_is_never_let_go_is_told(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock"),
        pytest.raises(OSError, match=HELD),
        locked(tmp_path / "lock"),
    ):
        pass


@pytest.mark.parametrize("code", NO_LOCKS)
def test_a_file_system_without_locks_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path / "lock"), locked(tmp_path / "lock"):
        pass


def test_other_faults_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output"), locked(tmp_path / "lock"):
        pass


def test_whoever_writes_a_small_file_says_so(tmp_path: Path) -> None:
    with locked(tmp_path / f"{FILE}.lock"):
        with pytest.raises(SessionError, match=HELD):
            rename(tmp_path, "id", "name", "T")
        assert names(tmp_path) == {}

    (tmp_path / LOCKS).mkdir()
    with (
        locked(tmp_path / LOCKS / STORE_LOCK),
        pytest.raises(McpError, match=HELD),
    ):
        Credentials(tmp_path).put(LOGIN)

    config = tmp_path / "config.toml"
    with edit.alone(config), pytest.raises(ConfigError, match=HELD), edit.alone(config):
        pass


def test_a_prompt_that_cannot_be_kept_is_no_reason_to_stop(tmp_path: Path) -> None:
    prompts = Prompts(tmp_path, keep=True, max_bytes=None)
    prompts.add("s", 0.0, "one")
    with (tmp_path / "history.jsonl").open("ab") as file:
        take(file)
        prompts.add("s", 0.0, "two")
    prompts.add("s", 0.0, "three")

    assert prompts.last() == ["one", "three"]
