"""The embedded engine's child after its end: started again where it was."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from codex_oss.engines import revival
from codex_oss.engines.base import Ready
from codex_oss.errors import EngineEnded
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.ports import unheard
from llamacpp_bench import (
    LIMIT_S,
    MODEL,
    Bench,
    child_of,
    needs_model,
    needs_pidfd,
    props,
    wait_gone,
)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time with a child's end."""
    monkeypatch.setattr(revival, "DYING_S", LIMIT_S)


async def end(bench: Bench, pid: int) -> None:
    """Kill the child while it is asked something, and wait until the engine knows."""
    reviver = bench.engine.reviver
    assert reviver is not None
    over = await reviver.ready(b"its end", unheard)
    os.kill(pid, signal.SIGKILL)
    over(True)
    assert "signal 9" in await reviver.ended()


async def again(bench: Bench) -> None:
    reviver = bench.engine.reviver
    assert reviver is not None
    await reviver.ready(b"another", unheard)


@needs_pidfd
def test_a_child_that_was_killed_serves_again_at_the_same_place(tmp_path: Path) -> None:
    told: list[Any] = []

    async def kill(ready: Ready, client: Client) -> None:
        for _ in range(2):
            told.append(await props(ready, client))
            await end(bench, told[-1]["pid"])
            await again(bench)
        told.append(await props(ready, client))

    bench = Bench(tmp_path, "serve")
    bench.run(kill)

    first, second, third = told
    assert len({each["pid"] for each in told}) == 3
    assert second["params"] == first["params"] | {"port": second["params"]["port"]}
    assert bench.ready.base_url.endswith(f":{second['params']['port']}/v1")
    assert third["params"] == second["params"]
    wait_gone(third["pid"])
    log = (bench.logs / f"llamacpp-{os.getpid()}.log").read_text()
    assert log.count("srv loading") == 3, "what the first said is lost"


@needs_pidfd
def test_why_the_child_cannot_be_started_again_is_told(tmp_path: Path) -> None:
    async def kill(ready: Ready, client: Client) -> None:
        (tmp_path / "stays-away").touch()
        await end(bench, (await props(ready, client))["pid"])
        with pytest.raises(EngineEnded) as caught:
            await again(bench)
        assert str(caught.value).endswith(
            f"cannot be started again: There is not enough memory for {bench.model}"
        )

    bench = Bench(tmp_path, "serve")
    bench.run(kill)


@needs_pidfd
def test_whose_port_is_taken_meanwhile_is_not_started_again(tmp_path: Path) -> None:
    async def kill(ready: Ready, client: Client) -> None:
        port = urls.parse(ready.base_url).port
        await end(bench, (await props(ready, client))["pid"])
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
            with pytest.raises(EngineEnded) as caught:
                await again(bench)
        assert str(caught.value).endswith(
            f"cannot be started again: port {port}, where it was, is another program's "
            "by now"
        )
        await again(bench)
        assert (await props(ready, client))["params"]["port"] == port

    bench = Bench(tmp_path, "serve")
    bench.run(kill)


@needs_model
@needs_pidfd
def test_the_real_engine_answers_after_its_child_was_killed(tmp_path: Path) -> None:
    assert MODEL is not None
    answers: list[Any] = []

    async def kill(ready: Ready, client: Client) -> None:
        asked = {
            "model": ready.model,
            "messages": [{"role": "user", "content": "Say hello."}],
            "max_tokens": 8,
            "temperature": 0,
        }
        headers = [("authorization", f"Bearer {ready.api_key}")]
        url = f"{ready.base_url}/chat/completions"
        for _ in range(2):
            answers.append(
                await client.post_json(url, asked, headers=headers, timeout_s=60)
            )
            if len(answers) == 1:
                await end(bench, child_of(os.getpid()))
                await again(bench)

    bench = Bench(tmp_path, "", "")
    bench.model = Path(MODEL)
    bench.run(kill)

    first, second = (each["choices"][0]["message"]["content"] for each in answers)
    assert first == second != ""
