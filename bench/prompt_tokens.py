"""Tokens of a first request: full and lite, beside the real Codex CLI.

    .venv/bin/python bench/prompt_tokens.py

Both send "hello" from an empty repository to a server that keeps the request. Counted
is what the model reads: instructions, input and tools, each as compact JSON, in
tokens of `bpe-openai` (o200k_base; `pip install bpe-openai`). The figures of other
agents are quoted, not measured here: counted the same way from their first requests.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from peers import peers, run_exec

from fake_events import message, turn
from fake_server import FakeServer

QUOTED = {"pi 0.73": 1157, "opencode 1.18": 6698, "qwen-code 0.24": 16816}
LIMITS = {"full": 2000, "lite": 900}
PARTS = ("instructions", "input", "tools")


def main() -> None:
    """Measure and print the table."""
    count = tokenizer()
    programs = peers()
    ours = programs["codex-oss"]
    bodies = {
        f"codex-oss {profile}": first_request(ours, ["-c", f"prompt_profile={profile}"])
        for profile in LIMITS
    }
    if "Codex" in programs:
        bodies["Codex"] = first_request(programs["Codex"], [])
    print(f"{'first request':16} " + "".join(f"{part:>14}" for part in (*PARTS, "all")))
    totals: dict[str, int] = {}
    for name, body in bodies.items():
        parts = [count(compact(body.get(part))) for part in PARTS]
        totals[name] = sum(parts)
        row = "".join(f"{tokens:14}" for tokens in (*parts, totals[name]))
        print(f"{name:16} {row}")
    for name, tokens in QUOTED.items():
        print(f"{name:16} {'':42}{tokens:14}  (quoted)")
    for profile, limit in LIMITS.items():
        total = totals[f"codex-oss {profile}"]
        beside = (
            f", {total / totals['Codex']:.2f} of Codex" if "Codex" in totals else ""
        )
        print(f"{profile} <= {limit}: {'yes' if total <= limit else 'NO'}{beside}")


def tokenizer() -> Callable[[str], int]:
    """Return a function that counts tokens."""
    try:
        import bpe_openai  # noqa: PLC0415  an extra of this script
    except ImportError:
        raise SystemExit("this script needs: pip install bpe-openai") from None
    encoding = bpe_openai.get_encoding("o200k_base")
    return lambda text: len(encoding.encode(text))


def compact(value: object) -> str:
    """Return text as it is and everything else as compact JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def first_request(argv: Sequence[str], settings: Sequence[str]) -> dict[str, Any]:
    """Return the body of the first request of `exec "hello"`."""
    with FakeServer([turn(message("hi"))]) as server:
        run_exec(argv, server, settings)
        return server.posts[0].json


if __name__ == "__main__":
    main()
