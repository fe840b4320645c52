"""The embedded engine: its child process, started, refused, ended, orphaned."""

import asyncio
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codex_oss.engines import gguf, hardware, llamacpp
from codex_oss.engines.base import Loading, Ready, Starting
from codex_oss.engines.llamacpp import LlamaCpp
from codex_oss.engines.shape import Shape
from codex_oss.errors import EngineError
from codex_oss.net import Client
from llamacpp_bench import (
    FAKE,
    LIMIT_S,
    MODEL,
    Bench,
    needs_model,
    needs_pidfd,
    props,
    wait_gone,
)

SRC = Path(__file__).resolve().parents[2] / "src"


def test_a_model_is_loaded_with_what_the_server_then_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "serve")
    bench.run()

    name = str(bench.model)
    assert bench.events[:2] == [Starting("llama.cpp", name), Loading(name, 0.0)]
    ready = bench.ready
    assert ready == Ready(
        base_url=ready.base_url,
        model=name,
        context_window=8192,
        api_key=ready.api_key,
        server="llamacpp",
        supports_tools=True,
    )
    assert ready.base_url.startswith("http://127.0.0.1:")
    assert ready.base_url.endswith("/v1")


def test_nobody_else_can_use_the_server(tmp_path: Path) -> None:
    told: dict[str, Any] = {}

    async def ask(ready: Ready, client: Client) -> None:
        told.update(await props(ready, client))
        told["argv"] = Path(f"/proc/{told['pid']}/cmdline")
        if told["argv"].exists():
            told["argv"] = told["argv"].read_bytes()

    bench = Bench(tmp_path, "serve")
    bench.run(ask)

    params, key = told["params"], bench.ready.api_key
    assert key is not None
    assert params["api_keys"] == [key]
    assert params["hostnames"] == ["127.0.0.1"]
    assert (params["cors_origins"], params["cors_credentials"]) == ("", False)
    assert (params["ui"], params["endpoint_slots"]) == (False, False)
    assert key not in str(told["argv"])
    assert "CODEX_OSS_ENGINE_PARAMETERS" not in told["environment"]
    assert "OMP_WAIT_POLICY" in told["environment"]
    assert params["speculative"]["types"] == ["ngram_mod"]
    assert params["cpuparams"]["n_threads"] == 1
    assert params["model_alias"] == [str(bench.model)]


def test_closing_ends_the_child(tmp_path: Path) -> None:
    pids: list[int] = []

    async def ask(ready: Ready, client: Client) -> None:
        pids.append((await props(ready, client))["pid"])

    Bench(tmp_path, "serve").run(ask)

    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_model_that_cannot_rewind_is_loaded_without_speculation(
    tmp_path: Path,
) -> None:
    told: list[Any] = []

    async def ask(ready: Ready, client: Client) -> None:
        told.append(await props(ready, client))

    Bench(tmp_path, "choosy").run(ask)

    assert told[0]["params"]["speculative"]["types"] == []


LOADING = "0.00.028.571 E llama_model_load: error loading model: "


@pytest.mark.parametrize(
    ("log", "message", "hint"),
    [
        (
            "0.0 E gguf: failed to open GGUF file 'm' (No such file or directory)",
            "The model file {model} does not exist",
            "Check the path",
        ),
        (
            f"{LOADING}unknown model architecture: 'zlama'",
            "This llama.cpp cannot run the model: unknown model architecture: 'zlama'",
            "or use Ollama",
        ),
        (
            f"{LOADING}tensor 'a' data is not within the file bounds",
            "The model file {model} is damaged or not whole",
            "download it again",
        ),
        (
            "0.0 E ggml_aligned_malloc: insufficient memory (for 9 MB)",
            "There is not enough memory for {model}",
            "smaller model",
        ),
        (
            "srv start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 0",
            "llama.cpp could not listen on 127.0.0.1",
            "loopback",
        ),
    ],
    ids=["missing", "architecture", "damaged", "memory", "port"],
)
def test_the_reason_to_refuse_a_model_is_found_in_the_log(
    tmp_path: Path, log: str, message: str, hint: str
) -> None:
    bench = Bench(tmp_path, f"refuse {log}")
    error = bench.error()

    assert str(error) == message.format(model=bench.model)
    assert hint in error.hint
    assert bench.events[1:] == [Loading(str(bench.model), 0.0)]


def test_an_unknown_reason_is_quoted_and_its_log_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "refuse 0.00.001 E srv quantum flux")
    error = bench.error()

    assert str(error).endswith(f"while it loaded {bench.model}: srv quantum flux")
    path = Path(error.hint.removeprefix("Its log: "))
    assert path.parent == bench.logs
    assert "quantum flux" in path.read_text()


def test_a_crash_is_told_as_one(tmp_path: Path) -> None:
    error = Bench(tmp_path, "abort").error()
    assert str(error).startswith("llama.cpp crashed (signal 6) while it loaded")


def test_being_killed_means_a_lack_of_memory(tmp_path: Path) -> None:
    error = Bench(tmp_path, "kill").error()
    assert "signal 9" in str(error)
    assert "smaller model" in error.hint


@pytest.mark.parametrize(
    ("why", "message", "hint"),
    [
        ("No module named xllamacpp", "is not installed", "pip install codex-oss"),
        ("libgomp.so.1: cannot open", "lacks a library", "apt install libgomp1"),
    ],
)
def test_a_library_that_cannot_be_imported_is_told(
    tmp_path: Path, why: str, message: str, hint: str
) -> None:
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({why!r})\n")
    error = Bench(tmp_path, "serve", str(tmp_path)).error()

    assert message in str(error)
    assert why in str(error)
    assert hint in error.hint


