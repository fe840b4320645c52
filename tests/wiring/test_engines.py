"""The engine that a configuration leads to, and what a person is asked on the way."""

import asyncio
import io
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from codex_oss.engines import at_hand, room, sources
from codex_oss.engines.base import Consent, Question
from codex_oss.engines.hardware import Host
from codex_oss.engines.ollama import orphans
from codex_oss.errors import EngineError
from codex_oss.net import Client
from codex_oss.process import detached
from codex_oss.wiring.ending import Endings, end_all
from codex_oss.wiring.engines import Engines
from codex_oss.wiring.survey import Answering, Survey, Wanted
from config_home import loader
from fake_ollama import FakeOllama, OllamaModel
from fake_server import FakeServer, closed_port

LIMIT_S = 180
CLOUD = OllamaModel("big:cloud", remote_host="https://ollama.com")
OTHERS = ("lmstudio", "llamacpp", "vllm", "sglang")
GIB = 1024**3
BEST = Wanted("oss", None)
Machine = Callable[[Mapping[str, str]], Awaitable[Host]]


class Says:
    """Somebody who always says the same; ``None``: nobody can be asked."""

    def __init__(self, *, answer: bool | None) -> None:
        self.answer = answer
        self.heard: list[Question] = []

    async def ask(self, question: Question) -> bool:
        self.heard.append(question)
        if self.answer is None:
            raise EngineError(f"{question.what} is missing, and nobody can be asked")
        return self.answer


def unknown(folder: Path) -> None:
    """Say that a disk does not tell what is free."""


async def large(env: Mapping[str, str]) -> Host:
    return Host(memory=64 * GIB, free=64 * GIB)


async def small(env: Mapping[str, str]) -> Host:
    return Host(memory=GIB, free=GIB)


class Case:
    """A home, and one server of Ollama's; nothing listens at the others' places."""

    def __init__(self, folder: Path, host: str, text: str = "") -> None:
        self.err = io.StringIO()
        self.env = {
            "HOME": str(folder),
            "CODEX_OSS_HOME": str(folder / "state"),
            "OLLAMA_HOST": host,
            "PATH": "",
        }
        with closed_port() as port:
            moved = "".join(
                f'[model_providers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
                for name in OTHERS
                if name not in text
            )
        self.loaded = loader(folder)(text + moved, env=self.env)

    def look(self, provider: str = "oss", model: str | None = None) -> Survey:
        async def run() -> Survey:
            client = Client({})
            try:
                async with asyncio.timeout(LIMIT_S):
                    engines = Engines(self.loaded, self.env, client, host=large)
                    return await engines.look(Wanted(provider, model))
            finally:
                await client.close()

        return asyncio.run(run())

    def bring_up(
        self,
        consent: Consent | None,
        host: Machine = large,
        wanted: Wanted = BEST,
    ) -> Answering | str:
        """Return what answers, or why nothing does."""

        async def run() -> Answering | str:
            client = Client({})
            end: Endings = [client.close]
            engines = Engines(self.loaded, self.env, client, host=host)
            try:
                async with asyncio.timeout(LIMIT_S):
                    return await engines.bring_up(wanted, self.err, end, consent)
            except EngineError as error:
                return error.report()
            finally:
                await end_all(end)

        return asyncio.run(run())


# --- what is taken -------------------------------------------------------------------


def test_a_provider_is_looked_for_at_its_own_place_only(tmp_path: Path) -> None:
    with FakeOllama() as ollama, FakeServer() as other:
        text = f'[model_providers.vllm]\nbase_url = "{other.url}"\n'
        seen = Case(tmp_path, ollama.url, text).look("ollama")

    assert (seen.choice.engine, seen.choice.url) == ("ollama", ollama.url)
    assert other.requests == []


def test_without_a_look_nothing_is_asked(tmp_path: Path) -> None:
    with FakeOllama() as ollama:
        case = Case(tmp_path, ollama.url)
        for provider, model in (("oss", "hf:o/r"), ("embedded", None)):
            assert case.look(provider, model).choice.engine == "embedded"

    assert ollama.requests == []


def test_what_was_named_may_be_any_server(tmp_path: Path) -> None:
    listed = {"data": [{"id": "m", "owned_by": "vllm"}]}
    with FakeServer(get={"/v1/models": listed}) as server:
        seen = Case(tmp_path, server.url).look("ollama")

    assert (seen.choice.engine, seen.choice.model) == ("vllm", "m")


def test_a_users_own_provider_without_a_url_leaves_the_choice_to_us(
    tmp_path: Path,
) -> None:
    with FakeOllama(OllamaModel("m:1b")) as ollama:
        seen = Case(tmp_path, ollama.url).look("mine")

    assert (seen.choice.engine, seen.choice.model) == ("ollama", "m:1b")
    assert seen.taken is not None
    assert seen.installed is not None


