"""What `codex exec --json` 0.169 printed, and what `codex-oss exec --json` prints.

Each capture holds the arguments, what the model's server answered, and the events
of the real Codex CLI. The same answers must give the same events. What
differs is taken out by `comparable`, and told in docs/compatibility.md.
"""

import itertools
import json
import os
import re
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_events import completed, created, done
from fake_server import FakeServer
from running import provider, run_exec

ROOT = Path(__file__).parents[2]
CAPTURES = sorted((ROOT / "tests/captures/codex-0.169.0").glob("*.json"))
FILES = {
    "a.py": 'print("hi")\n',
    "b.txt": "one\ntwo\n",
    "old.txt": "old\n",
}
FALLBACK_WARNING = "Model metadata for "


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def outside(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that is not below the temporary one, which commands may write."""
    name = re.sub(r"\W", "_", request.node.name)
    folder = ROOT / ".cache" / "journeys" / f"{os.getpid()}-{name}"
    repo = folder / "repo"
    repo.mkdir(parents=True)
    for file, text in FILES.items():
        (repo / file).write_text(text)
    (folder / "pic.png").write_bytes(png())
    (folder / "schema.json").write_text('{"type": "object"}')
    subprocess.run(["git", "init", "-q", repo], check=True)
    yield folder
    subprocess.run(["rm", "-r", folder], check=True)


def write_stdin(seen: Any) -> list[dict[str, Any]]:
    """Answer with a `write_stdin` to the session that the last output names."""
    output: str = seen.json["input"][-1]["output"]
    found = re.search(r"session ID (\d+)", output)
    assert found, output
    session = int(found[1])
    arguments = json.dumps({"session_id": session, "chars": "abc\n"})
    call = {
        "type": "function_call",
        "id": "fc_2",
        "call_id": "call_2",
        "name": "write_stdin",
        "arguments": arguments,
    }
    return [created(), done(call), completed()]


def scripted(model: list[Any]) -> list[Any]:
    computed: Callable[[Any], list[dict[str, Any]]] = write_stdin
    return [computed if isinstance(reply, str) else reply for reply in model]


def comparable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take out what differs from run to run, and the warning that only Codex gives.

    The thread id; which of two commands that run side by side begins or ends first;
    and so the numbers in ids, which then count from the first item that is left.
    """
    shown = [event for event in events if not is_fallback_warning(event)]
    ordered = [
        event
        for _, run in itertools.groupby(shown, command_event)
        for event in sorted(run, key=command_of)
    ]
    ids: dict[str, str] = {}
    for event in ordered:
        if "thread_id" in event:
            event["thread_id"] = "T"
        if item := event.get("item"):
            item["id"] = ids.setdefault(item["id"], f"item_{len(ids)}")
    return ordered


def is_fallback_warning(event: dict[str, Any]) -> bool:
    message = event.get("item", {}).get("message", "")
    return message.startswith(FALLBACK_WARNING)


def command_event(event: dict[str, Any]) -> tuple[str, int]:
    """Give neighbours the same key if they are commands that begin, or that end."""
    if event.get("item", {}).get("type") == "command_execution":
        return event["type"], 0
    return "", id(event)


def command_of(event: dict[str, Any]) -> str:
    return event.get("item", {}).get("command", "")


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_exec_prints_the_events_that_codex_prints(path: Path, outside: Path) -> None:
    text = path.read_text().replace("{repo}", str(outside / "repo"))
    capture = json.loads(text.replace("{outside}", str(outside)))
    arguments = capture["arguments"]
    prompt = "hello" if "-i" in arguments else ""
    with FakeServer(scripted(capture["model"])) as server:
        done = run_exec(
            outside, [*provider(server.url), "--json", *arguments], prompt=prompt
        )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert comparable(events) == comparable(capture["events"]), done.stderr
    assert done.returncode == capture["exit_code"]
