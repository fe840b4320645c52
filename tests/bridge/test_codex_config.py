"""What the Codex CLI is given: its text, its files, and that the CLI accepts them."""

import json
import os
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from codex_cli import CODEX, MODE, NO_CODEX
from codex_oss.bridge import catalog, codex_config
from codex_oss.bridge.catalog import CodexModel, ModelEntry
from codex_oss.bridge.codex_config import Access, Written
from codex_oss.bridge.settings import CODEX_PROFILE
from codex_oss.errors import CodexOssError
from fake_server import FakeServer, Seen, custom_call, message, turn

ACCESS = Access(url="http://127.0.0.1:11435")
MODEL = "qwen3:14b"


def models(*names: str) -> list[CodexModel]:
    entries = [ModelEntry(id=name, context_window=32_768) for name in names]
    return catalog.decode(catalog.codex_models(entries))


def test_the_profile_names_the_bridge_the_model_and_the_catalogue() -> None:
    text = codex_config.profile(MODEL, ACCESS, Path("/home/jo/.codex/m.json"))

    assert tomllib.loads(text) == {
        "model": MODEL,
        "model_provider": "codex_oss_bridge",
        "model_catalog_json": "/home/jo/.codex/m.json",
        "web_search": "disabled",
        "features": {"goals": False},
        "model_providers": {
            "codex_oss_bridge": {
                "name": "codex-oss bridge",
                "base_url": "http://127.0.0.1:11435/v1",
                "wire_api": "responses",
                "request_max_retries": 2,
                "stream_max_retries": 2,
                "stream_idle_timeout_ms": 300_000,
            }
        },
    }


def test_a_key_is_named_and_never_written() -> None:
    access = Access(url=ACCESS.url, key_env="BRIDGE_KEY")
    found = tomllib.loads(codex_config.profile(MODEL, access, Path("m.json")))

    provider = found["model_providers"]["codex_oss_bridge"]
    assert provider["env_key"] == "BRIDGE_KEY"


def test_any_name_and_any_path_is_quoted_right() -> None:
    odd = 'a "b" \\ c\x7fé'

    found = tomllib.loads(codex_config.profile(odd, ACCESS, Path(odd)))

    assert (found["model"], found["model_catalog_json"]) == (odd, odd)


def test_the_model_is_the_one_wanted_or_the_first() -> None:
    there = models("llama:8b", "qwen3:latest")

    chosen = [codex_config.choose(there, w, "u") for w in (None, "qwen3", "llama:8b")]

    assert chosen == ["llama:8b", "qwen3:latest", "llama:8b"]


@pytest.mark.parametrize(
    ("there", "message", "hint"),
    [
        ([], "the bridge at u has no models", "ollama pull"),
        (["a", "b"], "the bridge at u has no model `x`", "It has: a, b."),
    ],
)
def test_a_model_that_is_not_there_is_told(
    there: list[str], message: str, hint: str
) -> None:
    with pytest.raises(CodexOssError) as caught:
        codex_config.choose(models(*there), "x", "u")

    assert str(caught.value) == message
    assert hint in caught.value.hint


# --- files ---------------------------------------------------------------------------

PROFILE_FILE, CATALOG_FILE = "codex-oss.config.toml", "codex-oss.models.json"


def test_two_files_are_written_and_config_toml_is_left_alone(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("# mine")

    written = codex_config.write(tmp_path, MODEL, ACCESS, models(MODEL))

    assert written == [
        Written(tmp_path / CATALOG_FILE, None),
        Written(tmp_path / PROFILE_FILE, None),
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        PROFILE_FILE,
        CATALOG_FILE,
        "config.toml",
    ]
    assert config.read_text() == "# mine"
    assert catalog.decode((tmp_path / CATALOG_FILE).read_bytes()) == models(MODEL)
    modes = {stat.S_IMODE(each.path.stat().st_mode) for each in written}
    assert modes == {0o644}


def test_writing_the_same_again_keeps_no_copy(tmp_path: Path) -> None:
    codex_config.write(tmp_path, MODEL, ACCESS, models(MODEL))

    again = codex_config.write(tmp_path, MODEL, ACCESS, models(MODEL))

    assert [each.backup for each in again] == [None, None]


def test_what_is_replaced_is_kept(tmp_path: Path) -> None:
    (tmp_path / PROFILE_FILE).write_text("# mine")

    _, written = codex_config.write(tmp_path, MODEL, ACCESS, models(MODEL))

    backup = tmp_path / f"{PROFILE_FILE}.bak"
    assert written.backup == backup
    assert backup.read_text() == "# mine"


def test_a_folder_that_does_not_exist_yet_is_made(tmp_path: Path) -> None:
    home = tmp_path / "new" / ".codex"

    codex_config.write(home, MODEL, ACCESS, models(MODEL))

    assert (home / PROFILE_FILE).exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CodexOssError) as caught:
        codex_config.write(tmp_path / "file", MODEL, ACCESS, models(MODEL))

    assert "cannot write" in str(caught.value)
    assert "prints the text" in caught.value.hint


