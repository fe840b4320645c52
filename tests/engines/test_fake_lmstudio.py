"""The fake LM Studio: what its documentation says of loading and downloading."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from fake_lmstudio import FakeLmStudio, LmModel
from fake_server import WAIT_S

MODELS = "/api/v1/models"
HI = [{"role": "user", "content": "hi"}]
LONG = [{"role": "user", "content": "word " * 4000}]
BIG = LmModel("big", size=4000)
BROKEN = LmModel("bad", size=4000, broken=True)


def ask(server: FakeLmStudio, path: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(server.url + path, data, timeout=WAIT_S) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]


def test_a_model_is_loaded_when_it_is_asked_for_with_little_context() -> None:
    with FakeLmStudio(LmModel("a")) as server:
        before = ask(server, MODELS)["models"][0]["loaded_instances"]
        ask(server, "/v1/chat/completions", {"model": "a", "messages": HI})
        after = ask(server, MODELS)["models"][0]["loaded_instances"]
        status, said = ask(
            server, "/v1/chat/completions", {"model": "a", "messages": LONG}
        )
    assert (before, server.loads) == ([], [("a", 4096)])
    assert after == [{"id": "a", "config": {"context_length": 4096}}]
    assert status == 400
    assert "loaded with context length of only 4096 tokens" in said


def test_a_model_is_loaded_with_what_is_asked_for_and_unloaded() -> None:
    wanted = {"model": "a", "context_length": 200000, "echo_load_config": True}
    with FakeLmStudio(LmModel("a", trained=131072)) as server:
        loaded = ask(server, f"{MODELS}/load", wanted)
        gone = ask(server, f"{MODELS}/unload", {"instance_id": "a"})
        again = ask(server, f"{MODELS}/unload", {"instance_id": "a"})
    assert loaded == {
        "type": "llm",
        "instance_id": "a",
        "load_time_seconds": 9.099,
        "status": "loaded",
        "load_config": {"context_length": 131072},
    }
    assert (gone, again[0], server.loaded) == ({"instance_id": "a"}, 404, {})


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (BIG, [(1000, "downloading"), (2000, "downloading"), (3000, "downloading")]),
        (BROKEN, [(1000, "downloading"), (2000, "failed"), (2000, "failed")]),
    ],
)
def test_a_download_goes_on_when_it_is_asked_for(
    model: LmModel, told: list[tuple[int, str]]
) -> None:
    with FakeLmStudio(downloads=[model]) as server:
        job = ask(server, f"{MODELS}/download", {"model": model.key})
        path = f"{MODELS}/download/status/{job['job_id']}"
        states = [ask(server, path) for _ in range(4)]
        again = ask(server, f"{MODELS}/download", {"model": model.key})
    assert (job["status"], job["total_size_bytes"]) == ("downloading", 4000)
    assert [(s["downloaded_bytes"], s["status"]) for s in states[:3]] == told
    whole = not model.broken
    assert states[3]["status"] == ("completed" if whole else "failed")
    assert again["status"] == ("already_downloaded" if whole else "downloading")


def test_what_it_has_not_is_refused_and_what_it_knows_not_is_no_fault() -> None:
    with FakeLmStudio(LmModel("a")) as server:
        assert ask(server, f"{MODELS}/load", {"model": "x"})[0] == 404
        assert ask(server, f"{MODELS}/download", {"model": "x"})[0] == 404
        assert ask(server, "/api/version") == {
            "error": "Unexpected endpoint or method. (GET /api/version). "
            "Returning 200 anyway"
        }


def test_responses_take_functions_only_and_an_empty_input_loads() -> None:
    freeform = [{"type": "function", "name": "a"}, {"type": "custom", "name": "b"}]
    with FakeLmStudio(LmModel("a")) as server:
        asked = {"model": "a", "input": "", "max_output_tokens": 1}
        empty = ask(server, "/v1/responses", asked)
        status, error = ask(
            server, "/v1/responses", {"model": "a", "input": "x", "tools": freeform}
        )
    assert (empty["output"], server.loads) == ([], [("a", 4096)])
    assert (status, error["param"]) == (400, "tools.1.type")
