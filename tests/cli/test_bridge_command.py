"""`codex-oss bridge` as its user calls it: every action, on a bridge that runs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from fake_server import LLAMACPP, FakeServer
from free_ports import free_port
from running import OURS, TIMEOUT_S, environment, prepared

MODELS = {"object": "list", "data": [{"id": "qwen3:14b"}, {"id": "tiny"}]}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Generator[Run]:
    """Return a function that runs `codex-oss bridge`; what it started is stopped."""
    ports: set[str] = set()

    def call(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        if words[0] == "start":
            ports.add(words[words.index("--listen-port") + 1])
        return subprocess.run(
            [*OURS, "bridge", *words],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    yield call
    for port in ports:
        call("stop", "--listen-port", port)


@pytest.fixture
def upstream() -> Generator[FakeServer]:
    with FakeServer(get=LLAMACPP | {"/v1/models": MODELS}) as server:
        yield server


@pytest.fixture
def port() -> str:
    return str(free_port())


def plain(text: str) -> str:
    """Return text with the numbers of processes and seconds left out."""
    return re.sub(r"up \d+ s", "up N s", re.sub(r"process \d+", "process N", text))


def test_a_bridge_is_started_asked_restarted_and_stopped(
    run: Run, upstream: FakeServer, port: str, tmp_path: Path
) -> None:
    url, at = f"http://127.0.0.1:{port}", ("--listen-port", port)
    served = f"{url} serves in front of {upstream.url} (process N)\n"

    told = [
        run("start", "--upstream", upstream.url, "--no-repair", *at),
        run("start", *at),
        run("status"),
        run("restart", *at),
        run("stop", *at),
        run("status", *at),
        run("stop", *at),
    ]

    assert [(done.returncode, plain(done.stdout)) for done in told] == [
        (0, served),
        (
            0,
            (
                f"a bridge runs already: {url} (process N)\n"
                "To change how it runs: codex-oss bridge restart, with other options\n"
            ),
        ),
        (
            0,
            (
                f"{url}  runs, process N, version 0.1.0, up N s\n"
                "  requests  0 in flight\n"
                f"  upstream  {upstream.url} (reachable, 2 models)\n"
                f"  log       {tmp_path}/.codex-oss/bridge/{port}.log\n"
            ),
        ),
        (0, f"stopped {url} (process N)\n{served}"),
        (0, f"stopped {url} (process N)\n"),
        (1, f"{url}  does not run\n"),
        (0, f"no bridge runs in the background on port {port}\n"),
    ]
    assert [done.stderr for done in told] == [""] * len(told)


def test_the_log_holds_what_the_bridge_said_first(
    run: Run, upstream: FakeServer, port: str
) -> None:
    at = ("--listen-port", port)
    run("start", "--upstream", upstream.url, *at)

    told = run("logs", "-n", "2", *at)

    assert told.stdout == (
        f"Codex, once:  codex-oss bridge codex-config --write --listen-port {port}\n"
        "then:         codex -p codex-oss\n"
    )


def test_codex_s_profile_is_written_from_what_the_bridge_serves(
    run: Run, upstream: FakeServer, port: str, tmp_path: Path
) -> None:
    at = ("--listen-port", port)
    run("start", "--upstream", upstream.url, *at)

    printed = run("codex-config", "-m", "tiny", *at)
    written = run("codex-config", "--write", "-m", "tiny", *at)
    unknown = run("codex-config", "-m", "nope", *at)

    home = tmp_path / "home"
    profile, models = home / "codex-oss.config.toml", home / "codex-oss.models.json"
    assert written.stdout.splitlines() == [
        f"wrote {models}",
        f"wrote {profile}",
        "Model tiny, 8192 tokens of context. Others: -m NAME.",
        "Now: codex -p codex-oss",
    ]
    assert profile.read_text() == printed.stdout
    assert 'model = "tiny"' in printed.stdout
    found = json.loads(models.read_text())["models"]
    assert [model["slug"] for model in found] == ["qwen3:14b", "tiny"]
    assert (unknown.returncode, unknown.stderr) == (
        1,
        (
            f"Error: the bridge at http://127.0.0.1:{port} has no model `nope`\n"
            "It has: qwen3:14b, tiny.\n"
        ),
    )


def test_the_inspector_is_where_inspect_says(
    run: Run, upstream: FakeServer, port: str
) -> None:
    at = ("--listen-port", port)
    run("start", "--upstream", upstream.url, *at)

    assert run("inspect", *at).stdout == f"http://127.0.0.1:{port}/__inspect\n"


def test_a_profile_needs_the_server_behind_the_bridge(run: Run, port: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        upstream = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        run("start", "--upstream", upstream, "--listen-port", port)
        told = run("codex-config", "--listen-port", port)

    url = f"http://127.0.0.1:{port}"
    assert told.returncode == 1
    assert told.stderr.startswith(
        f"Error: the bridge at {url} cannot list its models: cannot connect to "
        f"{upstream.removeprefix('http://')}"
    )


def test_what_is_no_bridge_has_no_profile(run: Run) -> None:
    with FakeServer() as stranger:
        port = stranger.url.rpartition(":")[2]
        told = run("codex-config", "--listen-port", port)

    assert told.stderr.startswith(
        f"Error: what answers at http://127.0.0.1:{port} is no codex-oss bridge"
    )


def test_a_bridge_with_a_key_is_not_restarted_without_one(
    run: Run, upstream: FakeServer, port: str
) -> None:
    at = ("--listen-port", port)
    key = {"CODEX_OSS_BRIDGE_KEY": "secret"}
    run("start", "--upstream", upstream.url, *at, **key)

    without, within = run("restart", *at), run("restart", *at, **key)

    url = f"http://127.0.0.1:{port}"
    assert (without.returncode, without.stdout, without.stderr) == (
        1,
        "",
        (
            f"Error: the bridge at {url} has a key, and CODEX_OSS_BRIDGE_KEY is not "
            "set\nSet CODEX_OSS_BRIDGE_KEY; to serve without a key from now on: "
            f"codex-oss bridge stop --listen-port {port}, then start.\n"
        ),
    )
    assert within.returncode == 0


@pytest.mark.parametrize("action", ["codex-config", "inspect"])
def test_what_needs_a_bridge_says_how_to_get_one(
    run: Run, port: str, action: str
) -> None:
    told = run(action, "--listen-port", port)

    assert (told.returncode, told.stdout, told.stderr) == (
        1,
        "",
        (
            f"Error: no bridge answers at http://127.0.0.1:{port}\n"
            "Start one: codex-oss bridge start (or choose another by --listen-port).\n"
        ),
    )


def test_a_log_that_is_not_there_says_why(run: Run, port: str) -> None:
    told = run("logs", "--listen-port", port)

    assert told.returncode == 1
    assert "A bridge in the foreground writes to its terminal" in told.stderr


def test_a_port_that_is_taken_is_told_before_anything_is_served(
    run: Run, upstream: FakeServer
) -> None:
    told = run("run", "--listen-port", str(upstream.port), "--upstream", "http://a:1")

    assert (told.returncode, told.stderr) == (
        1,
        (
            f"Error: port {upstream.port} is taken by another web server\n"
            "Take another port with --listen-port; 0 takes any that is free.\n"
        ),
    )


def test_without_a_session_of_systemd_install_points_to_start(
    run: Run, tmp_path: Path, port: str
) -> None:
    told = run("install", "--listen-port", port, PATH=str(tmp_path))

    assert told.returncode == 1
    assert "codex-oss bridge start" in told.stderr
    assert not (tmp_path / ".config").exists()
    assert not (tmp_path / "Library").exists()


def test_install_tells_what_it_wrote_and_uninstall_takes_it_away(
    run: Run, tmp_path: Path, port: str
) -> None:
    if sys.platform == "darwin":
        pytest.skip("launchd's side is in tests/bridge/test_service_login.py")
    tool = tmp_path / "systemctl"
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOSTED_KEY": "secret"}
    at = ("--listen-port", port)
    unit = tmp_path / f".config/systemd/user/codex-oss-bridge-{port}.service"
    variables = tmp_path / f".codex-oss/bridge/{port}.env"

    done = run("install", "--api-key-env", "HOSTED_KEY", *at, **env)
    kept = json.loads(variables.read_text())
    text = unit.read_text()
    again = run("install", "--api-key-env", "HOSTED_KEY", *at, **env)
    undone = run("uninstall", *at, **env)

    assert done.stdout.splitlines() == [
        "systemd starts the bridge now and with every login.",
        f"wrote {unit}",
        f"wrote {variables} (its environment, keys included; only you can read it)",
        f"Whether it serves: codex-oss bridge status --listen-port {port}",
        f"To undo all of it: codex-oss bridge uninstall --listen-port {port}",
    ]
    assert again.stdout == done.stdout
    assert kept["HOSTED_KEY"] == "secret"
    assert "secret" not in text
    assert "bridge run --listen-port" in text
    assert undone.stdout == f"removed {unit}\n"
    assert not unit.exists()
    assert not variables.exists()


def test_ctrl_c_ends_a_bridge_in_the_foreground(
    upstream: FakeServer, tmp_path: Path
) -> None:
    words = ("bridge", "--listen-port", "0", "--upstream", upstream.url)
    with subprocess.Popen(
        [*OURS, *words],
        cwd=prepared(tmp_path),
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        first = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
        code = child.wait(TIMEOUT_S)

    assert re.fullmatch(r"listening on: http://127\.0\.0\.1:\d+/v1\n", first)
    assert "Traceback" not in rest
    assert code == 0


def test_a_bridge_in_the_foreground_is_seen_and_left_to_its_terminal(
    run: Run, upstream: FakeServer, port: str, tmp_path: Path
) -> None:
    at = ("--listen-port", port)
    with subprocess.Popen(
        [*OURS, "bridge", *at, "--upstream", upstream.url],
        cwd=prepared(tmp_path),
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        child.stderr.readline()
        status, stop = run("status", *at), run("stop", *at)
        child.send_signal(signal.SIGTERM)
        child.stderr.read()

    assert (status.returncode, plain(status.stdout)) == (
        0,
        (
            f"http://127.0.0.1:{port}  runs, version 0.1.0, up N s\n"
            "  requests  0 in flight\n"
            f"  upstream  {upstream.url} (reachable, 2 models)\n"
        ),
    )
    assert (stop.returncode, stop.stderr) == (
        1,
        (
            f"Error: the bridge at http://127.0.0.1:{port} was not started by "
            "`codex-oss bridge start`\nEnd it where it runs, with Ctrl-C.\n"
        ),
    )


def test_a_bridge_says_its_version(run: Run) -> None:
    told = run("--version")

    assert told.stdout == "codex-oss 0.1.0\n"
