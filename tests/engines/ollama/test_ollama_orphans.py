"""After we were killed: nothing is left, or the next start ends it, and only that."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from children import needs_linux
from codex_oss.engines.ollama import orphans
from codex_oss.process import detached
from codex_oss.process.detached import Process
from fake_server import closed_port
from private_ollama import Bench
from with_ollama import LIMIT_S, MODEL, NAME

SRC = Path(__file__).resolve().parents[3] / "src"
TESTS = Path(__file__).resolve().parents[2]

pytestmark = needs_linux


_WAITS = """
import asyncio, sys
sys.path[:0] = [{src!r}, {tests!r}]
from pathlib import Path
from codex_oss.engines.ollama import Ollama
from codex_oss.net import Client
from with_ollama import options

async def main():
    engine = Ollama(options(Path({home!r}), "http://127.0.0.1:{port}"), Client({{}}))
    async for event in engine.ensure({name!r}):
        pass
    print(event.base_url, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def until_ended(process: Process) -> None:
    """Wait until a process that is not ours has ended."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if detached.runs(process):
            assert select.select([fd], [], [], LIMIT_S)[0]
    finally:
        os.close(fd)


def test_nothing_is_left_of_a_server_when_we_are_killed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.own(MODEL)
    with closed_port() as port:
        code = _WAITS.format(
            src=str(SRC), tests=str(TESTS), home=str(tmp_path), port=port, name=NAME
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        ) as us:
            assert us.stdout is not None
            assert us.stdout.readline().startswith("http://127.0.0.1:")
            (server,) = bench.servers()
            us.kill()

    until_ended(server)
    assert not detached.runs(server)


def orphan(tmp_path: Path, program: Path) -> tuple["subprocess.Popen[bytes]", Process]:
    """Return a server whose starter is gone and whose guard was killed too."""
    env = {"HOME": str(tmp_path), "OLLAMA_HOST": "127.0.0.1:0", "PATH": "/usr/bin:/bin"}
    child = subprocess.Popen(
        [program, "serve"], env=env, stderr=subprocess.PIPE, start_new_session=True
    )
    assert child.stderr is not None
    assert b"Listening on" in child.stderr.readline()
    found = detached.find(child.pid)
    assert found is not None
    return child, found


def written(tmp_path: Path, server: Process, starter: Process) -> Path:
    folder = tmp_path / "state/ollama"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{server.pid}.json"
    kept = {
        "server": {"pid": server.pid, "birth": server.birth},
        "starter": {"pid": starter.pid, "birth": starter.birth},
    }
    path.write_text(json.dumps(kept))
    return path


def test_the_next_start_ends_an_orphan(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.own(MODEL)
    child, server = orphan(tmp_path, bench.program)
    with child:
        path = written(tmp_path, server, Process(server.pid, "long gone"))
        bench.run()

        assert child.wait(LIMIT_S) == 0  # asked to end, not killed
    assert not path.exists()


def test_a_server_of_somebody_who_runs_is_left_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    child, server = orphan(tmp_path, bench.program)
    us = detached.find(os.getpid())
    assert us is not None
    with child:
        path = written(tmp_path, server, us)

        assert orphans.end_all(path.parent) == []
        assert detached.runs(server)
        assert path.exists()
        child.send_signal(signal.SIGTERM)
        child.wait(LIMIT_S)


def test_a_stranger_with_the_number_of_a_server_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        gone = Process(stranger.pid, "another birth")
        path = written(tmp_path, gone, gone)

        assert orphans.end_all(path.parent) == []
        assert stranger.poll() is None
        assert not path.exists()
        stranger.kill()


def test_a_file_that_says_nothing_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text("{}")

    assert orphans.end_all(tmp_path) == []
    assert not path.exists()


def test_only_one_at_a_time_looks_for_orphans(tmp_path: Path) -> None:
    path = tmp_path / "1.json"
    path.write_text("{}")

    with orphans._locked(tmp_path) as ours:
        assert ours
        assert orphans.end_all(tmp_path) == []
        assert path.exists()


def test_where_no_server_was_ever_started_there_is_nothing_to_end(
    tmp_path: Path,
) -> None:
    assert orphans.end_all(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
