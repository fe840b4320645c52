"""The embedded engine ends in the middle of work: what the person sees of that."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import fake_gguf
from children import needs_linux
from llamacpp_bench import FAKE, MODEL, child_of, kill_child_of, needs_model, wait_gone
from running import OURS, ROOT, TIMEOUT_S, environment, prepared

pytestmark = needs_linux

ENDED = "llama.cpp has ended (signal 9, most likely for lack of memory)"


class Home:
    """A home with a fake llama.cpp, which ends as ``kills`` says."""

    def __init__(self, folder: Path, *kills: str) -> None:
        self.folder = folder
        self.model = folder / "m.gguf"
        self.model.write_bytes(fake_gguf.encode())
        (folder / "kills").write_text(" ".join(kills))

    def environment(self) -> dict[str, str]:
        return environment(self.folder) | {
            "PYTHONPATH": f"{FAKE}:{ROOT / 'src'}",
            "FAKE_LLAMACPP": "serve",
            "LLAMACPP_FOLDER": str(self.folder),
        }

    def exec(self, model: str = "") -> tuple[list[dict[str, Any]], str]:
        """Run `exec`; return its events and what it left on stderr."""
        with started(self.environment(), self.folder, model or str(self.model)) as run:
            out, err = run.communicate(timeout=TIMEOUT_S)
        return [json.loads(line) for line in out.splitlines()], err

    @property
    def asked(self) -> int:
        return len(list(self.folder.glob("asked-*")))


def started(env: dict[str, str], folder: Path, model: str) -> subprocess.Popen[str]:
    argv = [*OURS, "exec", "--json", "--oss", "--local-provider", "embedded"]
    return subprocess.Popen(
        [*argv, "-m", model, "Say hello."],
        cwd=prepared(folder),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(told: list[dict[str, Any]]) -> list[str]:
    """Return the warnings and the words of the model, in order."""
    items = [each["item"] for each in told if each["type"] == "item.completed"]
    spoken = [item for item in items if item["type"] in ("error", "agent_message")]
    return [item.get("message") or item["text"] for item in spoken]


@pytest.mark.parametrize("end", ["reading", "answering"])
def test_an_engine_that_ends_is_started_again_and_the_task_goes_on(
    tmp_path: Path, end: str
) -> None:
    home = Home(tmp_path, end)
    told, err = home.exec()

    assert said(told) == [f"{ENDED}. It is started again.", "whole"], err
    assert told[-1]["type"] == "turn.completed"
    [retry] = [each["message"] for each in told if each["type"] == "error"]
    assert retry.startswith("Reconnecting... 1/5 (")
    assert home.asked == 2


def test_an_engine_that_ends_over_the_same_prompt_again_ends_the_turn(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path, "reading", "reading", "reading")
    told, err = home.exec()

    assert said(told) == [f"{ENDED}. It is started again."], err
    message = told[-1]["error"]["message"]
    assert message.startswith(f"{ENDED}, again over the same request")
    assert "Its log: " in message
    assert home.asked == 2


def test_an_engine_that_cannot_be_started_again_ends_the_turn(tmp_path: Path) -> None:
    home = Home(tmp_path, "answering")
    (tmp_path / "stays-away").touch()
    told, err = home.exec()

    message = told[-1]["error"]["message"]
    assert f"{ENDED} and cannot be started again: There is not enough" in message, err
    assert "smaller model" in message


@needs_model
def test_the_real_engine_is_killed_and_the_task_goes_on(tmp_path: Path) -> None:
    assert MODEL is not None
    with started(environment(tmp_path), tmp_path, MODEL) as run:
        assert run.stdout is not None
        first = [json.loads(run.stdout.readline()) for _ in range(2)]
        assert [each["type"] for each in first] == ["thread.started", "turn.started"]
        kill_child_of(run.pid)
        told = [json.loads(line) for line in run.stdout]
        code = run.wait(TIMEOUT_S)
    assert f"{ENDED}. It is started again." in said(told)
    end, why = told[-1], told[-1].get("error", {}).get("message", "")
    # So small a model may not find an end.
    assert (end["type"], code) == ("turn.completed", 0) or "max_output_tokens" in why


@needs_model
def test_a_killed_exec_leaves_no_engine_that_was_started_again(tmp_path: Path) -> None:
    assert MODEL is not None
    with started(environment(tmp_path), tmp_path, MODEL) as run:
        assert run.stdout is not None
        for _ in range(2):
            run.stdout.readline()
        kill_child_of(run.pid)
        for line in run.stdout:
            if "started again" in line:
                break
        again = pid_of_next(run)
        run.kill()
        wait_gone(again)


def pid_of_next(run: subprocess.Popen[str]) -> int:
    """Wait for the engine's next child, and return its number."""
    while run.poll() is None:
        try:
            return child_of(run.pid)
        except AssertionError:
            continue
    raise AssertionError("it ended by itself")
