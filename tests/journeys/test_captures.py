"""What `codex exec --json` 0.169 printed, and what `codex-oss exec --json` prints.

Each capture holds the arguments, what the model's server answered, and the events
of the real Codex CLI. The same answers must give the same events. What
differs is taken out by `comparable`, and told in docs/compatibility.md.
"""

import json
import re
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_events import completed, created, done
from fake_server import FakeServer
from journey_events import comparable
from running import ROOT, prepared, provider, run_exec

CAPTURES = sorted((ROOT / "tests/captures/codex-0.169.0").glob("*.json"))
FILES = {
    "a.py": 'print("hi")\n',
    "b.txt": "one\ntwo\n",
    "old.txt": "old\n",
}


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


NO_TMP = ("exclude_slash_tmp", "exclude_tmpdir_env_var")
"""The folder of a test is below the temporary one, which commands may write."""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that commands may not write, with a repository in it."""
    repo = prepared(tmp_path)
    for file, text in FILES.items():
        (repo / file).write_text(text)
    (tmp_path / "pic.png").write_bytes(png())
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    return tmp_path


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


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_exec_prints_the_events_that_codex_prints(path: Path, outside: Path) -> None:
    text = path.read_text().replace("{repo}", str(outside / "repo"))
    text = text.replace("{python}", sys.executable)
    text = text.replace("{tests}", str(ROOT / "tests"))
    capture = json.loads(text.replace("{outside}", str(outside)))
    arguments = capture["arguments"]
    prompt = "hello" if "-i" in arguments else ""
    for key in NO_TMP:
        arguments = ["-c", f"sandbox_workspace_write.{key}=true", *arguments]
    with FakeServer(scripted(capture["model"])) as server:
        done = run_exec(
            outside, [*provider(server.url), "--json", *arguments], prompt=prompt
        )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert comparable(events) == comparable(capture["events"]), done.stderr
    assert done.returncode == capture["exit_code"]
