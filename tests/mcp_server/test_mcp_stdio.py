"""``codex-oss mcp-server`` over whatever stdin and stdout are, and its end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from children import runs
from codex_oss.mcp_server.descriptors import Input, Output
from codex_oss.mcp_server.stdio import MAX_LINE
from fake_server import FakeServer, call, message, turn
from mcp_server_peer import WAIT_S, Json, command, environment, home

NOWHERE = "http://127.0.0.1:9"
INITIALIZE: Json = {
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "lab", "version": "1"},
    },
}
INITIALIZED: Json = {"method": "notifications/initialized"}


def lines(*messages: Json) -> bytes:
    whole = [{"jsonrpc": "2.0"} | each for each in messages]
    return b"".join(json.dumps(each).encode() + b"\n" for each in whole)


def codex(number: int, **arguments: str) -> Json:
    params = {"name": "codex", "arguments": {"prompt": "x"} | arguments}
    return {"id": number, "method": "tools/call", "params": params}


@contextmanager
def program(
    place: Path, stdin: int | IO[bytes], stdout: int | IO[bytes]
) -> Generator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen(
        command(),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(place),
        cwd=place / "work",
    )
    with running:
        try:
            yield running
        finally:
            running.kill()


def said(running: "subprocess.Popen[bytes]") -> bytes:
    """Wait for the end and return what was said on stderr."""
    assert running.wait(WAIT_S) == 0
    assert running.stderr is not None
    return running.stderr.read()


# --- the end --------------------------------------------------------------------------


def close(running: "subprocess.Popen[bytes]") -> None:
    assert running.stdin is not None
    running.stdin.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
def test_a_client_that_reads_nothing_does_not_keep_us_from_ending(
    tmp_path: Path, end: signal.Signals | None
) -> None:
    place, told = home(tmp_path, NOWHERE), tmp_path / "work/told"
    os.mkfifo(told)
    sleeps = turn(call("exec_command", {"cmd": "echo $$ > told; sleep 1000"}))
    lists = [{"id": n, "method": "tools/list"} for n in range(1, 100)]
    with FakeServer([sleeps]) as server:
        home(tmp_path, server.url)
        with program(place, subprocess.PIPE, subprocess.PIPE) as running:
            assert running.stdin is not None
            started = codex(100, sandbox="danger-full-access")
            # The lists are more than a pipe holds.
            running.stdin.write(lines(INITIALIZE, INITIALIZED, *lists, started))
            running.stdin.flush()
            pid = int(told.read_text())
            running.send_signal(end) if end else close(running)
            assert said(running) == b""
    assert not runs(pid)


def test_a_second_signal_does_not_keep_what_was_started_alive(tmp_path: Path) -> None:
    place, told = home(tmp_path, NOWHERE), tmp_path / "work/told"
    os.mkfifo(told)
    script = "trap '' TERM; echo $$ > told; sleep 1000; sleep 1000"
    sleeps = turn(call("exec_command", {"cmd": script}))
    with FakeServer([sleeps]) as server:
        home(tmp_path, server.url)
        with program(place, subprocess.PIPE, subprocess.PIPE) as running:
            assert running.stdin is not None
            started = codex(1, sandbox="danger-full-access")
            running.stdin.write(lines(INITIALIZE, INITIALIZED, started))
            running.stdin.flush()
            pid = int(told.read_text())
            close(running)
            for _ in range(3):
                running.send_signal(signal.SIGTERM)
            assert said(running) == b""
    assert not runs(pid)


def test_what_is_taken_too_slowly_is_a_timeout() -> None:
    ours, theirs = os.pipe()

    async def talk() -> None:
        sink = Output(theirs, stalled_s=0.01)
        try:
            with pytest.raises(TimeoutError):
                await sink.write(bytes(1_000_000))
        finally:
            sink.close()

    asyncio.run(talk())
    os.close(ours)
    os.close(theirs)


def test_a_writer_in_a_hurry_waits_no_longer() -> None:
    ours, theirs = os.pipe()

    async def talk() -> None:
        sink = Output(theirs)
        writing = asyncio.ensure_future(sink.write(bytes(1_000_000)))
        await asyncio.sleep(0)
        sink.hurry()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await writing
        assert sink.hurries
        sink.close()

    asyncio.run(talk())
    os.close(ours)
    os.close(theirs)


# --- what stdin and stdout may be -----------------------------------------------------


def answers(text: bytes) -> dict[Any, Json]:
    told = [json.loads(line) for line in text.splitlines()]
    return {each["id"]: each for each in told if "method" not in each}


def test_requests_in_a_file_are_answered_in_a_file_and_nobody_is_asked(
    tmp_path: Path,
) -> None:
    asks = {"cmd": "touch ../made", "sandbox_permissions": "require_escalated"}
    script = [turn(call("exec_command", asks)), turn(message("done"))]
    how = {"sandbox": "workspace-write", "approval-policy": "on-request"}
    given, out = tmp_path / "given", tmp_path / "out"
    cancelled = {"method": "notifications/cancelled", "params": {"requestId": 3}}
    with FakeServer(script) as server:
        place = home(tmp_path, server.url)
        given.write_bytes(lines(INITIALIZE, INITIALIZED, codex(1, **how), cancelled))
        with (
            given.open("rb") as stdin,
            out.open("wb") as stdout,
            program(place, stdin, stdout) as running,
        ):
            assert said(running) == b""
    told = answers(out.read_bytes())
    assert sorted(told) == [0, 1]
    assert told[1]["result"]["structuredContent"]["content"] == "done"
    assert not (tmp_path / "made").exists()


def ping_through(ours: int) -> None:
    """Ask for one answer over a descriptor of two directions, and read it."""
    os.write(ours, lines({"id": 7, "method": "ping"}))
    text = b""
    while b"\n" not in text:
        text += os.read(ours, 4096)
    assert answers(text)[7]["result"] == {}


def test_one_socket_may_be_both(tmp_path: Path) -> None:
    place = home(tmp_path, NOWHERE)
    ours, theirs = socket.socketpair()
    with ours, theirs, program(place, theirs.fileno(), theirs.fileno()) as running:
        theirs.close()
        ping_through(ours.fileno())
        ours.shutdown(socket.SHUT_WR)
        assert said(running) == b""


def test_a_terminal_may_be_both_and_stays_as_it_was(tmp_path: Path) -> None:
    import tty  # noqa: PLC0415  not everywhere

    place = home(tmp_path, NOWHERE)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        with program(place, theirs, theirs) as running:
            ping_through(ours)
            running.send_signal(signal.SIGTERM)
            assert said(running) == b""
            assert os.get_blocking(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    full, given = Path("/dev/full"), tmp_path / "given"
    if not full.exists():
        pytest.skip("needs /dev/full")
    place = home(tmp_path, NOWHERE)
    given.write_bytes(lines({"id": 7, "method": "ping"}))
    with (
        given.open("rb") as stdin,
        full.open("wb") as stdout,
        program(place, stdin, stdout) as running,
    ):
        assert running.wait(WAIT_S) == 1
        assert running.stderr is not None
        text = running.stderr.read()
    assert b"cannot write to stdout: No space left on device" in text
    assert b"Traceback" not in text


def test_a_closed_stdin_is_the_end(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$@" <&-', "sh", *command()],
        env=environment(home(tmp_path, NOWHERE)),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_what_was_asked_just_before_the_end_is_answered(tmp_path: Path) -> None:
    ended = subprocess.run(
        command(),
        input=lines({"id": 1, "method": "ping"}, {"id": 2, "method": "tools/list"}),
        env=environment(home(tmp_path, NOWHERE)),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert sorted(answers(ended.stdout)) == [1, 2]


# --- lines that are no message --------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (b"{nonsense", None, -32700),
        (b'{"id": 5, "method": "ping", "params": ' + b"[" * 3000, 5, -32700),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "x\\ud800"}', 5, -32700),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "\xff"}', 5, -32700),
        (b'{"jsonrpc": "2.0", "id": 5, "method": 7}', 5, -32600),
        (b"[]", None, -32600),
        (b'{"id": 5, "method": "ping", "x": "%s"}' % (b"y" * MAX_LINE), 5, -32600),
    ],
    ids=["nonsense", "deep", "surrogate", "no UTF-8", "method", "batch", "too long"],
)
def test_a_line_that_is_no_message_is_answered_and_the_next_one_too(
    tmp_path: Path, line: bytes, number: int | None, code: int
) -> None:
    place = home(tmp_path, NOWHERE)
    with program(place, subprocess.PIPE, subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(line + b"\n" + lines({"id": 6, "method": "ping"}))
        running.stdin.flush()
        told = [json.loads(running.stdout.readline()) for _ in range(2)]
        running.stdin.close()
        assert said(running) == b""
    refused, pong = sorted(told, key=lambda each: "result" in each)
    assert (refused["id"], refused["error"]["code"]) == (number, code)
    assert (pong["id"], pong["result"]) == (6, {})


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"x" * 200_000)

    async def talk(fd: int) -> bytes:
        source, whole = Input(fd), b""
        while data := await source.read():
            whole += data
        source.close()
        assert not source.waits
        return whole

    fd = os.open(given, os.O_RDONLY)
    assert asyncio.run(talk(fd)) == given.read_bytes()
    # What is started later finds nothing to read.
    assert os.read(fd, 1) == b""
    os.close(fd)
