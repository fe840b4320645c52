"""A fake ``lms``, LM Studio's program: it commands a server, and can start one.

::

    lms = install(tmp_path / "bin", url=server.url)   # commands a FakeLmStudio
    lms = install(tmp_path / "bin", downloads=[…])    # `lms server start` starts one

Knows ``server start|status|stop``, ``ls``, ``ps``, ``load``, ``unload`` and ``get``,
with ``--json`` where the real one has it. A server that it starts is a process of its
own, which ends by itself after ``LIVES_S`` seconds; it writes its port where LM Studio
does, under ``HOME``.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fake_lmstudio import FakeLmStudio, LmModel

LIVES_S = 300
WAIT_S = 180
DEFAULT_PORT = 1234
_MODELS = "/api/v1/models"
_SETTINGS = Path(".lmstudio", ".internal", "http-server-config.json")


class Setup(msgspec.Struct, frozen=True):
    """What an installed ``lms`` works with. ``url``: a server that is there."""

    url: str = ""
    models: tuple[LmModel, ...] = (LmModel(),)
    downloads: tuple[LmModel, ...] = ()


def install(
    folder: Path,
    *,
    url: str = "",
    models: Sequence[LmModel] = (LmModel(),),
    downloads: Sequence[LmModel] = (),
) -> Path:
    """Put the program into a folder for ``PATH``; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    setup = Setup(url, tuple(models), tuple(downloads))
    (folder / "lms.json").write_bytes(msgspec.json.encode(setup))
    program = folder / "lms"
    run = shlex.join([sys.executable, __file__, str(folder / "lms.json")])
    program.write_text(f'#!/bin/sh\nexec {run} "$@"\n')
    program.chmod(0o755)
    return program


class Lms:
    """One run of the program."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._setup = msgspec.json.decode(file.read_bytes(), type=Setup)
        self._running = file.with_name("server.pid")

    def run(self, words: list[str]) -> int:
        """Run a command; return the exit status."""
        match [word for word in words if not word.startswith("-")]:
            case ["server", "start", *_]:
                return self._start(int(_option(words, "--port") or DEFAULT_PORT))
            case ["server", "status"]:
                return self._status()
            case ["server", "stop"]:
                return self._stop()
            case ["ls" | "ps" as which]:
                return self._list(loaded=which == "ps")
            case ["load", key, *_]:
                return self._load(key, _option(words, "--context-length"))
            case ["unload", *_]:
                return self._unload()
            case ["get", name, *_]:
                return self._get(name)
            case _:
                return _fail(f"error: unknown command '{shlex.join(words)}'")

    # --- the server --------------------------------------------------------------

    def _start(self, port: int) -> int:
        if not self._port():
            argv = [sys.executable, __file__, str(self._file), "--serve", str(port)]
            server = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
            assert server.stdout
            if not (said := server.stdout.readline()):
                return _fail(f"Error: port {port} is in use")
            self._running.write_text(f"{server.pid} {said}")
        return _tell(f"Success! Server is now running on port {self._port()}")

    def serve(self, port: int) -> int:
        """Be the server, until it is stopped."""
        signal.alarm(LIVES_S)
        server = FakeLmStudio(*self._setup.models, downloads=self._setup.downloads)
        server.address = ("127.0.0.1", port)
        with server:
            settings = Path(os.environ["HOME"], _SETTINGS)
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text(json.dumps({"port": server.port}))
            sys.stdout.write(f"{server.port}\n")
            sys.stdout.flush()
            signal.pause()
        return 0

    def _port(self) -> int:
        """Return the port where the server answers; 0: it does not."""
        if self._setup.url:
            return int(self._setup.url.rpartition(":")[2])
        try:
            port = int(self._running.read_text().split()[1])
            socket.create_connection(("127.0.0.1", port), timeout=WAIT_S).close()
        except OSError:
            return 0
        return port

    def _status(self) -> int:
        port = self._port()
        return _say({"running": True, "port": port} if port else {"running": False})

    def _stop(self) -> int:
        if self._port() and not self._setup.url:
            os.kill(int(self._running.read_text().split()[0]), signal.SIGTERM)
        return _tell("Stopped the server.")

    # --- models ------------------------------------------------------------------

    def _list(self, *, loaded: bool) -> int:
        found: list[dict[str, Any]] = []
        for model in self._ask(_MODELS)["models"]:
            entry = {
                "type": model["type"],
                "modelKey": model["key"],
                "sizeBytes": model["size_bytes"],
                "maxContextLength": model["max_context_length"],
            }
            if not loaded:
                found.append(entry)
                continue
            for instance in model["loaded_instances"]:
                context = instance["config"]["context_length"]
                its_own = {"identifier": instance["id"], "contextLength": context}
                found.append(entry | its_own)
        return _say(found)

    def _load(self, key: str, context: str | None) -> int:
        body = {"model": key} | ({"context_length": int(context)} if context else {})
        return self._do(f"{_MODELS}/load", body, f"Model loaded successfully: {key}")

    def _unload(self) -> int:
        for model in self._ask(_MODELS)["models"]:
            for instance in model["loaded_instances"]:
                self._ask(f"{_MODELS}/unload", {"instance_id": instance["id"]})
        return 0

    def _get(self, name: str) -> int:
        job = self._ask(f"{_MODELS}/download", {"model": name})
        while job.get("status") == "downloading":
            job = self._ask(f"{_MODELS}/download/status/{job['job_id']}")
            _tell(f"{job['downloaded_bytes']} / {job['total_size_bytes']}")
        if job.get("status") in ("completed", "already_downloaded"):
            return _tell("Finished downloading.")
        return _fail(f"Error: could not get {name}")

    def _do(self, path: str, body: dict[str, Any], words: str) -> int:
        reply = self._ask(path, body)
        if "error" in reply:
            return _fail(f"Error: {reply['error']['message']}")
        return _tell(words)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._port()}{path}"
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(url, data, timeout=WAIT_S) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            return json.load(error)


def _option(words: list[str], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words else None


def _say(found: object) -> int:
    sys.stdout.write(f"{json.dumps(found)}\n")
    return 0


def _tell(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return 0


def _fail(words: str) -> int:
    return _tell(words) + 1


def main() -> int:
    """Run a command, or be the server."""
    lms, words = Lms(Path(sys.argv[1])), sys.argv[2:]
    return lms.serve(int(words[1])) if words[:1] == ["--serve"] else lms.run(words)


if __name__ == "__main__":
    sys.exit(main())
