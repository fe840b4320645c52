"""Whole tasks that find their server themselves, or are told where it is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_lmstudio import FakeLmStudio
from fake_ollama import FakeOllama, OllamaModel, Say
from fake_openai import Compatible
from fake_server import LLAMACPP, FakeServer, chat_text, chat_turn, closed_port
from fake_vllm import FakeLlamaServer, FakeSglang, FakeVllm
from running import run_exec

MODEL = "gpt-oss:20b"
ABSENT = 1
"""A port that needs rights which nobody has here, so that nothing listens there."""
MOVED = ("ollama", "lmstudio", "llamacpp", "vllm", "sglang")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[None]:
    """Move all servers' places to where nothing listens, whatever runs here."""
    with closed_port() as port:
        home = tmp_path / "home"
        home.mkdir()
        (home / "config.toml").write_text(
            "".join(
                f'[model_providers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
                for name in MOVED[1:]
            )
        )
        yield


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize("named", [["-m", MODEL], []])
def test_oss_finds_the_ollama_that_runs_and_speaks_to_it_natively(
    tmp_path: Path, named: list[str]
) -> None:
    with FakeOllama(OllamaModel(MODEL), answers=[Say("hello")]) as server:
        done = run_exec(
            tmp_path,
            ["--oss", *named, "hi"],
            env={"OLLAMA_HOST": f"{server.url}/v1"},
        )
    assert done.stdout == "hello\n", done.stderr
    asked = [chat for chat in server.chats if chat.get("messages")]
    assert [chat["model"] for chat in asked] == [MODEL]
    assert server.loads == [(MODEL, 32768)]
    assert (
        f"model: {MODEL}\nprovider: oss\nserver: Ollama 0.33.0 at {server.url}\n"
        "context: 32768 tokens of 131072\ngraphics: all of the model\n"
    ) in done.stderr


KINDS = [
    ("lmstudio", lambda: FakeLmStudio(key="k"), "LM Studio"),
    ("llamacpp", lambda: FakeLlamaServer(key="k"), "llama.cpp b11549-fake"),
    ("vllm", lambda: FakeVllm(key="k"), "vLLM 0.33.0"),
    ("sglang", lambda: FakeSglang(key="k"), "SGLang 0.5.23"),
]


@pytest.mark.parametrize(("name", "make", "title"), KINDS, ids=lambda v: str(v)[:8])
@pytest.mark.parametrize("words", [["--oss"], ["--local-provider"]])
def test_every_kind_of_server_does_a_task_without_its_models_name(
    tmp_path: Path,
    name: str,
    make: Callable[[], Compatible],
    title: str,
    words: list[str],
) -> None:
    words = [*words, name] if "--local-provider" in words else words
    config = tmp_path / "home" / "config.toml"
    with make() as server:
        table = f'[model_providers.{name}]\nbase_url = "{server.url}/v1"\n'
        others = config.read_text().replace(f"[model_providers.{name}]", "[old]")
        config.write_text(f'{table}env_key = "THE_KEY"\n{others}')
        done = run_exec(
            tmp_path,
            [*words, "hi"],
            env={"THE_KEY": "k", "OLLAMA_HOST": f"http://127.0.0.1:{ABSENT}"},
        )
    assert done.stdout == "Hello.\n", done.stderr
    assert f"server: {title} at {server.url}\n" in done.stderr


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.5, "50% of the model; the CPU does the rest"),
        (0.0, "0% of the model; the CPU does it all"),
    ],
)
def test_the_banner_says_how_much_of_the_model_the_cpu_computes(
    tmp_path: Path, share: float, told: str
) -> None:
    with FakeOllama(OllamaModel(MODEL, vram=share)) as server:
        done = run_exec(tmp_path, ["--oss", "hi"], env={"OLLAMA_HOST": server.url})
    assert f"graphics: {told}\n" in done.stderr


def test_a_local_provider_that_is_named_needs_no_model(tmp_path: Path) -> None:
    with FakeOllama(OllamaModel("qwen3:8b"), answers=[Say("hello")]) as server:
        done = run_exec(
            tmp_path,
            ["--local-provider", "ollama", "hi"],
            env={"OLLAMA_HOST": server.url},
        )
    assert done.stdout == "hello\n", done.stderr
    assert server.loads == [("qwen3:8b", 32768)]


def test_a_model_that_ollama_lacks_is_not_pulled_but_named(tmp_path: Path) -> None:
    with FakeOllama(OllamaModel(MODEL)) as server:
        done = run_exec(
            tmp_path, ["--oss", "-m", "big:70b", "hi"], env={"OLLAMA_HOST": server.url}
        )
    assert server.asked_for("/api/pull") == 0
    assert "models pull big:70b" in done.stderr
    assert done.returncode == 1


def test_another_server_at_ollamas_place_is_called_by_its_name(tmp_path: Path) -> None:
    listed = {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 16384}]}
    with FakeServer(
        [chat_turn(chat_text("hello"))], get={"/v1/models": listed}
    ) as server:
        done = run_exec(
            tmp_path, ["--oss", "hi"], env={"CODEX_OSS_BASE_URL": f"{server.url}/v1"}
        )
    assert done.stdout == "hello\n", done.stderr
    assert f"server: vLLM at {server.url}" in done.stderr
    assert "model: m\n" in done.stderr


@pytest.mark.parametrize("by", ["CODEX_OSS_BASE_URL", "CODEX_OSS_PORT"])
def test_a_server_that_says_nothing_of_itself_is_taken_at_its_word(
    tmp_path: Path, by: str
) -> None:
    with FakeServer([chat_turn(chat_text("here"))], get=LLAMACPP) as server:
        env = {"CODEX_OSS_BASE_URL": f"{server.url}/v1"}
        if by == "CODEX_OSS_PORT":
            env = {by: str(server.port)}
        done = run_exec(tmp_path, ["--oss", "-m", "m", "hi"], env=env)
    assert done.stdout == "here\n", done.stderr


def test_a_place_that_was_named_and_is_empty_is_an_error(tmp_path: Path) -> None:
    with closed_port() as port:
        done = run_exec(
            tmp_path,
            ["--oss", "hi"],
            env={"CODEX_OSS_BASE_URL": f"http://[::1]:{port}"},
        )
    assert done.returncode == 1
    assert (
        "Error: no server that lists models answers at "
        f"http://[::1]:{port} (CODEX_OSS_BASE_URL)\n"
    ) in done.stderr
