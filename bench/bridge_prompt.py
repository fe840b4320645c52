"""What the model has to read behind the bridge: tokens of a first turn, prefixes kept.

    CODEX_BIN=codex .venv/bin/python bench/bridge_prompt.py [--litellm] [--no-relay]

Tokens are of the real Codex's first turn when `CODEX_BIN` names it, else of a request
of the same shape, as the server gets it: messages and tools as compact JSON, counted
by `bpe-openai` (o200k_base) if installed, else as bytes / 4. The prefix is what a
server finds of the prompt before at the head of the next one: tools first, then the
messages in their order, as the chat templates write them; in bytes.
"""

import argparse
import contextlib
import json
import tempfile
import urllib.request
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import bridge_request as request
from bridge_peers import Bridge, running

from codex_cli import CODEX, Codex
from fake_server import FakeServer, chat_text, chat_turn

Body = dict[str, Any]
LEVELS = ("off", "safe", "aggressive")


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description="Prompts behind the bridge.")
    parser.add_argument("--litellm", action="store_true")
    parser.add_argument("--no-relay", action="store_true")
    options = parser.parse_args()
    chosen = {
        f"codex-oss {level}": ("codex-oss", ["--diet", level]) for level in LEVELS
    }
    if not options.no_relay:
        chosen["codex-relay"] = ("codex-relay", [])
    if options.litellm:
        chosen["litellm"] = ("litellm", [])
    count, unit = tokenizer()
    asker = "the real Codex" if CODEX else "a request of Codex's shape"
    print(f"first turn of {asker}, {unit}")
    for label, (name, flags) in chosen.items():
        body = first_turn(name, flags)
        parts = [count(compact(body.get(key) or [])) for key in ("messages", "tools")]
        print(f"  {label:22} messages {parts[0]:6}  tools {parts[1]:6}  {sum(parts):6}")
    print("\nprefix kept: of the prompt before, in bytes")
    heads = ("turn 2", "late developer", "compaction")
    print(f"  {'':22} " + "".join(f"{head:>16}" for head in heads))
    for label, (name, flags) in chosen.items():
        shares = [prefix(name, flags, follow) for follow in (second, late, compaction)]
        print(f"  {label:22} " + "".join(f"{share:>16.1%}" for share in shares))


def tokenizer() -> tuple[Callable[[str], int], str]:
    """Return a function that counts tokens, and what it counts."""
    try:
        import bpe_openai  # noqa: PLC0415  an extra of this script
    except ImportError:
        return lambda text: len(text.encode()) // 4, "bytes / 4"
    encode = bpe_openai.get_encoding("o200k_base").encode
    return lambda text: len(encode(text)), "tokens"


def compact(value: object) -> str:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@contextlib.contextmanager
def recorded(
    name: str, flags: Sequence[str]
) -> Generator[tuple[FakeServer, Bridge], None, None]:
    """Run a bridge in front of a server that keeps what it is asked."""
    answer = chat_turn(chat_text("Done."), prompt_tokens=9000)
    models = {"object": "list", "data": [{"id": "m", "object": "model"}]}
    with (
        FakeServer([answer], get={"/v1/models": models}) as server,
        running(name, server.url, flags) as bridge,
    ):
        yield server, bridge


def bodies(server: FakeServer) -> list[Body]:
    """Return the chat requests that a server got; a bridge's probes are no answers."""
    asked = [s.json for s in server.posts if s.path.endswith("/chat/completions")]
    return [body for body in asked if body.get("stream")]


def first_turn(name: str, flags: Sequence[str]) -> Body:
    """Return what a bridge makes of Codex's first turn."""
    with recorded(name, flags) as (server, bridge):
        if CODEX:
            with tempfile.TemporaryDirectory() as root:
                codex = Codex(Path(root))
                codex.run(
                    f"http://127.0.0.1:{bridge.port}",
                    "list files in /tmp",
                    codex.folder("repo"),
                )
        else:
            send(bridge, request.first_turn())
        return bodies(server)[0]


def prefix(
    name: str,
    flags: Sequence[str],
    follow: Callable[[list[Body]], tuple[list[Body], Body]],
) -> float:
    """Return how much of a prompt is the head of the one that follows it."""
    given = [*request.first_turn(), *request.call_and_output(1)]
    with recorded(name, flags) as (server, bridge):
        send(bridge, given)
        later, more = follow(given)
        send(bridge, later, **more)
        before, after = (rendered(body) for body in bodies(server)[:2])
    pairs = enumerate(zip(before, after, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), len(before))
    return same / len(before)


def rendered(body: Body) -> str:
    """Return a prompt in the order in which templates write it."""
    tools = compact(body.get("tools") or [])
    return tools + "".join(compact(message) for message in body["messages"])


def second(given: list[Body]) -> tuple[list[Body], Body]:
    """Go on: the answer, another question."""
    said = request.message("assistant", "There are two parts.")
    return [*given, said, request.message("user", "And now?")], {}


def late(given: list[Body]) -> tuple[list[Body], Body]:
    """Go on after the settings have changed."""
    items, more = second(given)
    changed = request.message("developer", "<permissions>" + request.text(530, 77))
    return [*items[:-1], changed, items[-1]], more


def compaction(given: list[Body]) -> tuple[list[Body], Body]:
    """Ask for a summary, as Codex does: without tools."""
    asked = request.message("user", "Write a summary of what was done so far.")
    return [*given, asked], {"tools": []}


def send(bridge: Bridge, given: list[Body], **more: Any) -> None:
    """Send one request and read its answer."""
    body = request.body(bridge.model("m"), given, **more)
    post = urllib.request.Request(
        f"http://127.0.0.1:{bridge.port}/v1/responses",
        data=json.dumps(body).encode(),
        headers=request.HEADERS,
    )
    with urllib.request.urlopen(post, timeout=60) as reply:
        reply.read()


if __name__ == "__main__":
    main()