def test_a_load_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llamacpp, "LOAD_LIMIT_S", 0.02)
    monkeypatch.setattr(llamacpp, "TICK_S", 0.01)
    bench = Bench(tmp_path, "hang")
    error = bench.error()

    assert "has not loaded" in str(error)
    ticks = [event.seconds for event in bench.events if isinstance(event, Loading)]
    assert ticks == [0.0, 0.01]


def hanging(log: Path) -> int | None:
    """Return the number of the child that said that it hangs."""
    words = log.read_text().split() if log.exists() else []
    return int(words[words.index("hanging") + 1]) if "hanging" in words else None


@needs_pidfd
def test_giving_up_while_a_model_loads_ends_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llamacpp, "TICK_S", 0.01)
    bench = Bench(tmp_path, "hang")

    async def give_up() -> int:
        client = Client({})
        engine = LlamaCpp(bench.options, client)
        async with (
            asyncio.timeout(LIMIT_S),
            aclosing(engine.ensure(str(bench.model))) as events,
        ):
            async for _ in events:
                log = bench.logs / f"llamacpp-{os.getpid()}.log"
                if pid := await asyncio.to_thread(hanging, log):
                    break
            else:
                raise AssertionError("it never hung")
        await engine.close()
        await client.close()
        return pid

    wait_gone(asyncio.run(give_up()))


PARENT = """
import asyncio, os, sys
from pathlib import Path
from codex_oss.engines import ENGINES, Options
from codex_oss.net import Client

async def main():
    models = Path(sys.argv[1])
    options = Options(models=models, logs=models / "logs", env=dict(os.environ))
    client = Client()
    async for event in ENGINES["embedded"](options, client).ensure(sys.argv[2]):
        pass
    headers = [("authorization", f"Bearer {event.api_key}")]
    url = event.base_url.removesuffix("/v1") + "/props"
    print((await client.get_json(url, headers=headers))["pid"], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@needs_pidfd
def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "serve")
    env = {**bench.options.env, "PYTHONPATH": f"{FAKE}:{SRC}"}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(bench.model)],
        env=env,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    wait_gone(pid)


def test_only_some_logs_are_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "serve")
    bench.logs.mkdir()
    for number in range(9):
        path = bench.logs / f"llamacpp-old{number}.log"
        path.touch()
        os.utime(path, (number, number))
    bench.run()

    kept = sorted(path.name for path in bench.logs.iterdir())
    own = f"llamacpp-{os.getpid()}.log"
    assert kept == [own, *[f"llamacpp-old{number}.log" for number in range(5, 9)]]


# --- how much context -------------------------------------------------------------

GIB = 1 << 30


def header(**fields: Any) -> gguf.Header:
    base = gguf.Header(
        architecture="llama",
        name="",
        size=4 * GIB,
        context_length=131_072,
        shape=Shape(per_token=32 * 1024),
        chat_template=None,
    )
    return msgspec.structs.replace(base, **fields)


@pytest.mark.parametrize(
    ("fields", "free", "tokens"),
    [
        ({}, 64 * GIB, 65_536),
        ({}, None, 65_536),
        ({"context_length": 8192}, 64 * GIB, 8192),
        ({"context_length": 0}, 64 * GIB, 65_536),
        ({"shape": Shape()}, GIB, 65_536),
        ({}, 6 * GIB, 16_384),
        ({}, 6 * GIB + 2_000_000, 16_384),
        ({"context_length": 512}, 5 * GIB, 512),
        ({"shape": Shape(per_token=32 * 1024, state=GIB // 2)}, 6 * GIB, 8192),
    ],
)
def test_the_context_is_what_model_and_memory_allow(
    fields: dict[str, Any], free: int | None, tokens: int
) -> None:
    assert llamacpp.fitting_context(header(**fields), free) == tokens


def test_a_model_that_does_not_fit_is_not_tried() -> None:
    with pytest.raises(EngineError) as caught:
        llamacpp.fitting_context(header(), 4 * GIB)
    assert str(caught.value) == (
        "This model needs about 4.8 GB of memory; 4.3 GB are free"
    )


def test_a_configured_context_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> int:
        return 0

    monkeypatch.setattr(hardware, "free_memory", none)
    bench = Bench(tmp_path, "serve")
    options = msgspec.structs.replace(bench.options, context_length=1000)
    assert llamacpp.plan(bench.model, "m", options).n_ctx == 1000


# --- the real one -----------------------------------------------------------------


@needs_model
def test_the_real_engine_answers_a_chat(tmp_path: Path) -> None:
    assert MODEL is not None
    bench = Bench(tmp_path, "", "")
    bench.model = Path(MODEL)
    answers: list[Any] = []

    async def chat(ready: Ready, client: Client) -> None:
        question = {"role": "user", "content": "Say hello."}
        asked = {"model": ready.model, "messages": [question], "max_tokens": 8}
        asked["temperature"] = 0  # else it sometimes says less
        headers = [("authorization", f"Bearer {ready.api_key}")]
        url = f"{ready.base_url}/chat/completions"
        answers.append(
            await client.post_json(url, asked, headers=headers, timeout_s=LIMIT_S)
        )

    bench.run(chat)

    assert bench.ready.context_window == 8192
    assert bench.ready.supports_tools is False
    assert answers[0]["choices"][0]["message"]["content"]
    assert answers[0]["usage"]["completion_tokens"] == 8


@needs_model
def test_the_real_engine_says_that_a_cut_model_is_damaged(tmp_path: Path) -> None:
    assert MODEL is not None
    bench = Bench(tmp_path, "", "")
    bench.model.write_bytes(Path(MODEL).read_bytes()[:20_000_000])

    assert "is damaged or not whole" in str(bench.error())
