"""The Codex CLI's terminal app, in a terminal, through the bridge."""

import shutil
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

import bridges
from codex_cli import CODEX, NO_CODEX, Codex, provided
from scripted_upstream import MODEL, Scenario, ScriptedUpstream, says

pytestmark = [
    pytest.mark.skipif(not CODEX, reason=NO_CODEX),
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
]

ANSWER = "The answer is a turnip."
LOOKS = 1000
LOOK_S = 0.1


class Terminal:
    """One tmux server with one window."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    def tmux(self, *arguments: str) -> str:
        """Run one command of tmux and return what it prints."""
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.stdout

    def wait_for(self, text: str) -> str:
        """Wait until the screen shows a text, and return the screen."""
        pause, screen = threading.Event(), ""
        for _ in range(LOOKS):
            screen = self.tmux("capture-pane", "-p")
            if text in screen:
                return screen
            pause.wait(LOOK_S)
        raise AssertionError(f"{text!r} is not on the screen:\n{screen}")


@contextmanager
def terminal(
    socket: Path, codex: Codex, folder: Path, argv: list[str]
) -> Generator[Terminal, None, None]:
    """Run a program in a terminal."""
    window = Terminal(socket)
    env = [f"{k}={v}" for k, v in codex.environment().items() if k.isidentifier()]
    size = ["-x", "110", "-y", "40"]
    try:
        window.tmux(
            "new-session", "-d", *size, "-c", str(folder), "env", "-i", *env, *argv
        )
        yield window
    finally:
        window.tmux("kill-server")


def test_a_turn_in_the_terminal_shows_its_answer(tmp_path: Path) -> None:
    codex = Codex(tmp_path)
    folder = codex.folder("repo")
    trust = f'[projects."{folder}"]\ntrust_level = "trusted"\n'
    (codex.home / "config.toml").write_text(trust)
    scenario = Scenario(name="tui", turns=(says(ANSWER),))
    with ScriptedUpstream([scenario]) as upstream, bridges.ours(upstream.url) as bridge:
        argv = [CODEX, "--no-daemon", *provided(bridge.url), "-m", MODEL]
        prompt = "[[tui]] What is the answer?"
        with terminal(tmp_path / "t", codex, folder, [*argv, prompt]) as window:
            window.wait_for(ANSWER)
    # One request is the turn; another asks for the thread's title.
    assert any("tools" in body for body in upstream.bodies["tui"])
