"""A server of our own: started, asked for, ended with us. Real processes only."""

import asyncio
import fcntl
import sys
from pathlib import Path

import pytest

from children import needs_linux
from codex_oss.engines import at_hand
from codex_oss.engines.base import (
    Loading,
    Looking,
    Pulling,
    Ready,
    Starting,
    Verifying,
)
from codex_oss.engines.ollama import Ollama, orphans, private
from codex_oss.engines.ollama.api import Api
from codex_oss.engines.ollama.private import environment
from codex_oss.errors import DownloadError
from codex_oss.net import Client
from codex_oss.process import detached
from codex_oss.process.detached import Process
from fake_ollama import Pull, Store
from fake_ollama_program import Behaviour, install
from fake_server import closed_port
from private_ollama import Bench
from with_ollama import LIMIT_S, MODEL, NAME, Somebody, plain

TESTS = Path(__file__).resolve().parents[2]

pytestmark = needs_linux


# --- started and ended ---------------------------------------------------------------


def test_a_server_is_started_on_a_free_port_and_ended_with_the_engine(
    tmp_path: Path,
) -> None:
    bench, running = Bench(tmp_path), list[Process]()
    bench.own(MODEL)

    async def look(ready: Ready, client: Client) -> None:
        running.extend(bench.servers())
        loaded = await Api(client, ready.base_url).loaded(NAME)
        assert loaded is not None
        assert loaded.context_length == ready.context_window == 32768

    bench.run(look)

    starting, loading, ready = bench.events
    assert [starting, loading] == [Starting("Ollama", NAME), Loading(NAME)]
    assert isinstance(ready, Ready)
    assert ready.base_url.startswith("http://127.0.0.1:")
    assert len(running) == 1
    assert not detached.runs(running[0])
    assert not list((tmp_path / "state/ollama").glob("*.json"))
    assert "Listening on 127.0.0.1:" in bench.logs()


def test_a_model_that_is_there_is_reason_enough_to_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.own(MODEL)
    bench.run()

    assert bench.somebody.asked == []


def test_without_the_model_starting_and_pulling_are_two_questions(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, Behaviour(pulls={NAME: [Pull(MODEL)]}))
    bench.run()

    store = f"{tmp_path}/state/models/ollama"
    assert [question.kind for question in bench.somebody.asked] == ["start", "pull"]
    start = bench.somebody.asked[0]
    assert start.command == f"OLLAMA_MODELS={store} {bench.program} serve"
    assert dict(start.facts)["models"] == store
    assert Path(store, "manifests").is_dir()
    assert Pulling(NAME, 8200, 8200, 0.0) in bench.events


def test_a_model_can_be_pulled_without_being_loaded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Behaviour(pulls={NAME: [Pull(MODEL)]}))

    async def work(port: int) -> None:
        client = Client({})
        engine = Ollama(bench.options(port), client)
        try:
            async with asyncio.timeout(LIMIT_S):
                bench.events += [plain(e) async for e in engine.pull(NAME)]
        finally:
            await engine.close()
            await client.close()

    with closed_port() as port:
        asyncio.run(work(port))

    assert bench.events[-2:] == [Pulling(NAME, 8200, 8200, 0.0), Verifying(NAME)]
    assert bench.servers() == []
    installed = at_hand.installed(at_hand.own_store(bench.options(1).models))
    assert [model.name for model in installed] == [NAME]


