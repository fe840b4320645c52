"""The bridge's own engine ends while clients wait: it is started again for them."""

import json
import os
import signal
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

import fake_gguf
from bridges import Running, embedded
from children import needs_linux
from codex_cli import CODEX, NO_CODEX, Codex
from llamacpp_bench import FAKE, MODEL, child_of, kill_child_of, needs_model
from running import ROOT

pytestmark = needs_linux

LIMIT_S = 180
ENDED = "llama.cpp has ended (signal 9, most likely for lack of memory)"


def bridge(folder: Path, *kills: str) -> AbstractContextManager[Running]:
    """Run a bridge with a fake engine that ends as ``kills`` says."""
    model = folder / "m.gguf"
    model.write_bytes(fake_gguf.encode())
    (folder / "kills").write_text(" ".join(kills))
    env = {
        "PYTHONPATH": f"{FAKE}:{ROOT / 'src'}",
        "FAKE_LLAMACPP": "serve",
        "LLAMACPP_FOLDER": str(folder),
    }
    return embedded(str(model), env=env)


def ask(url: str, text: str = "hi", *, stream: bool = False) -> httpx.Response:
    body = {"model": "m", "input": text, "stream": stream}
    return httpx.post(f"{url}/v1/responses", json=body, timeout=LIMIT_S)


def text_of(answer: httpx.Response) -> str:
    [item] = answer.json()["output"]
    return item["content"][0]["text"]


def last_event(answer: httpx.Response) -> dict[str, Any]:
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    return json.loads(lines[-1].removeprefix("data: "))


def log_of(running: Running) -> str:
    """Return what a bridge said that has ended; before, it may not have said it all."""
    return "".join(running.log)


def test_a_client_that_was_shown_nothing_gets_its_answer_all_the_same(
    tmp_path: Path,
) -> None:
    with bridge(tmp_path, "reading") as running:
        answer = ask(running.url, stream=True)
        assert last_event(answer)["type"] == "response.completed", answer.text
    assert f'remark text="{ENDED}. It is started again."' in log_of(running)


def test_a_client_that_has_seen_some_is_told_how_it_ended_and_may_ask_again(
    tmp_path: Path,
) -> None:
    with bridge(tmp_path, "answering") as running:
        failed = last_event(ask(running.url, stream=True))
        assert failed["type"] == "response.failed"
        said = failed["response"]["error"]["message"]
        assert said == f"{ENDED}. Ask again: the next request starts it again."
        assert text_of(ask(running.url)) == "whole"


def test_clients_that_come_meanwhile_are_all_answered(tmp_path: Path) -> None:
    with bridge(tmp_path) as running:
        kill_child_of(running.pid)
        answers: list[str] = []

        def take(number: int) -> None:
            answers.append(text_of(ask(running.url, str(number))))

        threads = [threading.Thread(target=take, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_S)
        assert answers == ["whole"] * 4


def test_what_ends_it_again_is_refused_and_others_are_answered(tmp_path: Path) -> None:
    with bridge(tmp_path, "reading", "reading") as running:
        first, second = ask(running.url, "deadly"), ask(running.url, "deadly")
        assert (first.status_code, second.status_code) == (502, 503)
        assert ENDED in first.json()["error"]["message"]
        assert "over the same request" in second.json()["error"]["message"]
        assert text_of(ask(running.url, "another")) == "whole"
    assert len(list(tmp_path.glob("asked-*"))) == 3


def test_what_is_passed_on_starts_it_again_too_but_a_look_does_not(
    tmp_path: Path,
) -> None:
    with bridge(tmp_path) as running:
        kill_child_of(running.pid)
        health = httpx.get(f"{running.url}/__health", timeout=LIMIT_S).json()
        assert health["status"] == "degraded"
        with pytest.raises(AssertionError, match="has no engine"):
            child_of(running.pid)
        body = {"messages": list[str](), "stream": True}
        url = f"{running.url}/v1/chat/completions"
        answer = httpx.post(url, json=body, timeout=LIMIT_S)
        assert answer.status_code == 200
        assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.skipif(not CODEX, reason=NO_CODEX)
@pytest.mark.parametrize("end", ["reading", "answering"])
def test_codex_goes_on_by_itself(tmp_path: Path, end: str) -> None:
    codex = Codex(tmp_path / "codex")
    with bridge(tmp_path, end) as running:
        done = codex.run(running.url, "say hello", codex.folder("work"), provider="")
    assert [item["text"] for item in done.items("agent_message")] == ["whole"]
    assert done.told[-1]["type"] == "turn.completed"
    assert f"{ENDED}. It is started again." in log_of(running)


@needs_model
def test_the_real_engine_is_killed_in_mid_answer(tmp_path: Path) -> None:
    assert MODEL is not None
    body = {"model": "m", "input": "Tell a story.", "stream": True}
    with embedded(MODEL) as running:
        url = f"{running.url}/v1/responses"
        engine = child_of(running.pid)
        with httpx.stream("POST", url, json=body, timeout=LIMIT_S) as answer:
            lines = answer.iter_lines()
            assert any("output_text.delta" in line for line in lines)
            os.kill(engine, signal.SIGKILL)
            assert any(ENDED in line for line in lines)
        more = body | {"stream": False, "max_output_tokens": 8}
        assert text_of(httpx.post(url, json=more, timeout=LIMIT_S))
    assert f"{ENDED}. It is started again." in log_of(running)
