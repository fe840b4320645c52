"""Conversations that codex-oss and the real Codex CLI share."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Waiting
from typing import Any

import pytest

from codex_cli import CODEX, LIMIT_S, NO_CODEX, provided
from fake_server import Event, FakeServer, message, turn
from running import environment, prepared, provider, run_other

pytestmark = pytest.mark.skipif(not CODEX, reason=NO_CODEX)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder outside of the temporary ones, which Codex does not take."""
    made = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def codex(folder: Path, url: str, *arguments: str) -> str:
    """Run `codex exec` and return its answer."""
    done = subprocess.run(
        [CODEX, "exec", *arguments, *provided(url), "-m", "gpt-oss:20b"],
        cwd=prepared(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ours(folder: Path, *arguments: str) -> str:
    done = run_other(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def conversation(server: FakeServer) -> list[str]:
    """Return what the last request's prompts and answers say."""
    items: list[Any] = server.posts[-1].json["input"]
    told = [item for item in items if item.get("role") in ("user", "assistant")]
    texts = [item["content"][0]["text"] for item in told]
    return [text for text in texts if not text.startswith("<environment_context>")]


def answers(count: int) -> list[list[Event]]:
    return [turn(message(f"answer {number}")) for number in range(count)]


def test_each_goes_on_with_what_the_other_began(folder: Path) -> None:
    with FakeServer(answers(4)) as server:
        codex(folder, server.url, "one")
        chosen = provider(server.url)
        assert ours(folder, "exec", "resume", *chosen, "--last", "two") == "answer 1\n"
        sent = json.dumps(server.posts[-1].json)
        assert "<permissions instructions>" not in sent
        assert "<skills_instructions>" not in sent
        codex(folder, server.url, "resume", "--last", "three")
        ours(folder, "exec", "resume", *chosen, "--last", "four")
        said = conversation(server)
    assert said == [
        "one",
        "answer 0",
        "two",
        "answer 1",
        "three",
        "answer 2",
        "four",
    ]
    assert len(list((folder / "home/sessions").rglob("*.jsonl"))) == 1


def test_codex_takes_and_lists_what_we_began(folder: Path) -> None:
    with FakeServer(answers(2)) as server:
        chosen = provider(server.url)
        told = ours(folder, "exec", "--json", *chosen, "mend the parser")
        thread_id = json.loads(told.splitlines()[0])["thread_id"]
        ours(folder, "rename", thread_id, "the parser")
        listed = _threads(folder)
        assert [(t["id"], t["preview"]) for t in listed] == [
            (thread_id, "mend the parser")
        ]
        assert listed[0]["modelProvider"] == "x"
        codex(folder, server.url, "resume", thread_id, "two")
        assert conversation(server) == ["mend the parser", "answer 0", "two"]
    rows = json.loads(ours(folder, "sessions", "--json"))
    assert [(row["id"], row["name"], row["turns"]) for row in rows] == [
        (thread_id, "the parser", 2)
    ]


def test_what_codex_has_named_and_archived_is_known_here(folder: Path) -> None:
    with FakeServer(answers(2)) as server:
        codex(folder, server.url, "one")
        (row,) = json.loads(ours(folder, "sessions", "--json"))
        name = {"threadId": row["id"], "name": "by codex"}
        _app_server(folder, ("thread/name/set", name))
        (row,) = json.loads(ours(folder, "sessions", "--json"))
        assert row["name"] == "by codex"
        away = [CODEX, "archive", row["id"]]
        env = environment(folder)
        subprocess.run(away, env=env, check=True, timeout=LIMIT_S, capture_output=True)
        assert json.loads(ours(folder, "sessions", "--json")) == []
        ours(folder, "unarchive", "by codex")
        resume = ["exec", "resume", *provider(server.url), "by codex", "two"]
        assert ours(folder, *resume) == "answer 1\n"


def test_what_is_open_here_is_closed_to_codex_and_the_other_way_round(
    folder: Path,
) -> None:
    with FakeServer(answers(1)) as server:
        told = ours(folder, "exec", "--json", *provider(server.url), "one")
        thread_id = json.loads(told.splitlines()[0])["thread_id"]
        holder = (
            "import sys; from pathlib import Path; "
            "from codex_oss.sessions.lock import Lock; "
            "Lock(Path(sys.argv[1]), sys.argv[2]).take(); print(flush=True); input()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", holder, folder / "home", thread_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            with pytest.raises(
                AssertionError, match=r"(?i)already|another|lock|in use"
            ):
                codex(folder, server.url, "resume", thread_id, "two")
            process.kill()
        assert len(server.posts) == 1


def test_what_codex_has_compressed_is_searched_and_gone_on_with(folder: Path) -> None:
    with FakeServer(answers(3)) as server:
        codex(folder, server.url, "mend the lexer")
        packed = _compressed_by_codex(folder)
        (row,) = json.loads(ours(folder, "sessions", "--json", "--search", "LEXER"))
        assert (row["path"], row["found"]) == (str(packed), "mend the lexer")
        resume = ["exec", "resume", *provider(server.url), row["id"], "two"]
        assert ours(folder, *resume) == "answer 1\n"
        assert not packed.exists()
        codex(folder, server.url, "resume", row["id"], "three")
        said = conversation(server)
    assert said == ["mend the lexer", "answer 0", "two", "answer 1", "three"]


def _compressed_by_codex(folder: Path) -> Path:
    """Let Codex compress the only session there is, as one of long ago."""
    (plain,) = (folder / "home/sessions").rglob("*.jsonl")
    os.utime(plain, (1_700_000_000, 1_700_000_000))
    packed = plain.with_name(f"{plain.name}.zst")
    waiting, deadline = Waiting(), time.monotonic() + LIMIT_S
    with subprocess.Popen(
        [CODEX, "--enable", "local_thread_store_compression", "app-server"],
        cwd=prepared(folder),
        env=environment(folder) | {"RUST_LOG": "off"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        while plain.exists() or not packed.exists():
            assert time.monotonic() < deadline, "Codex did not compress it"
            waiting.wait(0.05)
        process.stdin.close()
        process.wait(LIMIT_S)
    return packed


def _threads(folder: Path) -> list[dict[str, Any]]:
    """Return what Codex's own list shows."""
    asked = {"limit": 10, "sourceKinds": ["exec", "cli"], "modelProviders": []}
    return _app_server(folder, ("thread/list", asked))["data"]


def _app_server(folder: Path, call: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Ask Codex's app server, which its terminal app asks too."""
    hello = {"clientInfo": {"name": "test", "version": "1"}}
    with subprocess.Popen(
        [CODEX, "app-server"],
        cwd=prepared(folder),
        env=environment(folder) | {"RUST_LOG": "off"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told: dict[str, Any] = {}
        for number, (method, params) in enumerate((("initialize", hello), call)):
            asked = {"id": number, "method": method, "params": params}
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
            while (told := json.loads(process.stdout.readline())).get("id") != number:
                pass
        process.stdin.close()
        process.wait(LIMIT_S)
    return told["result"]
