"""What doctor makes of what is here: what may be amiss, and the next step."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from codex_oss.bridge.service.state import FOLDER, Instance, Shelf
from codex_oss.config.load import load
from codex_oss.engines import hardware
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.process.detached import Process
from codex_oss.wiring import doctor
from codex_oss.wiring.doctor import Check, Page, examine, serving
from codex_oss.wiring.permissions import Job
from fake_lmstudio import FakeLmStudio, LmModel
from fake_ollama import FakeOllama, OllamaModel
from fake_server import FakeServer, Reply, closed_port

GB = 1_000_000_000
LIMIT_S = 60
UPDATE = "Update Ollama: https://ollama.com/download"
CARD = Card(name="A card", memory=4 * GB, free=3 * GB)
LAPTOP = Host(processor="A processor", cores=8, memory=32 * GB, free=24 * GB)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for all parts as long as a busy machine needs."""
    monkeypatch.setattr(doctor, "WITHIN_S", LIMIT_S)
    monkeypatch.setattr(serving, "BRIDGE_S", LIMIT_S)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """The machine is a laptop of 32 GB."""

    async def look(_: Mapping[str, str]) -> Host:
        return LAPTOP

    monkeypatch.setattr(hardware, "look", look)
    return LAPTOP


@pytest.fixture
def nowhere() -> Iterator[str]:
    with closed_port() as port:
        yield f"http://127.0.0.1:{port}"


def page(folder: Path, config: str = "", **variables: str) -> Page:
    home = folder / ".codex"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(config)
    env = {"HOME": str(folder), "PATH": str(folder / "bin")} | variables
    # Nobody's own bridge answers for the test's.
    given = ["bridge.listen_port=1"]
    job = Job(loaded=load(home, env, overrides=given), cwd=folder, env=env)
    return asyncio.run(examine(job))


def row(told: Page, name: str) -> Check:
    found = [check for check in told.checks if check.name == name]
    assert len(found) == 1, found
    return found[0]


# --- servers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "state", "words", "following"),
    [
        ("0.8.0", "todo", "is too old: codex-oss needs 0.9.0", UPDATE),
        ("0.12.5", "todo", "lose their begin before 0.12.6", UPDATE),
        ("0.13.3", "note", "the Codex CLI's own --oss needs 0.13.4", UPDATE),
        ("0.13.4", "ok", "1 model", ""),
        ("0.0.0", "ok", "1 model", ""),
    ],
)
def test_an_old_ollama_is_told_by_what_it_cannot(
    tmp_path: Path, version: str, state: str, words: str, following: str
) -> None:
    with FakeOllama(OllamaModel("gpt-oss:20b"), version=version) as server:
        told = row(page(tmp_path, OLLAMA_HOST=server.url), "Ollama")
    assert (told.state, told.next) == (state, following)
    assert words in told.value
    assert f"at {server.url} (OLLAMA_HOST)" in told.value


def test_a_server_that_was_named_and_is_silent_is_something_to_do(
    tmp_path: Path, nowhere: str
) -> None:
    told = page(tmp_path, OLLAMA_HOST=nowhere)
    assert (
        Check(
            name="Ollama",
            state="todo",
            value=f"nothing answers at {nowhere}, which OLLAMA_HOST names",
            next="Start it there, or take the name back.",
        )
        in told.checks
    )


def test_how_the_model_would_edit_files_is_told_with_the_reason(tmp_path: Path) -> None:
    with FakeOllama(OllamaModel("qwen3:4b")) as server:
        by_size = page(tmp_path, OLLAMA_HOST=server.url)
        pinned = 'models."qwen3*".edit_form = "whole"'
        chosen = page(tmp_path, pinned, OLLAMA_HOST=server.url)
    tools = "edit_file and write_file"
    assert row(by_size, "edits") == Check(
        name="edits",
        state="note",
        value=f"{tools} (for small models and small windows)",
    )
    key = '`models."qwen3*".edit_form`, ~/.codex/config.toml:1'
    assert row(chosen, "edits").value == f"write_file ({key})"


def test_how_long_a_model_thinks_is_no_number_before_its_window_is_known(
    tmp_path: Path,
) -> None:
    with FakeOllama(OllamaModel("qwen3:4b")) as server:
        unknown = page(tmp_path, OLLAMA_HOST=server.url)
        window = page(tmp_path, "model_context_window = 8192", OLLAMA_HOST=server.url)
    share = "at most a share of the context window, which is not known yet"
    assert row(unknown, "thinking").value == share
    assert row(window, "thinking").value == "at most 2,048 tokens before an answer"


