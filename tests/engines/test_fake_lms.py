"""The fake `lms`: it commands a server, and starts one that outlives it."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

import fake_lms
from fake_lmstudio import FakeLmStudio, LmModel
from fake_server import WAIT_S


def run(lms: Path, home: Path, *words: str) -> tuple[int, str, str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run(
        [lms, *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_loads_lists_and_unloads(tmp_path: Path) -> None:
    with FakeLmStudio(LmModel("a", size=9)) as server:
        lms = fake_lms.install(tmp_path / "bin", url=server.url)
        status = run(lms, tmp_path, "server", "status", "--json", "--quiet")
        run(lms, tmp_path, "load", "a", "--context-length", "65536", "-y")
        listed = run(lms, tmp_path, "ps", "--json")
        missing = run(lms, tmp_path, "load", "x")
        run(lms, tmp_path, "unload", "--all")
    assert json.loads(status[1]) == {"running": True, "port": server.port}
    assert json.loads(listed[1]) == [
        {
            "type": "llm",
            "modelKey": "a",
            "sizeBytes": 9,
            "maxContextLength": 131072,
            "identifier": "a",
            "contextLength": 65536,
        }
    ]
    assert missing == (1, "", "Error: Model 'x' not found\n")
    assert (server.loads, server.loaded) == ([("a", 65536)], {})


def test_it_gets_a_model_or_says_that_it_could_not(tmp_path: Path) -> None:
    bad = LmModel("bad", broken=True)
    with FakeLmStudio(downloads=[LmModel("b"), bad]) as server:
        lms = fake_lms.install(tmp_path / "bin", url=server.url)
        got = run(lms, tmp_path, "get", "--yes", "b")
        failed = run(lms, tmp_path, "get", "--yes", "bad")
        assert list(server.models) == ["openai/gpt-oss-20b", "b"]
    assert got[2].endswith("Finished downloading.\n")
    assert (got[0], failed[0]) == (0, 1)


def test_it_starts_a_server_once_and_stops_it(tmp_path: Path) -> None:
    lms = fake_lms.install(tmp_path / "bin", models=[LmModel("a")])
    before = run(lms, tmp_path, "server", "status", "--json")[1]
    started = run(lms, tmp_path, "server", "start", "--port", "0")
    again = run(lms, tmp_path, "server", "start", "--port", "0")
    told = json.loads(run(lms, tmp_path, "server", "status", "--json")[1])
    settings = tmp_path / ".lmstudio/.internal/http-server-config.json"
    url = f"http://127.0.0.1:{told['port']}/v1/models"
    with urllib.request.urlopen(url, timeout=WAIT_S) as reply:
        (model,) = json.load(reply)["data"]
    run(lms, tmp_path, "server", "stop")

    assert json.loads(before) == {"running": False}
    said = f"Success! Server is now running on port {told['port']}\n"
    assert started == again == (0, "", said)
    assert json.loads(settings.read_text()) == {"port": told["port"]}
    assert model["id"] == "a"
