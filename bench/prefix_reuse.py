"""How much of each prompt the embedded engine finds in its cache, in a loop of 6 calls.

    .venv/bin/python bench/prefix_reuse.py [--model MODEL.gguf] [--calls 6]

The real `exec` works with the real engine. Between them stands a proxy that changes
one thing: it holds the model to a prepared answer by a grammar, so that every run
takes the same calls. The engine still reads every prompt and writes every token, and
its own count (`timings.cache_n`) is what is printed: as a share of the prompt, and of
what was there to be found (the prompt before and the answer to it). The lite prompt is
so short that a command's output is more than a twentieth of all there is: its first
share cannot reach the target, its second can.
"""

import argparse
import asyncio
import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from peers import ROOT, environment

sys.path.insert(0, str(ROOT / "src"))

from codex_oss.engines import ENGINES
from codex_oss.engines.base import Options, Ready
from codex_oss.engines.sources import DEFAULT_MODEL
from codex_oss.net import Client
from codex_oss.translate import constrain

TARGET = 0.95
COMMANDS = ("pwd", "ls", "wc -l a.py", "head -3 a.py", "tail -2 a.py", "cat b.txt")
TIMEOUT_S = 600


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Prefix reuse of the tool loop.")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--calls", type=int, default=len(COMMANDS))
    options = parser.parse_args()
    for profile in ("full", "lite"):
        timings = asyncio.run(measure(options.model, options.calls, profile))
        report(profile, timings)


def report(profile: str, timings: list[dict[str, Any]]) -> None:
    """Print a row for every turn, and the worst of both shares."""
    print(
        f"\n{profile:>4} {'prompt':>7} {'cached':>7} {'of prompt':>10} {'of known':>9}"
    )
    known, shares = 0, list[tuple[float, float]]()
    for number, timing in enumerate(timings, 1):
        cached, prompt = timing["cache_n"], timing["cache_n"] + timing["prompt_n"]
        share = cached / prompt, cached / known if known else 0.0
        print(f"{number:4} {prompt:7} {cached:7} {share[0]:10.1%} {share[1]:9.1%}")
        known = prompt + timing["predicted_n"]
        shares.append(share)
    for name, column in zip(
        ("prompt", "known"), zip(*shares[1:], strict=True), strict=True
    ):
        worst = min(column)
        verdict = "yes" if worst >= TARGET else "no"
        print(f"at least {TARGET:.0%} of the {name}: {verdict} (worst {worst:.1%})")


async def measure(model: str, calls: int, profile: str) -> list[dict[str, Any]]:
    """Start the engine, run `exec` through the proxy, and return the timings."""
    home = Path(os.environ.get("CODEX_OSS_HOME", Path.home() / ".codex-oss"))
    client = Client()
    engine = ENGINES["embedded"](
        Options(models=home / "models", logs=home / "logs", env=os.environ), client
    )
    try:
        async for event in engine.ensure(model):
            if isinstance(event, Ready):
                replies = [
                    constrain.render_call("exec_command", json.dumps({"cmd": command}))
                    for command in (COMMANDS * calls)[:calls]
                ]
                done = json.dumps({"answer": "All six commands ran."})
                with Proxy(event, [*replies, done]) as proxy:
                    await asyncio.to_thread(run_exec, proxy.url, event.model, profile)
                    return proxy.timings
    finally:
        await engine.close()
        await client.close()
    raise SystemExit("the engine did not come up")


def run_exec(url: str, model: str, profile: str) -> None:
    """Run `exec` once in a small repository."""
    with tempfile.TemporaryDirectory() as folder:
        repo, home = Path(folder, "repo"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "init", "-q", repo], check=True)
        (repo / "a.py").write_text("import sys\n\nprint(sys.argv)\nprint('done')\n")
        (repo / "b.txt").write_text("one\ntwo\n")
        provider = f'{{name="x",base_url="{url}/v1",wire_api="chat"}}'
        chosen = ["-c", "model_provider=x", "-c", f"model_providers.x={provider}"]
        prompt = "Look at the files of this folder, one after the other."
        settings = [*chosen, "-c", f"prompt_profile={profile}", "-m", model]
        subprocess.run(
            [sys.executable, "-m", "codex_oss", "exec", *settings, prompt],
            cwd=repo,
            env=environment(home) | {"CODEX_OSS_HOME": str(home / "state")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=True,
        )


class Proxy:
    """Passes requests on to the engine, each held to the next prepared answer."""

    def __init__(self, engine: Ready, replies: list[str]) -> None:
        self.timings: list[dict[str, Any]] = []
        at, key, left = urlsplit(engine.base_url), engine.api_key, iter(replies)
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                self.pass_on("GET", None)

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = json.loads(self.rfile.read(length))
                if self.path.endswith("/chat/completions") and body.get("stream"):
                    body.pop("response_format", None)
                    body["grammar"] = f"root ::= {json.dumps(next(left))}"
                self.pass_on("POST", json.dumps(body))

            def pass_on(self, method: str, body: str | None) -> None:
                upstream = http.client.HTTPConnection(at.hostname or "", at.port)
                headers = {"authorization": f"Bearer {key}"}
                upstream.request(method, self.path, body, headers)
                reply = upstream.getresponse()
                self.send_response(reply.status)
                kind = reply.getheader("content-type", "application/json")
                self.send_header("content-type", kind)
                self.end_headers()
                data = reply.read()
                self.wfile.write(data)
                proxy.learn(data)
                upstream.close()

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def learn(self, data: bytes) -> None:
        """Keep the engine's count of a streamed answer, which its last chunk has."""
        for line in reversed(data.splitlines()):
            if line.startswith(b"data: {") and b'"timings"' in line:
                self.timings.append(json.loads(line[6:])["timings"])
                return

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    main()
