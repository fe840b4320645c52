"""An ``ollama`` program: a fake one, for tests that need real processes.

::

    stuck = Behaviour(pulls={"m": [Pull(after=9, hangs=True)]})
    program = install(tmp_path / "bin", stuck)
    subprocess.Popen([program, "serve"], env={"OLLAMA_HOST": "127.0.0.1:0", …})

Knows ``serve`` and ``--version``. The server listens where
``OLLAMA_HOST`` says (port 0: any, told on stderr as the real one does), keeps its
models in ``OLLAMA_MODELS``, takes ``OLLAMA_CONTEXT_LENGTH`` and ``OLLAMA_NOPRUNE``,
writes ``.ollama/id_ed25519`` under ``HOME``, and starts a ``llama-server`` for each
loaded model, which outlives it when it is killed and not asked to end. After
``LIVES_S`` seconds each ends by itself, so that no test leaves anything behind.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

import msgspec

from fake_ollama import (
    DEFAULT_CONTEXT,
    FakeOllama,
    OllamaModel,
    Pull,
    Say,
    Store,
)
from fake_ollama_store import GRACE_S

LIVES_S = 300
DEFAULT_PORT = 11434
_CHILD = f"import signal; signal.alarm({LIVES_S}); signal.pause()"


class Behaviour(msgspec.Struct, frozen=True):
    """How the program behaves; ``models`` are there at its first start.

    ``fails`` are the last words of a server that cannot start; a ``slow`` one listens
    only when a file of that name is there. ``grace_s`` is the ``Store``'s.
    """

    models: tuple[OllamaModel, ...] = ()
    answers: tuple[Say, ...] = (Say("Hello."),)
    pulls: dict[str, list[Pull]] = {}
    version: str = "0.33.0"
    grants: int | None = None
    fails: str = ""
    slow: str = ""
    grace_s: float = GRACE_S


def install(folder: Path, behaviour: Behaviour | None = None) -> Path:
    """Put the program into a folder for ``PATH``; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "ollama.json"
    script.write_bytes(msgspec.json.encode(behaviour or Behaviour()))
    program = folder / "ollama"
    run = shlex.join([sys.executable, __file__, str(script)])
    program.write_text(f'#!/bin/sh\nexec {run} "$@"\n')
    program.chmod(0o755)
    return program


class _Server(FakeOllama):
    """The server, with a process for each model that is loaded."""

    runners: dict[str, subprocess.Popen[bytes]]

    def load(self, name: str, context: int) -> int:
        before = self.loaded.get(name)
        granted = super().load(name, context)
        if before != granted:
            self._end(name)
            weights = self.store.path(self.models[name].blobs[0][0])
            argv = ["llama-server", "-c", _CHILD, "--model", str(weights)]
            self.runners[name] = subprocess.Popen(
                argv,
                executable=sys.executable,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return granted

    def unload(self, name: str) -> None:
        super().unload(name)
        self._end(name)

    def _end(self, name: str) -> None:
        if runner := self.runners.pop(name, None):
            runner.kill()
            runner.wait()


def serve(behaviour: Behaviour) -> int:
    """Serve until a signal asks for the end; return the exit status."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, end)
    signal.alarm(LIVES_S)
    while behaviour.slow and not Path(behaviour.slow).exists() and not ended.is_set():
        ended.wait(0.01)
    if behaviour.fails:
        return _tell(f"Error: {behaviour.fails}")
    server = _server(behaviour)
    try:
        with server:
            at = f"{server.address[0]}:{server.port}"
            said = f"Listening on {at} (version {behaviour.version})"
            _tell(f'time=now level=INFO source=routes.go:1 msg="{said}"')
            ended.wait()
            for name in list(server.runners):
                server.unload(name)
    except OSError as error:
        at = f"{server.address[0]}:{server.address[1]}"
        words = str(error.strerror).lower()
        return _tell(f"Error: listen tcp {at}: bind: {words}")
    return 0


def _server(behaviour: Behaviour) -> _Server:
    env, home = os.environ, Path(os.environ["HOME"], ".ollama")
    home.mkdir(parents=True, exist_ok=True)
    (home / "id_ed25519").touch()
    folder = Path(env.get("OLLAMA_MODELS") or home / "models")
    first = () if (folder / "manifests").is_dir() else behaviour.models
    grace_s = None if env.get("OLLAMA_NOPRUNE") else behaviour.grace_s
    server = _Server(
        answers=behaviour.answers,
        pulls=behaviour.pulls,
        version=behaviour.version,
        grants=behaviour.grants,
        default_context=int(env.get("OLLAMA_CONTEXT_LENGTH") or DEFAULT_CONTEXT),
        store=Store(first, folder, grace_s=grace_s),
    )
    server.address = listening_at(env.get("OLLAMA_HOST", ""))
    server.runners = {}
    return server


def listening_at(host: str) -> tuple[str, int]:
    """Return host and port of ``OLLAMA_HOST``: all forms but those of IPv6."""
    scheme, _, rest = host.strip(" \"'").rpartition("://")
    name, _, port = rest.partition("/")[0].partition(":")
    usual = {"http": 80, "https": 443}.get(scheme, DEFAULT_PORT)
    return name or "127.0.0.1", int(port) if port.isdigit() else usual


def version(behaviour: Behaviour) -> int:
    """Say the server's version, or the program's with a warning."""
    name, port = listening_at(os.environ.get("OLLAMA_HOST", ""))
    try:
        socket.create_connection((name, port), timeout=1).close()
        sys.stdout.write(f"ollama version is {behaviour.version}\n")
    except OSError:
        sys.stdout.write("Warning: could not connect to a running Ollama instance\n")
        sys.stdout.write(f"Warning: client version is {behaviour.version}\n")
    return 0


def _tell(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return 1


def main() -> int:
    """Run a command of ``ollama``."""
    behaviour = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Behaviour)
    match sys.argv[2:]:
        case ["serve"]:
            return serve(behaviour)
        case ["--version" | "-v"]:
            return version(behaviour)
        case other:
            return _tell(f"Error: the fake ollama knows no {shlex.join(other)}")


if __name__ == "__main__":
    sys.exit(main())
