"""What people see when something is wrong: one cause, one next step, one exit code."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fake_events import created, failed, message, turn
from fake_server import FakeServer, Reply
from running import OURS, environment, prepared, provider, run_exec

OVERFLOW = {
    "code": 400,
    "message": "the request exceeds the available context size, try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 9000,
    "n_ctx": 4096,
}
UNFINISHED = "stream closed before response.completed"


def last_error(stderr: str) -> str:
    return stderr.rpartition("ERROR: ")[2].strip()


def rejected(status: int, text: str) -> Reply:
    return Reply(status=status, body={"error": {"message": text}})


@pytest.mark.parametrize("wire", ["responses", "chat"])
@pytest.mark.parametrize(
    ("reply", "cause", "step"),
    [
        (rejected(401, "bad key"), "x refused the key (401): bad key", "FOO_KEY"),
        (rejected(403, "not you"), "x refused the key (403): not you", "FOO_KEY"),
        (
            rejected(404, "no such model"),
            "answered 404 for the model 'gpt-oss:20b': no such model",
            "Is the model pulled or loaded there? Is `base_url` of provider 'x' right?",
        ),
        (rejected(400, "bad request"), "bad request", ""),
        (
            Reply(status=400, body={"error": OVERFLOW}),
            "The model's context window of 4,096 tokens is too small",
            "Give the model a larger context",
        ),
        (
            Reply(body="<html>", headers={"content-type": "text/html"}),
            "answered text/html, not an API's answer",
            "Is `base_url` of provider 'x' right?",
        ),
    ],
)
def test_what_will_fail_again_is_said_after_one_request(
    tmp_path: Path, wire: str, reply: Reply, cause: str, step: str
) -> None:
    path = "responses" if wire == "responses" else "chat/completions"
    key = {"FOO_KEY": "s3cret-key"}
    # The tool mode is given, so that no probe is among the requests.
    more = ',env_key="FOO_KEY",tool_mode="native"'
    with FakeServer([reply]) as server:
        done = run_exec(tmp_path, [*provider(server.url, wire, more), "hi"], env=key)
        asked = [seen for seen in server.posts if seen.path.endswith(path)]
    error = last_error(done.stderr)
    assert cause in error
    assert step in error
    assert len(asked) == 1
    assert done.returncode == 1
    assert done.stdout == ""
    assert "s3cret-key" not in done.stderr


@pytest.mark.parametrize(
    ("reply", "requests", "cause"),
    [
        (
            Reply(
                status=429,
                body={"error": {"message": "slow down"}},
                headers={"retry-after": "0"},
            ),
            3,
            "x is busy (429): slow down",
        ),
        (rejected(500, "jinja exploded"), 3, "x failed (500): jinja exploded"),
        (
            [created(), failed("server_error", "boom")],
            2,
            "stream disconnected before completion: boom",
        ),
        (
            [created()],
            2,
            f"stream disconnected before completion: {UNFINISHED}",
        ),
    ],
)
def test_what_may_pass_is_tried_as_often_as_the_provider_says(
    tmp_path: Path, reply: Any, requests: int, cause: str
) -> None:
    more = ",request_max_retries=2,stream_max_retries=1"
    with FakeServer([reply]) as server:
        done = run_exec(tmp_path, [*provider(server.url, more=more), "hi"])
        assert len(server.posts) == requests
    assert last_error(done.stderr).startswith(cause)
    assert done.returncode == 1


def test_a_server_that_is_down_is_said_at_once(tmp_path: Path) -> None:
    with FakeServer([turn(message("hi"))]) as server:
        gone = server.url
    done = run_exec(tmp_path, [*provider(gone), "hi"])
    where = gone.removeprefix("http://")
    assert last_error(done.stderr) == (
        f"cannot connect to {where}: connection refused\n"
        "Nothing listens there: start the server."
    )
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("config", "arguments", "text"),
    [
        ("model = \n", [], "home/config.toml:1:9: invalid value"),
        ("notify = 3\n", [], "`notify`"),
        ("", ["-c", "model_provider=zzz"], "Model provider `zzz` not found (-c)"),
        ("", ["-c", "model_provider=openai"], "OPENAI_API_KEY"),
        ("", ["-p", "nobody"], 'Profile "nobody" not found'),
        ("", ["-c", "=1"], "Empty key in override"),
        ("", ["--output-schema", "no.json"], "output schema file no.json"),
        ("", ["-C", "no-such-folder"], "cannot use folder `no-such-folder`"),
    ],
)
def test_a_wrong_configuration_is_named_and_nothing_is_started(
    tmp_path: Path, config: str, arguments: list[str], text: str
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(config)
    done = run_exec(tmp_path, [*arguments, "hi", "-m", "m"])
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert not (tmp_path / "home" / "sessions").exists()


def test_a_wrong_flag_ends_with_2_and_the_way_to_the_help(tmp_path: Path) -> None:
    done = run_exec(tmp_path, ["--no-such-flag", "hi"])
    assert "--no-such-flag" in done.stderr
    assert "codex-oss exec --help" in done.stderr
    assert done.returncode == 2


def test_outside_a_repository_the_agent_asks_to_be_told_so(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    done = run_exec(tmp_path, ["-C", "../plain", "hi"])
    assert "--skip-git-repo-check" in done.stderr
    assert done.returncode == 1


def test_what_was_said_before_a_failure_is_on_disk(tmp_path: Path) -> None:
    cut = turn(message("half of it"))[:-1]
    more = ",stream_max_retries=0"
    with FakeServer([cut]) as server:
        run_exec(tmp_path, [*provider(server.url, more=more), "hello there"])
    (rollout,) = (tmp_path / "home" / "sessions").rglob("*.jsonl")
    kept = rollout.read_text()
    assert "hello there" in kept
    assert "half of it" in kept


def test_the_last_message_goes_to_the_file_that_o_names(tmp_path: Path) -> None:
    with FakeServer([turn(message("the answer"))]) as server:
        run_exec(tmp_path, [*provider(server.url), "-o", "last.txt", "hi"])
    assert (tmp_path / "repo" / "last.txt").read_text() == "the answer"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["exec", "hi", "-m", "m", "--output-schema", "/dev/stdin"],
            "Error: Output schema file /dev/stdin is not valid JSON: 'utf-8'",
        ),
        (["apply", "-"], "Error: there is no diff in stdin\n"),
        (["review", "-"], "Error: stdin is not UTF-8 text: invalid start byte\n"),
        (["exec", "-", "-m", "m"], "Error: stdin is not UTF-8 text: invalid start"),
    ],
)
def test_what_is_no_text_on_stdin_is_an_error_and_no_crash(
    tmp_path: Path, arguments: list[str], error: str
) -> None:
    done = subprocess.run(
        [*OURS, *arguments],
        cwd=prepared(tmp_path),
        env=environment(tmp_path),
        input=b'{"a": "\xff"}',
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert error in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1


def test_a_provider_without_an_address_is_named(tmp_path: Path) -> None:
    chosen = ["-c", "model_provider=y", "-c", 'model_providers.y={name="y"}']
    ran = run_exec(tmp_path, [*chosen, "-m", "m", "hello"])
    assert ran.returncode == 1
    assert "Error: `model_providers.y.base_url` is not set" in ran.stderr.splitlines()