def test_another_machine_is_not_asked(tmp_path: Path) -> None:
    # An address for documentation: a packet to it would be waited for in vain.
    elsewhere = "http://203.0.113.7:11434"
    told = page(tmp_path, OLLAMA_HOST=elsewhere)
    assert (
        Check(
            name="Ollama",
            state="note",
            value=f"{elsewhere} (OLLAMA_HOST) is elsewhere: not asked",
        )
        in told.checks
    )


def test_an_installed_ollama_that_stands_still_is_fine(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.touch(mode=0o755)
    told = [check for check in page(tmp_path).checks if check.name == "Ollama"]
    assert (
        Check(
            name="Ollama",
            state="note",
            value=f"installed ({program}), started when it is needed",
        )
        in told
    )


@pytest.mark.parametrize(
    ("name", "title", "following"),
    [
        ("lms", "LM Studio", "lms server start"),
        ("vllm", "vLLM", "codex-oss engines start vllm --help"),
    ],
)
def test_a_program_that_could_serve_is_told_with_how_to_start_it(
    tmp_path: Path, nowhere: str, name: str, title: str, following: str
) -> None:
    program = tmp_path / "bin" / name
    program.parent.mkdir()
    program.touch(mode=0o755)
    provider = {"lms": "lmstudio"}.get(name, name)
    config = f"[model_providers.{provider}]\nbase_url = '{nowhere}/v1'"
    told = page(tmp_path, config).checks
    assert (title, "note", following) in [(c.name, c.state, c.next) for c in told]


# --- the model -----------------------------------------------------------------------


@pytest.mark.usefixtures("host")
def test_a_model_that_fits_is_well(tmp_path: Path) -> None:
    with FakeOllama(OllamaModel("gpt-oss:20b")) as server:
        told = page(tmp_path, "model = 'gpt-oss:20b'", OLLAMA_HOST=server.url)
    told = row(told, "model")
    assert told.state == "ok"
    assert told.value == ("gpt-oss:20b, by Ollama: fits (15.0 GB with 32768 tokens)")


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        (True, "fits (15.0 GB with 32768 tokens)"),
        (False, "fits when other programs are ended (15.0 GB with 32768 tokens)"),
    ],
)
def test_a_model_that_is_loaded_is_not_in_its_own_way(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    loaded: bool,  # noqa: FBT001  a row of a table
    words: str,
) -> None:
    async def full(_: Mapping[str, str]) -> Host:
        return replace(LAPTOP, free=9 * GB)

    monkeypatch.setattr(hardware, "look", full)
    large = OllamaModel("gpt-oss:20b", layers=(13_800_000_000, 160, 40), vram=0.0)
    with FakeOllama(large) as server:
        if loaded:
            server.load("gpt-oss:20b", 32768)
        told = row(page(tmp_path, OLLAMA_HOST=server.url), "model")
    assert (told.state, told.value) == ("ok", f"gpt-oss:20b, by Ollama: {words}")


def test_a_model_that_does_not_fit_is_something_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def small(_: Mapping[str, str]) -> Host:
        return Host(memory=8 * GB, free=6 * GB, cards=(CARD,))

    monkeypatch.setattr(hardware, "look", small)
    config = "[profiles.oss]\nmodel = 'gpt-oss:20b'"
    with FakeOllama(OllamaModel("gpt-oss:20b")) as server:
        told = page(tmp_path, config, OLLAMA_HOST=server.url)
    assert row(told, "model") == Check(
        name="model",
        state="todo",
        value="gpt-oss:20b, by Ollama: does not fit (15.0 GB with 32768 tokens)",
        next="codex-oss models",
    )
    assert row(told, "graphics").value == "A card, 4.0 GB, 3.0 GB of it free"


@pytest.mark.usefixtures("host")
def test_where_only_a_toy_is_left_the_download_is_named(
    tmp_path: Path, nowhere: str
) -> None:
    config = "oss_provider = 'embedded'"
    told = row(page(tmp_path, config, OLLAMA_HOST=nowhere), "model")
    assert told == Check(
        name="model",
        state="todo",
        value="none that can work; gpt-oss:20b fits (15.0 GB with 32768 tokens), a "
        "download of 12.1 GB",
        next="codex-oss models pull hf:ggml-org/gpt-oss-20b-GGUF",
    )


@pytest.mark.usefixtures("host")
def test_a_model_that_is_not_here_is_named_with_its_pull(tmp_path: Path) -> None:
    config = "oss_provider = 'ollama'\n[profiles.oss]\nmodel = 'qwen3:8b'"
    with FakeOllama(OllamaModel("gpt-oss:20b")) as server:
        told = page(tmp_path, config, OLLAMA_HOST=server.url)
    told = row(told, "model")
    assert (told.state, told.next) == ("todo", "codex-oss models pull qwen3:8b")


