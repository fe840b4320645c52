"""`codex-oss models` as a process: listed, shown, fetched, chosen, deleted."""

import hashlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fake_gguf
from at_terminal import AtTerminal
from codex_oss.engines import sources
from fake_lmstudio import FakeLmStudio, LmModel
from fake_ollama import FakeOllama, OllamaModel, Pull
from fake_ollama_program import Behaviour, install
from fake_registry import FakeRegistry
from fake_server import FakeServer, Reply, closed_port
from fake_vllm import FakeVllm
from running import OURS, environment, prepared

GIB = 1 << 30
TOY = "smollm2-135m"
ALL = ("ollama", "lmstudio", "llamacpp", "vllm", "sglang")


class Here:
    """A user's machine without servers, but for those that are named."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.cwd = prepared(folder)
        self.models = folder / ".codex-oss" / "models"
        self.config = folder / "home" / "config.toml"
        self.more: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.places(dict.fromkeys(ALL, f"http://127.0.0.1:{port}"))

    def places(self, urls: Mapping[str, str], more: str = "") -> None:
        """Say in `config.toml` where servers are."""
        self.urls |= urls
        tables = (
            f'[model_providers.{name}]\nbase_url = "{url}/v1"\n'
            for name, url in self.urls.items()
        )
        self.config.write_text("".join(tables) + more)

    @property
    def env(self) -> dict[str, str]:
        path = {"PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        return environment(self.folder) | path | self.more

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*OURS, "models", *words],
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def said(self, *words: str) -> str:
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *words: str) -> Any:
        """Return what is told, without the model that set-up may have brought."""
        page = msgspec.json.decode(self.said(*words, "--json"))
        if "installed" in page:
            page["installed"] = [m for m in page["installed"] if m["name"] != TOY]
        return page

    def refused(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode != 0
        assert done.stdout == ""
        return done.stderr

    def put(self, name: str, data: bytes = fake_gguf.encode()) -> Path:
        path = self.models / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with closed_port() as port:
        yield Here(tmp_path, port)


GPT_OSS = OllamaModel(
    "gpt-oss:20b",
    layers=(13_793_000_000, 1723, 487),
    family="gptoss",
    parameters="20.9B",
    quantization="MXFP4",
    vram=0.5,
    info={
        "block_count": 24,
        "embedding_length": 2880,
        "expert_count": 32,
        "expert_used_count": 4,
        "expert_feed_forward_length": 2880,
        "vocab_size": 201_088,
        "attention.head_count": 64,
        "attention.head_count_kv": 8,
        "attention.key_length": 64,
        "attention.value_length": 64,
        "attention.sliding_window": 128,
    },
)
QWEN = OllamaModel("qwen3:8b", layers=(5_200_000_000, 100, 100), trained=40_960)
CLOUD = OllamaModel("kimi:cloud", remote_host="https://ollama.com")


# --- list ----------------------------------------------------------------------------


def test_memory_is_told_from_what_ollama_says_of_a_models_layers(here: Here) -> None:
    with FakeOllama(GPT_OSS, QWEN, CLOUD) as server:
        here.places({"ollama": server.url})
        found = {model["name"]: model for model in here.json()["installed"]}
    needs = [each["bytes"] for each in found["gpt-oss:20b"]["fit"]["memory"]]
    cache = [24 * 1024 * tokens + 768 * 24 * 1024 for tokens in (8192, 32768, 65536)]

    assert needs == [13_793_002_210 + c + 512 * 201_088 * 4 for c in cache]
    assert [m["context"] for m in found["qwen3:8b"]["fit"]["memory"]] == [8192, 32768]
    assert found["kimi:cloud"]["remote"]
    assert found["kimi:cloud"]["fit"] is None
    assert found["gpt-oss:20b"]["licence"] == "Apache License Version 2.0"


def test_lists_that_ollama_leaves_out_are_taken_from_the_catalogue(here: Here) -> None:
    vague = {"attention.head_count_kv": None, "attention.sliding_window": 1024}
    model = OllamaModel("gemma4:26b", layers=(18 * 10**9,), family="gemma4", info=vague)
    with FakeOllama(model) as server:
        here.places({"ollama": server.url})
        page = here.json()
    (installed,) = page["installed"]
    offer = next(o for o in page["offers"] if o["name"] == "gemma4:26b")
    assert installed["fit"]["memory"] == offer["fit"]["memory"]


def test_every_server_and_every_file_is_in_the_list(here: Here) -> None:
    here.put("hf/o/r/m-Q4_K_M.gguf")
    here.put("hf/o/broken/m.gguf", b"<html>")
    with (
        FakeOllama(QWEN) as ollama,
        FakeLmStudio(LmModel()) as lmstudio,
        FakeVllm("Qwen/Qwen3") as vllm,
    ):
        ollama.load("qwen3:8b", 32768)
        urls = {"ollama": ollama.url, "lmstudio": lmstudio.url, "vllm": vllm.url}
        here.places(urls)
        found = here.json()["installed"]
        page = here.said()
    assert [(m["name"], m["engine"], m["loaded"]) for m in found] == [
        ("hf:o/broken", "embedded", None),
        ("hf:o/r", "embedded", None),
        ("qwen3:8b", "ollama", 32768),
        ("openai/gpt-oss-20b", "lmstudio", None),
        ("Qwen/Qwen3", "vllm", 32768),
    ]
    # LM Studio says no more than a size; the catalogue knows the rest.
    assert not found[3]["fit"]["assumed"]
    assert found[4]["fit"] is None
    assert "loaded with 32768 tokens of context, 100% of it on the GPU" in page
    assert "is not a whole GGUF model file" in page
    assert max(len(line) for line in page.splitlines() if "GGUF" not in line) <= 80


def test_an_ollama_that_stands_still_has_its_models_too(here: Here) -> None:
    store = here.folder / ".ollama/models/manifests/registry.ollama.ai/library/x"
    store.mkdir(parents=True)
    (store / "7b").write_bytes(b'{"layers":[{"size":4000000000}]}')
    install(here.folder / "bin")
    here.config.write_text(here.config.read_text().split("[model_providers.lm")[0])
    with closed_port() as port:
        here.places({"ollama": f"http://127.0.0.1:{port}"})
        page = here.said()
    assert f"Ollama, not running ({here.folder}/bin/ollama)" in page
    assert "  x:7b" in page


def test_the_list_fits_eighty_columns_and_is_plain_without_a_terminal(
    here: Here,
) -> None:
    page = here.said("--all")
    assert max(map(len, page.splitlines())) <= 80
    assert "\x1b" not in page
    assert "There is no Ollama here" in page
    assert " fit this machine: --all" not in page


def test_the_json_says_what_it_always_says(here: Here) -> None:
    here.put("hf/o/r/m.gguf")
    page = here.json()
    assert list(page) == ["machine", "installed", "catalogue", "offers", "default"]
    assert page["installed"] == [
        {
            "name": "hf:o/r",
            "engine": "embedded",
            "url": None,
            "here": True,
            "path": str(here.models / "hf/o/r/m.gguf"),
            "size": len(fake_gguf.encode()),
            "context": 8192,
            "loaded": None,
            "on_gpu": None,
            "tools": None,
            "remote": False,
            "quantization": None,
            "parameters": None,
            "licence": None,
            "problem": None,
            "fit": page["installed"][0]["fit"],
        }
    ]
    assert list(page["installed"][0]["fit"]) == ["memory", "assumed", "tokens_per_s"]
    assert list(page["offers"][0]) == [
        *("name", "gguf", "gguf_size", "size", "context", "parameters"),
        *("active_parameters", "tools", "ollama", "unsure", "note", "fit"),
    ]


# --- show ----------------------------------------------------------------------------


def test_one_model_is_shown_with_all_that_is_known(here: Here) -> None:
    with FakeOllama(GPT_OSS) as server:
        here.places({"ollama": server.url})
        page = here.said("show", "gpt-oss:20b")
        both = here.json("show", "gpt-oss:20b")
    assert page.startswith(
        "gpt-oss:20b\n"
        f"  engine      Ollama, {server.url}\n"
        "  size        13.8 GB\n"
        "  weights     20.9B, MXFP4\n"
        "  trained on  131072 tokens of context\n"
        "  tools       calls them\n"
        "  licence     Apache License Version 2.0\n"
        "  memory       14.4 GB with 8k of context: "
    )
    assert "gpt-oss:20b in the catalogue of 20" in page
    assert "or          12.1 GB as hf:ggml-org/gpt-oss-20b-GGUF" in page
    assert [m["engine"] for m in both["installed"]] == ["ollama"]
    assert both["offer"]["name"] == "gpt-oss:20b"


def test_a_model_that_nobody_knows_is_not_shown(here: Here) -> None:
    assert here.refused("show", "nobody:1b") == (
        "Error: `nobody:1b` is not on this machine, and not in the catalogue\n"
        "`codex-oss models` lists what there is; to fetch it: codex-oss models pull "
        "nobody:1b\n"
    )


# --- pull ----------------------------------------------------------------------------


def large(registry: FakeRegistry) -> str:
    return f"{registry.url}/library/big:1b"


def test_a_model_is_pulled_by_the_ollama_that_runs(here: Here) -> None:
    small = OllamaModel("small:1b", layers=(9000, 160, 40))
    with FakeRegistry(small) as registry:
        name = f"{registry.url}/library/small:1b"
        with FakeOllama(pulls={name: [Pull(small)]}) as server:
            here.places({"ollama": server.url})
            done = here.run("pull", name)
            assert done.returncode == 0, done.stderr
            assert server.asked_for("/api/pull") == 1
            assert server.loads == []
    listed = name.removeprefix("http://")
    assert done.stdout.startswith(f"{listed} is on this machine.\nTo use it: ")


def test_a_large_model_is_not_pulled_unasked(here: Here) -> None:
    big = OllamaModel("big:1b", layers=(3 * 10**9, 160, 40))
    with FakeRegistry(big) as registry, FakeOllama() as server:
        here.places({"ollama": server.url})
        told = here.refused("pull", large(registry))
        assert server.asked_for("/api/pull") == 0
    assert "(a download of 3.0 GB), and nobody can be asked here" in told
    assert f"codex-oss models pull {large(registry)}" in told


def test_yes_is_the_consent_to_a_large_model(here: Here) -> None:
    big = OllamaModel("big:1b", layers=(3 * 10**9, 160, 40))
    with FakeRegistry(big) as registry:
        name = large(registry)
        with FakeOllama(pulls={name: [Pull(big)]}) as server:
            here.places({"ollama": server.url})
            done = here.run("pull", name, "--yes")
            assert server.asked_for("/api/pull") == 1
    assert done.returncode == 0, done.stderr
    assert f"Downloading {name} (3.0 GB): codex-oss models pull" in done.stderr


def test_a_pull_that_was_cut_goes_on_where_it_ended(here: Here) -> None:
    small = OllamaModel("small:1b", layers=(90_000, 160, 40))
    with FakeRegistry(small) as registry:
        name = f"{registry.url}/library/small:1b"
        pulls = {name: [Pull(small, after=60_000, cut=True), Pull(small)]}
        with FakeOllama(pulls=pulls) as server:
            here.places({"ollama": server.url})
            told = here.refused("pull", name)
            assert "before the end" in " ".join(told.split())
            assert told.endswith("the same command goes on from there.\n")
            assert here.run("pull", name).returncode == 0
            assert server.asked_for("/api/pull") == 2
            assert f"{name.removeprefix('http://')}" in server.models


def test_ctrl_c_ends_a_download_and_says_how_to_go_on(here: Here) -> None:
    small = OllamaModel("small:1b", layers=(90_000, 160, 40))
    with FakeRegistry(small) as registry:
        name = f"{registry.url}/library/small:1b"
        pulls = {name: [Pull(small, after=60_000, hangs=True)]}
        with FakeOllama(pulls=pulls) as server:
            here.places({"ollama": server.url})
            argv = [*OURS, "models", "pull", name]
            with AtTerminal(argv, cwd=here.cwd, env=here.env, streams=True) as terminal:
                terminal.sees(" MB")
                terminal.press("\x03")
                terminal.sees("What has arrived is kept")
                assert terminal.popen.wait(180) != 0


def test_a_person_is_asked_and_may_say_no(here: Here) -> None:
    big = OllamaModel("big:1b", layers=(3 * 10**9, 160, 40))
    with FakeRegistry(big) as registry, FakeOllama() as server:
        here.places({"ollama": server.url})
        argv = [*OURS, "models", "pull", large(registry)]
        with AtTerminal(argv, cwd=here.cwd, env=here.env, streams=True) as terminal:
            terminal.sees("[y/N]")
            terminal.press("n")
            terminal.sees("the answer was no")
        assert server.asked_for("/api/pull") == 0


def test_without_ollama_the_same_model_is_offered_for_the_embedded_engine(
    here: Here,
) -> None:
    instead = "codex-oss models pull hf:ggml-org/gpt-oss-20b-GGUF"
    told = here.refused("pull", "gpt-oss:20b")
    assert "Ollama is not installed, and nobody can be asked here" in told
    assert told.endswith(f"\nThe same model for it: {instead}\n")


def test_without_ollama_it_is_offered_before_a_model_of_its_kind(here: Here) -> None:
    argv = [*OURS, "models", "pull", "gpt-oss:20b"]
    with AtTerminal(argv, cwd=here.cwd, env=here.env, streams=True) as terminal:
        terminal.sees("Install Ollama?")
        terminal.sees("[y/N]")
        terminal.press("n")
        terminal.sees("the answer was no")
        assert terminal.end()[0] == 1


def test_a_file_is_fetched_from_the_hub(here: Here) -> None:
    data = fake_gguf.encode()
    lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
    tree = [{"type": "file", "path": "m-Q4_0.gguf", "size": 1, "lfs": lfs}]
    get = {
        "/api/models/o/r/tree/main": Reply(body=tree),
        "/o/r/resolve/main/m-Q4_0.gguf": Reply(body=data),
    }
    with FakeServer(get=get) as hub:
        here.more = {"HF_ENDPOINT": hub.url}
        done = here.run("pull", "hf:o/r")
    assert done.returncode == 0, done.stderr
    assert (here.models / "hf/o/r/m-Q4_0.gguf").read_bytes() == data
    assert [m["name"] for m in here.json()["installed"]] == ["hf:o/r"]


def test_a_file_of_ones_own_is_not_downloaded(here: Here) -> None:
    assert "there is nothing to download" in here.refused("pull", "./m.gguf")


# --- use -----------------------------------------------------------------------------


def test_a_model_is_chosen_and_comments_stay(here: Here) -> None:
    before = '# mine\n[profiles.oss]\nmodel = "old"  # the quick one\n'
    here.config.write_text(before)
    wanted = before.replace("old", "hf:o/r")

    shown = here.said("use", "hf:o/r", "--dry-run")
    assert here.config.read_text() == before
    assert (
        '-model = "old"  # the quick one\n+model = "hf:o/r"  # the quick one' in shown
    )

    assert here.said("use", "hf:o/r") == (
        f'{here.config}:3: model = "hf:o/r"\n'.replace(str(here.folder), "~")
    )
    assert here.config.read_text() == wanted
    assert here.said("use", "hf:o/r") == (
        f"It is set already: {here.config}:3\n".replace(str(here.folder), "~")
    )


def test_a_model_that_is_chosen_and_not_here_is_told(here: Here) -> None:
    done = here.run("use", "gpt-oss:20b")
    assert done.returncode == 0
    assert done.stderr == (
        "gpt-oss:20b is not on this machine: codex-oss models pull gpt-oss:20b\n"
    )


def test_a_profile_that_is_not_in_effect_is_told(here: Here) -> None:
    here.places({}, 'model_provider = "openai"\n')
    here.config.write_text('model_provider = "openai"\n' + here.config.read_text())
    here.config.write_text('model_provider = "openai"\n')
    assert "It is used with --oss" in here.run("use", "hf:o/r").stdout


def test_what_outranks_the_profile_is_named_and_nothing_is_written(here: Here) -> None:
    other = here.config.with_name("oss.config.toml")
    other.write_text('\nmodel = "x"\n')
    before = here.config.read_text()
    told = here.refused("use", "hf:o/r")
    assert "oss.config.toml:2, which outranks [profiles.oss]\nChange it there." in told
    assert here.config.read_text() == before


# --- remove --------------------------------------------------------------------------


def test_a_file_is_deleted_when_that_is_wanted(here: Here) -> None:
    path = here.put("hf/o/r/m.gguf")
    assert "to be deleted, and nobody can be asked here" in here.refused(
        "remove", "hf:o/r"
    )
    assert path.exists()

    done = here.run("remove", "hf:o/r", "--yes")
    assert done.stdout == "hf:o/r is deleted; that frees 0 MB.\n"
    assert not path.exists()


@pytest.mark.skipif(
    sources.at_hand(sources.parse(TOY), Path("/nowhere")) is None,
    reason="set-up could not have the tiny model's package",
)
def test_the_model_that_set_up_brought_is_listed_and_stays(here: Here) -> None:
    assert f"  {TOY} " in here.said()
    told = here.refused("remove", TOY, "--yes")
    assert "is not a file that codex-oss has downloaded\n" in told
    assert "Deleting" not in told


def test_a_model_of_ollama_is_deleted_by_ollama(here: Here) -> None:
    with FakeOllama(GPT_OSS, QWEN) as server:
        here.places({"ollama": server.url})
        done = here.run("remove", "gpt-oss:20b", "--yes")
        assert done.stdout == "gpt-oss:20b is deleted; that frees 13.8 GB.\n"
        assert list(server.models) == ["qwen3:8b"]


def test_an_ollama_that_stands_still_is_started_to_pull_and_to_delete(
    here: Here,
) -> None:
    del here.urls["ollama"]
    here.places({})
    install(here.folder / "bin", Behaviour(pulls={"small:1b": [Pull()]}))
    with closed_port() as port:
        # The registry is not asked: it would be on the internet.
        nobody = f"http://127.0.0.1:{port}"
        here.more = {"HTTPS_PROXY": nobody, "NO_PROXY": "127.0.0.1"}
        here.more |= {"OLLAMA_HOST": nobody}
        done = here.run("pull", "small:1b", "--yes")
        assert done.returncode == 0, done.stderr
        assert "Starting Ollama: " in done.stderr
        assert [m["name"] for m in here.json()["installed"]] == ["small:1b"]
        assert (here.models / "ollama/manifests").exists()

        done = here.run("remove", "small:1b", "--yes")
        assert (done.returncode, done.stdout) == (
            0,
            "small:1b is deleted; that frees 0 MB.\n",
        )
        assert here.json()["installed"] == []


def test_models_of_others_are_theirs_to_delete(here: Here) -> None:
    with FakeLmStudio(LmModel()) as server:
        here.places({"lmstudio": server.url})
        told = here.refused("remove", "openai/gpt-oss-20b", "--yes")
    assert "which codex-oss does not manage\nRemove it there: in the app" in told


def test_what_is_not_here_cannot_be_deleted(here: Here) -> None:
    assert here.refused("remove", "gpt-oss:20b", "--yes") == (
        "Error: `gpt-oss:20b` is not on this machine\n"
        "`codex-oss models` lists what is.\n"
    )


# --- the command line ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pull"], "models pull: which model?"),
        (["list", "x"], "models list takes no name"),
        (["--yes"], "--yes goes with pull and remove, not with list"),
        (["use", "x", "--json"], "--json goes with list and show, not with use"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_what_does_not_go_together_is_told(
    here: Here, words: Sequence[str], told: str
) -> None:
    done = here.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