# --- an Ollama without a model -------------------------------------------------------


def test_a_model_is_pulled_when_the_person_wants_it(tmp_path: Path) -> None:
    person = Says(answer=True)
    with FakeOllama(CLOUD) as ollama:
        answering = Case(tmp_path, ollama.url).bring_up(person)

    assert isinstance(answering, Answering), answering
    assert answering.ready.model == "gpt-oss:20b"
    assert [(q.kind, q.what) for q in person.heard] == [("pull", "gpt-oss:20b")]
    assert ollama.asked_for("/api/pull") == 1


@pytest.mark.parametrize("person", [Says(answer=False), Says(answer=None)])
def test_else_the_embedded_engine_is_taken_and_it_is_said_why(
    tmp_path: Path, person: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PACKAGES", ())  # set-up may have brought the toy
    with FakeOllama(CLOUD) as ollama:
        case = Case(tmp_path, ollama.url, "[engine]\nmodels_dir = '/dev/null/no'\n")
        ended = case.bring_up(person)

    told = case.err.getvalue()
    assert ollama.asked_for("/api/pull") == 0
    assert "gpt-oss:20b" in told
    assert "smollm2-135m is a toy" in told
    assert isinstance(ended, str), "its folder of models cannot be made"


def test_nobody_is_asked_for_a_model_that_the_machine_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PACKAGES", ())
    person = Says(answer=True)
    with FakeOllama(CLOUD) as ollama:
        case = Case(tmp_path, ollama.url, "[engine]\nmodels_dir = '/dev/null/no'\n")
        case.bring_up(person, small)

    assert person.heard == []


# --- nothing but the embedded engine --------------------------------------------------


@pytest.mark.skipif(
    at_hand.ollama_program({}) is not None, reason="Ollama is installed here"
)
@pytest.mark.parametrize("person", [Says(answer=False), Says(answer=None)])
def test_without_any_server_a_model_for_the_embedded_engine_is_offered(
    tmp_path: Path, person: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free", unknown)
    monkeypatch.setattr(sources, "PACKAGES", ())
    with closed_port() as port:
        moved = f"[engine]\nmodels_dir = '{tmp_path}/no'\n"
        (tmp_path / "no").touch()
        case = Case(tmp_path, f"127.0.0.1:{port}", moved)
        ended = case.bring_up(person, wanted=Wanted("oss", None))

    name = "hf:ggml-org/gpt-oss-20b-GGUF"
    assert [(q.kind, q.what) for q in person.heard] == [("pull", name)]
    told = case.err.getvalue()
    assert name in told
    assert "smollm2-135m is a toy" in told
    assert isinstance(ended, str), "its folder of models cannot be made"


# --- no Ollama at all ----------------------------------------------------------------


@pytest.mark.skipif(
    at_hand.ollama_program({}) is not None, reason="Ollama is installed here"
)
@pytest.mark.parametrize("provider", ["oss", "ollama"])
def test_an_ollama_that_is_wanted_and_not_installed_is_offered(
    tmp_path: Path, provider: str
) -> None:
    with closed_port() as port:
        case = Case(tmp_path, f"127.0.0.1:{port}")
        told = case.bring_up(Says(answer=False), wanted=Wanted(provider, "m:1b"))

    assert isinstance(told, str)
    first, _, rest = told.partition("\n")
    assert first.startswith(
        f"No running Ollama server detected at http://127.0.0.1:{port}: cannot connect"
    )
    assert "Ollama's installer needs curl and zstd" in first
    assert rest.endswith(
        "Or run the embedded engine: `-m smollm2-135m` or `-m hf:OWNER/REPO`."
    )


def test_a_server_elsewhere_is_nothing_to_install(tmp_path: Path) -> None:
    person = Says(answer=True)
    told = Case(tmp_path, "http://0.0.0.1:1").bring_up(
        person, wanted=Wanted("ollama", "m:1b")
    )

    assert isinstance(told, str)
    assert person.heard == []


# --- what a killed task has left -----------------------------------------------------


def test_an_orphan_is_ended_whatever_is_wanted_now(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "ollama"
    folder.mkdir(parents=True)
    with subprocess.Popen(["/bin/sleep", "60"]) as orphan, FakeOllama() as server:
        found = detached.find(orphan.pid)
        assert found is not None
        gone = msgspec.structs.replace(found, birth="gone")
        kept = orphans.Kept(server=found, starter=gone)
        (folder / "1.json").write_bytes(msgspec.json.encode(kept))
        case = Case(tmp_path, server.url)

        assert isinstance(case.bring_up(None), Answering)
        assert orphan.wait(LIMIT_S) == -signal.SIGTERM
    assert not (folder / "1.json").exists()