def test_without_consent_nothing_is_started(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.somebody = Somebody(says=False)

    error = bench.error()

    assert str(error) == "Ollama was not started: the answer was no"
    assert f"{bench.program} serve" in error.hint
    assert not (tmp_path / "state/logs").exists()


def test_a_model_of_the_person_s_own_store_is_used_where_it_lies(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    Store([MODEL], tmp_path / ".ollama/models")

    bench.run()

    assert isinstance(bench.events[-1], Ready)
    assert bench.somebody.asked == []
    assert not at_hand.own_store(bench.options(1).models).exists()


def test_the_person_s_settings_hold_but_for_place_context_and_cloud() -> None:
    mine = {"OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_HOST": "0.0.0.0", "HOME": "/h"}

    assert environment(mine, Path("/store"), 65536) == {
        "OLLAMA_FLASH_ATTENTION": "1",
        "HOME": "/h",
        "OLLAMA_HOST": "127.0.0.1:0",
        "OLLAMA_MODELS": "/store",
        "OLLAMA_CONTEXT_LENGTH": "65536",
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_NOPRUNE": "1",
    }


def test_two_at_once_share_no_port_and_leave_each_other_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.own(MODEL)

    async def again(first: Ready, client: Client) -> None:
        def second() -> str:
            other = Bench(tmp_path)
            other.run()
            assert isinstance(other.events[-1], Ready)
            return other.events[-1].base_url

        url = await asyncio.to_thread(second)
        assert url != first.base_url
        assert await Api(client, first.base_url).answers()
        assert len(bench.servers()) == 1

    bench.run(again)


def test_two_downloads_into_one_store_wait_for_each_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Behaviour(pulls={NAME: [Pull(MODEL)]}))
    store = at_hand.own_store(bench.options(1).models)
    store.mkdir(parents=True)

    async def work(port: int) -> None:
        client = Client({})
        engine = Ollama(bench.options(port), client)
        lock = (store / "pull.lock").open("w")
        try:
            async with asyncio.timeout(LIMIT_S):
                fcntl.flock(lock, fcntl.LOCK_EX)
                async for event in engine.pull(NAME):
                    bench.events.append(plain(event))
                    if isinstance(event, Looking) and "waiting" in event.what:
                        lock.close()
        finally:
            lock.close()
            await engine.close()
            await client.close()

    with closed_port() as port:
        asyncio.run(work(port))

    waiting = Looking(f"{NAME}: another codex-oss is downloading; waiting")
    assert bench.events[1] == waiting
    assert bench.events[-1] == Verifying(NAME)


# --- starts that fail ----------------------------------------------------------------


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Behaviour(fails="could not create key: read-only disk"))
    bench.own(MODEL)

    error = bench.error()

    assert str(error) == (
        "Ollama ended with code 1 before it served: "
        "could not create key: read-only disk"
    )
    assert error.hint.startswith(f"Its log: {tmp_path}/state/logs/ollama-")
    assert not list((tmp_path / "state/ollama").glob("*.json"))


def test_a_program_that_cannot_run_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.own(MODEL)
    bench.program.write_bytes(b"\x7fELF broken")

    assert str(bench.error()).startswith("Cannot start Ollama: ")


_CANNOT_LOAD = """
import signal, sys
sys.path.insert(0, {tests!r})
from fake_ollama import FakeOllama, OllamaModel
from fake_server import Reply

signal.alarm(60)
with FakeOllama(OllamaModel({name!r})) as server:
    said = "model requires more system memory (9 GiB) than is available (8 GiB)"
    server.post["/api/chat"] = Reply(status=500, body=dict(error=said))
    print("Listening on 127.0.0.1:%d (version 0.33.0)" % server.port, flush=True)
    signal.pause()
"""


def test_a_model_that_cannot_be_loaded_names_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.own(MODEL)
    code = _CANNOT_LOAD.format(tests=str(TESTS), name=NAME)
    bench.program.write_text(f"#!{sys.executable}\n{code}")

    error = bench.error()

    assert "There is not enough memory for it" in str(error)
    assert f"Its log: {tmp_path}/state/logs/ollama-" in error.hint


def test_words_that_are_not_known_name_the_log_of_our_own_server(
    tmp_path: Path,
) -> None:
    pulls = {NAME: [Pull(after=0, error="something new")]}
    error = Bench(tmp_path, Behaviour(pulls=pulls)).error()

    assert str(error) == f"Downloading {NAME} failed: something new"
    assert isinstance(error, DownloadError)
    assert error.hint.startswith(f"Its log: {tmp_path}/state/logs/ollama-")


def test_an_ollama_that_is_too_old_is_ended_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Behaviour(version="0.5.1"))
    bench.own(MODEL)

    assert "too old" in str(bench.error())
    assert bench.servers() == []


def test_a_failed_pull_ends_the_server_and_the_next_goes_on(tmp_path: Path) -> None:
    pulls = [Pull(MODEL, after=4000, cut=True), Pull(MODEL)]
    bench = Bench(tmp_path, Behaviour(pulls={NAME: pulls}))

    assert isinstance(bench.error(), DownloadError)
    assert bench.servers() == []
    bench.events.clear()
    install(tmp_path / "bin", Behaviour(pulls={NAME: [Pull(MODEL)]}, grace_s=0))
    bench.run()

    first = next(event for event in bench.events if isinstance(event, Pulling))
    assert first.done == 4000
    assert isinstance(bench.events[-1], Ready)


def test_leaving_while_it_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, Behaviour(slow=str(tmp_path / "never")))
    bench.own(MODEL)
    started = asyncio.Event()

    def keep(folder: Path, pid: int) -> Path | None:
        started.set()
        return orphans.keep(folder, pid)

    monkeypatch.setattr(private, "keep", keep)

    async def work(port: int) -> list[Process]:
        client = Client({})
        engine = Ollama(bench.options(port), client)

        async def start() -> None:
            async for _ in engine.ensure(NAME):
                pass

        task = asyncio.ensure_future(start())
        try:
            async with asyncio.timeout(LIMIT_S):
                await started.wait()
            return bench.servers()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await engine.close()
            await client.close()

    with closed_port() as port:
        (server,) = asyncio.run(work(port))
    assert not detached.runs(server)
