"""`codex-oss engines` as its user calls it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codex_oss import cli
from codex_oss.wiring import report
from fake_ollama import FakeOllama, OllamaModel
from fake_server import FakeServer, closed_port

VLLM = {
    "/v1/models": {"data": [{"id": "big", "owned_by": "vllm", "max_model_len": 65536}]},
    "/version": {"version": "0.33.0"},
}
NOWHERE = ("lmstudio", "llamacpp", "sglang")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a new user's home."""
    codex = tmp_path / ".codex"
    codex.mkdir()
    for name in ("CODEX_OSS_BASE_URL", "CODEX_OSS_PORT", "OLLAMA_HOST", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_HOME", str(codex))
    monkeypatch.setenv("CODEX_OSS_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(report, "EMBEDDED_PACKAGE", "codex-oss")
    return codex


@pytest.fixture
def closed(home: Path) -> Iterator[int]:
    """Move servers to a port where nothing listens; return it."""
    with closed_port() as port:
        write(home, **dict.fromkeys(NOWHERE, f"http://127.0.0.1:{port}/v1"))
        yield port


def write(home: Path, **urls: str) -> None:
    with (home / "config.toml").open("a") as file:
        for name, url in urls.items():
            file.write(f'[model_providers.{name}]\nbase_url = "{url}"\n')


def engines(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["engines", *words])
    told = capsys.readouterr()
    assert told.err == ""
    return code, told.out


@pytest.mark.usefixtures("closed")
def test_the_page_says_what_was_found_what_is_taken_and_why(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = (OllamaModel("gpt-oss:20b"), OllamaModel("qwen3:8b", vram=0.5))
    with FakeOllama(*models) as ollama, FakeServer(get=VLLM) as vllm:
        ollama.load("qwen3:8b", 16384)
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        write(home, vllm=f"{vllm.url}/v1")
        code, page = engines(capsys)

    top, _, rest = page.partition("Embedded engine: ")
    assert code == 0
    assert top.splitlines()[0] == "Servers that answer"
    assert f"  Ollama 0.33.0 at {ollama.url} (OLLAMA_HOST)\n" in top
    assert "    gpt-oss:20b  " in top
    assert ", loaded with 16384 tokens of context, " in top
    assert ", 50% in graphics memory" in top
    assert f"  vLLM 0.33.0 at {vllm.url} (~/.codex/config.toml:8)\n" in top
    assert "    big  loaded with 65536 tokens of context\n" in top
    assert rest.partition("\n\n")[2] == (
        "Taken: gpt-oss:20b, by Ollama\n"
        f"  Ollama 0.33.0 at {ollama.url} has gpt-oss:20b\n"
        "Not taken\n"
        f"  vLLM 0.33.0 at {vllm.url}: another is preferred\n"
    )


def test_a_program_reads_the_same_as_json(
    closed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeOllama(OllamaModel("m:1b")) as ollama:
        monkeypatch.setenv("CODEX_OSS_BASE_URL", f"{ollama.url}/v1")
        code, text = engines(capsys, "--json")

    page: dict[str, Any] = json.loads(text)
    assert code == 0
    assert [(f["server"], f["url"], f["said_by"]) for f in page["found"]] == [
        ("ollama", ollama.url, "CODEX_OSS_BASE_URL")
    ]
    assert page["found"][0]["models"][0]["name"] == "m:1b"
    moved = f"http://127.0.0.1:{closed}"
    assert [s["url"] for s in page["silent"]] == [moved, "http://localhost:8000"]
    assert page["choice"] == {
        "engine": "ollama",
        "model": "m:1b",
        "url": ollama.url,
        "why": f"Ollama 0.33.0 at {ollama.url} has m:1b",
        "passed_over": [],
        "to_pull": False,
    }
    assert set(page["embedded"]) == {"version", "models"}


@pytest.mark.usefixtures("closed")
def test_what_was_asked_for_is_looked_at_with_its_own_eyes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeOllama(OllamaModel("gpt-oss:20b")) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        _, other = engines(capsys, "--local-provider", "embedded")
        _, named = engines(capsys, "-m", "absent:1b")

    assert "\nTaken: smollm2-135m, by the embedded engine\n  It was asked for." in other
    assert "\nTaken: absent:1b, by Ollama\n" in named


@pytest.mark.usefixtures("closed")
def test_where_nothing_can_be_taken_the_reason_and_the_exit_code_say_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeServer(get=VLLM) as vllm:
        write(home, vllm=f"{vllm.url}/v1")
        code, page = engines(capsys, "--local-provider", "vllm", "-m", "other")

    assert code == 1
    assert page.endswith(
        "Nothing can be taken: no server here serves `other`; there is big (vLLM)\n"
        "`codex-oss engines` shows what was found.\n"
    )


@pytest.mark.usefixtures("closed")
def test_names_that_servers_give_cannot_command_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {"data": [{"id": "evil\x1b[2Jmodel", "owned_by": "vllm"}]}
    with FakeServer(get={"/v1/models": listed}) as server:
        write(home, vllm=f"{server.url}/v1")
        _, page = engines(capsys, "--local-provider", "vllm")

    assert "\x1b" not in page
    assert r"evil\x1b[2Jmodel" in page


@pytest.mark.usefixtures("closed")
def test_another_provider_in_effect_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeOllama(OllamaModel("m:1b")) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        _, page = engines(capsys, "-c", "model_provider=openai")

    assert (
        "Provider openai is in effect (-c); with --oss this would be taken:\n"
        "Taken: m:1b, by Ollama\n"
    ) in page


def test_the_servers_of_a_provider_with_several_are_asked_one_by_one(
    home: Path, closed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"/v1/models": {"data": [{"id": "small", "owned_by": "vllm"}]}}
    with FakeServer(get=VLLM) as one, FakeServer(get=other) as two:
        urls = [one.url, two.url, f"http://127.0.0.1:{closed}"]
        settings = (home / "config.toml").read_text()
        (home / "config.toml").write_text(
            'model_provider = "team"\nmodel = "big"\n'
            f"[model_providers.team]\nbase_urls = {[f'{url}/v1' for url in urls]}\n"
            + settings
        )
        code, page = engines(capsys)
    assert code == 0
    assert page.partition("Provider team")[2].splitlines() == [
        " is in effect; its conversations are spread over",
        f"  vLLM 0.33.0 at {one.url}",
        "    big  loaded with 65536 tokens of context",
        f"  vLLM at {two.url} lacks big",
        "    small",
        f"  http://127.0.0.1:{closed}: does not answer",
    ]