# --- the real Codex CLI --------------------------------------------------------------

TIMEOUT_S = 180
USE = ("-p", CODEX_PROFILE)
SMALL = 13_000
"""Bytes; the first request without a catalogue has 40 000."""

needs_codex = pytest.mark.skipif(not CODEX, reason=NO_CODEX)


def codex(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `codex exec --json` in `home/repo`."""
    folder = home / "repo"
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [CODEX, "exec", "--json", "--skip-git-repo-check", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@needs_codex
def test_codex_accepts_profile_and_catalogue_without_a_word(tmp_path: Path) -> None:
    with FakeServer([turn(message("hi"))]) as server:
        codex_config.write(tmp_path, MODEL, Access(url=server.url), models(MODEL))
        done = codex(tmp_path, "--strict-config", *USE, "list files")

    [asked] = server.posts
    kinds = [event["type"] for event in events(done)]
    assert kinds == [
        "thread.started",
        "turn.started",
        "item.completed",
        "turn.completed",
    ]
    assert done.returncode == 0
    assert asked.path == "/v1/responses"
    assert asked.json["model"] == MODEL
    assert len(asked.body) < SMALL
    assert asked.json["input"][0]["content"][0]["text"] == catalog.instructions(32_768)
    tools = {tool.get("name"): tool["type"] for tool in asked.json["tools"]}
    assert tools == {
        "exec_command": "function",
        "write_stdin": "function",
        "request_user_input": "function",
        "apply_patch": "custom",
        "view_image": "function",
    }


@needs_codex
def test_codex_runs_a_patch_of_a_model_of_the_catalogue(tmp_path: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch"
    script = [turn(custom_call("apply_patch", patch)), turn(message("done"))]
    with FakeServer(script) as server:
        codex_config.write(tmp_path, MODEL, Access(url=server.url), models(MODEL))
        done = codex(tmp_path, *USE, "-s", MODE, "make new.txt")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "repo" / "new.txt").read_text() == "hello\n"


@needs_codex
def test_codex_compacts_by_the_window_of_the_catalogue(tmp_path: Path) -> None:
    """A turn that fills the window makes the next one begin with a summary."""
    full: list[Any] = turn(message("one"))
    full[-1]["response"]["usage"]["total_tokens"] = 31_000
    full[-1]["response"]["usage"]["input_tokens"] = 30_990

    def answer(seen: Seen) -> list[Any]:
        return full if len(server.posts) == 1 else turn(message("a summary"))

    with FakeServer([answer]) as server:
        codex_config.write(tmp_path, MODEL, Access(url=server.url), models(MODEL))
        codex(tmp_path, *USE, "first")
        codex(tmp_path, *without_profile(tmp_path, server), "second")

    assert [bool(seen.json["tools"]) for seen in server.posts] == [True, False, True]


def without_profile(home: Path, server: FakeServer) -> list[str]:
    """Return the words that resume, which takes no profile, with what it says."""
    table = f'{{name="x",base_url="{server.url}/v1",wire_api="responses"}}'
    return [
        *("resume", "--last", "-m", MODEL),
        *("-c", "model_provider=codex_oss_bridge"),
        *("-c", f"model_providers.codex_oss_bridge={table}"),
        *("-c", f'model_catalog_json="{home / CATALOG_FILE}"'),
    ]
