"""The fake `ollama` program: a process that keeps its models, as the real one."""

import hashlib
import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from children import needs_linux
from fake_ollama_program import Behaviour, OllamaModel, Pull, install, listening_at

LIMIT_S = 180


@contextmanager
def serving(
    program: Path, home: Path, **env: str
) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Run the server on any port; give its process and its URL."""
    given = {"PATH": os.environ["PATH"], "HOME": str(home)}
    given |= {"OLLAMA_HOST": "127.0.0.1:0"} | env
    process = subprocess.Popen(
        [program, "serve"], env=given, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        found = re.search(r"Listening on (\S+) ", process.stderr.readline())
        assert found
        yield process, f"http://{found[1]}"
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


def ask(url: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the lines of an answer, also of one that is cut."""
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(url, data, timeout=LIMIT_S) as reply:
        return [json.loads(line) for line in reply]


def names(url: str) -> list[str]:
    return [model["name"] for model in ask(f"{url}/api/tags")[0]["models"]]


def test_what_was_pulled_is_there_after_a_kill(tmp_path: Path) -> None:
    program = install(tmp_path / "bin")
    with serving(program, tmp_path) as (process, url):
        ask(f"{url}/api/pull", {"model": "a:1b"})
        process.kill()
    with serving(program, tmp_path) as (_, url):
        assert names(url) == ["a:1b"]
    for blob in (tmp_path / ".ollama/models/blobs").iterdir():
        assert blob.name == f"sha256-{hashlib.sha256(blob.read_bytes()).hexdigest()}"


def test_half_a_pull_goes_on_in_the_next_process(tmp_path: Path) -> None:
    stuck = Behaviour(pulls={"a:1b": [Pull(after=3000, hangs=True)]})
    with serving(install(tmp_path / "bin", stuck), tmp_path) as (process, url):
        body = json.dumps({"model": "a:1b"}).encode()
        with urllib.request.urlopen(f"{url}/api/pull", body, timeout=LIMIT_S) as reply:
            while json.loads(reply.readline()).get("completed") != 3000:
                pass
            process.kill()
    blobs = sorted((tmp_path / ".ollama/models/blobs").iterdir())
    assert [blob.name[71:] for blob in blobs] == ["-partial", "-partial-0"]
    assert blobs[0].stat().st_size == 8000

    with serving(install(tmp_path / "bin"), tmp_path) as (_, url):
        first = ask(f"{url}/api/pull", {"model": "a:1b"})[1]
        assert first["completed"] == 3000
        assert names(url) == ["a:1b"]


@pytest.mark.parametrize(("env", "left"), [({}, 0), ({"OLLAMA_NOPRUNE": "1"}, 3000)])
def test_an_old_release_forgets_half_a_pull(
    tmp_path: Path, env: dict[str, str], left: int
) -> None:
    old = Behaviour(pulls={"a": [Pull(after=3000, cut=True)]}, grace_s=0)
    program = install(tmp_path / "bin", old)
    with serving(program, tmp_path) as (_, url):
        assert ask(f"{url}/api/pull", {"model": "a"})[-1]["completed"] == 3000
    with serving(program, tmp_path, **env) as (_, url):
        assert ask(f"{url}/api/pull", {"model": "a"})[1].get("completed", 0) == left


@needs_linux
def test_a_killed_server_leaves_its_runner_and_a_terminated_one_does_not(
    tmp_path: Path,
) -> None:
    program = install(tmp_path / "bin", Behaviour(models=(OllamaModel("a:1b"),)))
    for number, left in ((signal.SIGTERM, []), (signal.SIGKILL, ["llama-server"])):
        with serving(program, tmp_path) as (process, url):
            ask(f"{url}/api/generate", {"model": "a:1b"})
            (runner,) = children(process.pid)
            process.send_signal(number)
            process.wait(LIMIT_S)
            assert [argv0(pid) for pid in (runner,) if alive(pid)] == left
            if left:
                os.kill(runner, signal.SIGKILL)


def test_a_port_that_is_taken_and_a_failure_are_told(tmp_path: Path) -> None:
    program = install(tmp_path / "bin")
    with serving(program, tmp_path) as (_, url):
        host = url.removeprefix("http://")
        env = {"HOME": str(tmp_path), "OLLAMA_HOST": host}
        second = subprocess.run(
            [program, "serve"],
            env=env,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    said = f"Error: listen tcp {host}: bind: address already in use\n"
    assert (second.returncode, second.stderr) == (1, said)


def test_the_version_without_a_server_comes_with_a_warning(tmp_path: Path) -> None:
    program = install(tmp_path / "bin")
    env = {"OLLAMA_HOST": "127.0.0.1:1"}
    said = subprocess.check_output([program, "-v"], env=env, text=True, timeout=LIMIT_S)
    assert said.splitlines() == [
        "Warning: could not connect to a running Ollama instance",
        "Warning: client version is 0.33.0",
    ]


@pytest.mark.parametrize(
    ("host", "at"),
    [
        ("", ("127.0.0.1", 11434)),
        (":0", ("127.0.0.1", 0)),
        ("0.0.0.0", ("0.0.0.0", 11434)),
        ("http://box", ("box", 80)),
        ("https://box:99/path", ("box", 99)),
        ('"localhost:1234"', ("localhost", 1234)),
    ],
)
def test_a_host_has_many_forms(host: str, at: tuple[str, int]) -> None:
    assert listening_at(host) == at


def children(pid: int) -> list[int]:
    told = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return [int(line) for line in told.stdout.split()]


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def argv0(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
