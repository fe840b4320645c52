"""From a machine without Ollama to an answer, one question at a time."""

import hashlib
import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from at_terminal import AtTerminal
from children import needs_linux
from codex_oss.engines import at_hand, room
from fake_ollama import OllamaModel, Pull
from fake_ollama_program import Behaviour, install
from fake_server import FakeServer, Gate, Reply, Seen, closed_port
from running import OURS, environment, prepared, run_exec

pytestmark = [
    needs_linux,
    pytest.mark.skipif(
        at_hand.ollama_program({}) is not None, reason="Ollama is installed here"
    ),
    pytest.mark.skipif(
        (room.free(Path("/usr/local")) or 0) < 4e9, reason="the disk is too small"
    ),
]

MODEL = OllamaModel("a:1b", layers=(8_000_000, 160, 40))
ABSENT = "http://127.0.0.1:1"
"""A port that needs rights which nobody has here, so that nothing listens there."""
TASK = ["--local-provider", "ollama", "-m", "a:1b", "hi"]
INSTALL = "curl -fsSL https://ollama.com/install.sh | sh"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A machine without Ollama; ``curl`` is a stand-in for the one who brings it."""
    prepared(tmp_path)
    made = install(tmp_path / "made", Behaviour(pulls={"a:1b": [Pull(MODEL)]}))
    folder = tmp_path / "bin"
    folder.mkdir()
    script = f"echo installing; ln -s {made} {folder}/ollama"
    for name, does in (
        ("curl", f"echo {shlex.quote(script)}"),
        ("zstd", "exit 1"),
        ("sudo", "exit 1"),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
    with closed_port() as port:
        (tmp_path / "home" / "config.toml").write_text(
            f'[model_providers.lmstudio]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
        )
        yield {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "OLLAMA_HOST": ABSENT,
            # The registry is not asked for sizes.
            "HTTPS_PROXY": ABSENT,
            "NO_PROXY": "127.0.0.1",
        }


def at_terminal(home: Path, env: dict[str, str], *words: str) -> AtTerminal:
    argv = [*OURS, "exec", *words]
    return AtTerminal(
        argv, cwd=prepared(home), env=environment(home) | env, streams=True
    )


def test_installing_starting_and_downloading_are_three_questions(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with at_terminal(tmp_path, env, *TASK) as terminal:
        for asked, command in (
            ("Install Ollama?", INSTALL),
            ("Start it?", f"{tmp_path}/bin/ollama"),
            ("Download a:1b?", "codex-oss models pull a:1b"),
        ):
            terminal.sees(asked)
            terminal.sees(command)
            terminal.sees("[y/N] ")
            terminal.press("y")
        terminal.sees("model: a:1b")
        terminal.sees("Hello.")


@pytest.mark.parametrize("yes", [0, 1, 2])
def test_a_no_to_any_of_them_ends_it(
    tmp_path: Path, env: dict[str, str], yes: int
) -> None:
    with at_terminal(tmp_path, env, *TASK) as terminal:
        for _ in range(yes):
            terminal.sees("[y/N] ")
            terminal.press("y")
        terminal.sees("[y/N] ")
        terminal.press("\r")
        terminal.sees("the answer was no")
        assert terminal.end()[0] == 1
    assert (tmp_path / "bin" / "ollama").exists() == (yes > 0)


def test_yes_on_the_command_line_is_all_three(
    tmp_path: Path, env: dict[str, str]
) -> None:
    done = run_exec(tmp_path, ["--yes", *TASK], env=env)
    assert done.stdout == "Hello.\n", done.stderr
    said = done.stderr
    assert f"Installing Ollama (about 1.4 GB): {INSTALL}\ninstalling\n" in said
    assert "Starting Ollama: " in said
    assert "Downloading a:1b: codex-oss models pull a:1b" in said


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_without_a_yes_a_script_ends_with_the_command_to_type(
    tmp_path: Path, env: dict[str, str], words: list[str]
) -> None:
    done = run_exec(tmp_path, [*words, *TASK], env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Ollama is not installed, and nobody can be asked here\n" in done.stderr
    assert f"Add --yes to consent, or do it yourself:\n  {INSTALL}\n" in done.stderr
    assert not (tmp_path / "bin" / "ollama").exists()


# --- a download that is stopped ------------------------------------------------------

BLOCK = bytes(100_000_000)
SIZE = 3 * len(BLOCK)
FILE = "m-Q4_0.gguf"


def test_ctrl_c_stops_a_download_and_says_how_to_go_on(
    tmp_path: Path, env: dict[str, str]
) -> None:
    gate = Gate()

    def file(_: Seen) -> Reply:
        def body() -> Iterable[bytes | Gate]:
            yield BLOCK
            yield gate

        return Reply(chunks=body())

    sha = hashlib.sha256(BLOCK * 3).hexdigest()
    lfs = {"oid": sha, "size": SIZE}
    tree = [{"type": "file", "path": FILE, "size": 1, "lfs": lfs}]
    get = {
        "/api/models/o/r/tree/main": Reply(body=tree),
        f"/o/r/resolve/main/{FILE}": file,
    }
    with FakeServer(get=get) as hub:
        env["HF_ENDPOINT"] = hub.url
        with at_terminal(tmp_path, env, "-m", "hf:o/r", "hi") as terminal:
            terminal.sees("Download hf:o/r?")
            terminal.sees("300 MB")
            terminal.sees("[y/N] ")
            terminal.press("y")
            terminal.sees("33%  100/300 MB")
            terminal.press("\x03")
            terminal.sees("The download of hf:o/r was stopped at 33%.")
            terminal.sees("the same command goes on from there.")
            assert terminal.end()[0] == 1
        gate.open()
    kept = tmp_path / ".codex-oss/models/hf/o/r" / f"{FILE}.partial"
    assert kept.stat().st_size == len(BLOCK)