@pytest.mark.usefixtures("host")
def test_too_little_context_in_a_server_that_we_cannot_tell_is_something_to_do(
    tmp_path: Path,
) -> None:
    with FakeLmStudio(LmModel("openai/gpt-oss-20b")) as server:
        server.load("openai/gpt-oss-20b", 4096)
        config = (
            "oss_provider = 'lmstudio'\n[model_providers.lmstudio]\n"
            f"base_url = '{server.url}/v1'\n"
        )
        told = row(page(tmp_path, config), "model")
    assert told == Check(
        name="model",
        state="todo",
        value="openai/gpt-oss-20b, by LM Studio: loaded with only 4096 tokens of "
        "context",
        next="Load it with 32768 tokens or more (16384 at least).",
    )


@pytest.mark.parametrize(
    ("vram", "cards", "state"),
    [(1.0, True, "ok"), (0.4, True, "note"), (0.0, True, "todo"), (0.0, False, "ok")],
)
def test_a_card_that_is_not_used_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vram: float,
    cards: bool,  # noqa: FBT001  a row of a table
    state: str,
) -> None:
    async def look(_: Mapping[str, str]) -> Host:
        return replace(LAPTOP, cards=(CARD,) if cards else ())

    monkeypatch.setattr(hardware, "look", look)
    with FakeOllama(OllamaModel("gpt-oss:20b", vram=vram)) as server:
        server.load("gpt-oss:20b", 32768)
        told = row(page(tmp_path, OLLAMA_HOST=server.url), "loaded")
    assert told.state == state
    assert told.value.startswith(f"{vram:.0%} of gpt-oss:20b is in graphics memory")


# --- configuration, Codex ------------------------------------------------------------


def test_a_warning_of_the_configuration_is_something_to_do(tmp_path: Path) -> None:
    told = page(tmp_path, "no_such_key = 1")
    warned = [check for check in told.checks if check.state == "todo"]
    assert any("no_such_key" in check.value for check in warned)


@pytest.mark.parametrize(
    ("key", "state"), [("", "todo"), ("secret-value", "ok")], ids=["missing", "set"]
)
def test_a_key_that_the_provider_wants_is_looked_for_and_not_shown(
    tmp_path: Path, key: str, state: str
) -> None:
    config = "model_provider = 'openai'\nmodel = 'gpt-5'"
    told = page(tmp_path, config, OPENAI_API_KEY=key)
    assert row(told, "key").state == state
    assert row(told, "model").value == "gpt-5, by provider openai"
    assert "secret-value" not in str(told)


def test_the_codex_cli_is_known_by_its_package(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "codex"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "codex.js").touch(mode=0o755)
    manifest = {"name": "@openai/codex", "version": "0.169.0"}
    (package / "package.json").write_text(json.dumps(manifest))
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "codex"
    link.symlink_to(package / "bin" / "codex.js")
    assert row(page(tmp_path), "Codex CLI") == Check(
        name="Codex CLI", state="ok", value=f"0.169.0 ({link})"
    )


# --- the bridge, and what takes long -------------------------------------------------


def test_a_bridge_that_was_started_and_is_gone_is_something_to_do(
    tmp_path: Path, nowhere: str
) -> None:
    gone = Instance(
        port=1,
        url=nowhere,
        process=Process(pid=2**22 - 1, birth="never"),
        arguments=[],
        started=0,
    )
    Shelf(tmp_path / ".codex-oss" / FOLDER).keep(gone)
    told = [check for check in page(tmp_path).checks if check.name == "bridge"]
    assert told[0] == Check(
        name="bridge",
        state="todo",
        value=f"{nowhere} was started and does not answer",
        next="codex-oss bridge restart",
    )


def test_a_part_that_takes_long_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "WITHIN_S", 0.5)
    with FakeServer(get={"/v1/models": Reply(silent=True)}) as server:
        told = page(tmp_path, OLLAMA_HOST=server.url)
    assert row(told, "codex-oss").state == "ok"
    assert (
        Check(
            name="models",
            state="todo",
            value="no answer within 0.5 s",
            next="codex-oss engines",
        )
        in told.checks
    )


def test_a_part_that_cannot_be_looked_at_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = tmp_path / ".codex-oss" / FOLDER

    def refused(_: Shelf) -> object:
        raise PermissionError(13, "Permission denied", str(shut))

    monkeypatch.setattr(Shelf, "all", refused)
    told = page(tmp_path)
    assert row(told, "codex-oss").state == "ok"
    assert row(told, "bridge") == Check(
        name="bridge",
        state="todo",
        value=f"{shut}: Permission denied",
        next="codex-oss bridge status",
    )
