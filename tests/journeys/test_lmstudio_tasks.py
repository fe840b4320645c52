"""Whole tasks with LM Studio, whose model is loaded for them."""

from pathlib import Path

from fake_lmstudio import FakeLmStudio, LmModel
from running import run_exec

KEY = "openai/gpt-oss-20b"


def at(server: FakeLmStudio) -> list[str]:
    """Return the arguments that name the server."""
    url = f"model_providers.lmstudio.base_url={server.url}/v1"
    return ["--oss", "--local-provider", "lmstudio", "-c", url]


def test_the_model_has_room_while_the_task_runs_and_is_gone_after_it(
    tmp_path: Path,
) -> None:
    with FakeLmStudio() as server:
        done = run_exec(tmp_path, [*at(server), "hello"])
    assert (done.returncode, done.stdout) == (0, "Hello.\n")
    assert f"model: {KEY}\n" in done.stderr
    assert "context: 32768 tokens of 131072\n" in done.stderr
    assert server.loads == [(KEY, 32768)]
    assert server.loaded == {}


def test_a_model_that_was_loaded_before_stays(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        server.load(KEY, 20000)
        done = run_exec(tmp_path, [*at(server), "hello"])
    assert "context: 20000 tokens of 131072\n" in done.stderr
    assert server.loaded == {KEY: 20000}


def test_a_missing_model_comes_by_consent_only(tmp_path: Path) -> None:
    downloads = [LmModel("qwen/qwen3-8b", size=100)]
    asked = ["-m", "qwen/qwen3-8b", "hello"]
    with FakeLmStudio(downloads=downloads) as server:
        refused = run_exec(tmp_path, [*at(server), *asked])
        allowed = run_exec(tmp_path, [*at(server), "--yes", *asked])
    assert refused.returncode == 1
    assert "lms get qwen/qwen3-8b" in refused.stderr
    assert (allowed.returncode, allowed.stdout) == (0, "Hello.\n")
    assert "Downloading qwen/qwen3-8b" in allowed.stderr
