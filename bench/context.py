"""Long tasks in small windows: ours, and the real Codex CLI through our bridge.

    CODEX_BIN=codex .venv/bin/python bench/context.py [--windows 4096,8192]
    .venv/bin/python bench/context.py --engine 2048 [--model MODEL.gguf]

A scripted chat server counts each prompt and refuses what does not fit, as llama.cpp
does; it plays the same steps to whoever asks. Codex reaches the server through
`codex-oss bridge`, which makes its requests small, and knows the window: by the
bridge's catalogue of models, which also limits outputs, or by `model_context_window`
alone. Printed for each: the tokens of the first request; how many requests were
answered and refused; compactions (old outputs left out, and summaries); how much of the
prompt before stood at the head of the next one, in bytes, on average and at worst; and
whether the task was finished.

With `--engine` the embedded engine reads the prompts, with a window of so many tokens,
and its own count of what it found in its cache is printed; its answers are prepared, as
in `prefix_reuse.py`.

A last table tells what a turn costs this program, in processor time, at the beginning
of a session and after hundreds of turns: a call and an answer each, from fakes.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from bridge_peers import running
from peers import environment, peers
from prefix_reuse import Proxy

from codex_oss.engines import ENGINES
from codex_oss.engines.base import Options, Ready
from codex_oss.engines.sources import DEFAULT_MODEL
from codex_oss.items import user
from codex_oss.net import Client
from codex_oss.ports import Output
from codex_oss.translate import constrain
from codex_oss.wire import responses
from conversing import Talk
from counting_server import (
    EXPLORATION,
    FUNCTION_AND_TESTS,
    LONG_OUTPUTS,
    Counted,
    CountingServer,
    Step,
    legacy,
    part,
)
from fakes import ScriptedModel, called, said

TURNS = 400
ENGINE_CALLS = 12
WINDOWS = "4096,8192,16384,32768"
TIMEOUT_S = 300
OURS, CATALOGUE, TOLD = "codex-oss", "Codex, our catalogue", "Codex, window told"
PROMPT = "Do the task that is described in the notes of this folder, to its end."


class Task(msgspec.Struct, frozen=True):
    """A task: its steps, and the files that are there before."""

    name: str
    steps: Sequence[Step]
    prepare: Callable[[Path], object]


class Row(msgspec.Struct, frozen=True):
    """What became of one run."""

    counted: list[Counted]
    masked: int
    summaries: int
    finished: bool


def nothing(folder: Path) -> None:
    """Prepare nothing."""


def parts(folder: Path) -> None:
    """Write the files that are to be read."""
    for number in range(24):
        (folder / f"part{number}.py").write_text(part(number))


TASKS = (
    Task(
        "a function, its tests and a run, a file read before",
        FUNCTION_AND_TESTS,
        lambda folder: (folder / "legacy.py").write_text(legacy()),
    ),
    Task("eight outputs of 10,000 lines of digits", LONG_OUTPUTS, nothing),
    Task("two dozen files read", EXPLORATION, parts),
)


def main() -> None:
    """Run every task in every window, and print a table for each task."""
    parser = argparse.ArgumentParser(description="Long tasks in small windows.")
    parser.add_argument("--windows", default=WINDOWS)
    parser.add_argument("--engine", type=int, metavar="WINDOW")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    if options.engine:
        asyncio.run(on_engine(options.model, options.engine))
        return
    windows = [int(window) for window in options.windows.split(",")]
    programs = peers()
    rows = {OURS: programs[OURS]}
    if codex := programs.get("Codex"):
        rows |= {CATALOGUE: codex, TOLD: codex}
    for task in TASKS:
        print(f"\n{task.name} ({len(task.steps)} answers)")
        print(
            f"  {'window':>7} {'':24} {'first':>6} {'answers':>8} {'refused':>8} "
            f"{'masked':>7} {'summaries':>10} {'prefix':>7} {'worst':>6}  finished"
        )
        for window in windows:
            for name, argv in rows.items():
                report(window, name, run(name, argv, task, window))
    print(f"\nCPU of a turn, of {TURNS} in a row, median in ms")
    print(f"  {'window':>7} {'first 50':>9} {'last 50':>9}")
    for window in (None, 131_072, 16_384):
        costs = asyncio.run(turns(window))
        first, last = (statistics.median(c) * 1e3 for c in (costs[:50], costs[-50:]))
        print(f"  {window or 'unknown':>7} {first:9.2f} {last:9.2f}")


async def on_engine(model: str, window: int) -> None:
    """Read files one after the other on the embedded engine, and print its counts."""
    state = Path(os.environ.get("CODEX_OSS_HOME", Path.home() / ".codex-oss"))
    client = Client()
    options = Options(
        models=state / "models",
        logs=state / "logs",
        env=os.environ,
        context_length=window,
    )
    engine = ENGINES["embedded"](options, client)
    commands = [step.command for step in EXPLORATION if step.command.startswith("cat")]
    replies = [
        constrain.render_call("exec_command", json.dumps({"cmd": command}))
        for command in commands[:ENGINE_CALLS]
    ]
    done = json.dumps({"answer": "All was read."})
    try:
        ready = [event async for event in engine.ensure(model)][-1]
        if not isinstance(ready, Ready):
            raise SystemExit("the engine did not come up")
        # Whoever asks for a summary gets what comes next: the end must still be there.
        with (
            tempfile.TemporaryDirectory() as place,
            Proxy(ready, [*replies, *[done] * 9]) as proxy,
        ):
            repo, home = made(place)
            parts(repo)
            asked = [sys.executable, "-m", "codex_oss", "exec"]
            asked += provider(proxy.url, "chat")
            code = await asyncio.to_thread(execute, asked, repo, home, ready.model)
            cuts = compactions(home)
    finally:
        await engine.close()
        await client.close()
    for number, timing in enumerate(proxy.timings, 1):
        cached, prompt = timing["cache_n"], timing["cache_n"] + timing["prompt_n"]
        print(f"{number:4} {prompt:7} tokens, {cached / prompt:4.0%} of them cached")
    print(f"window {window}: {cuts} compactions, {'' if code == 0 else 'not '}finished")


async def turns(window: int | None) -> list[float]:
    """Return the processor seconds of each turn of a long session."""
    end = responses.Completed(response=responses.Response(id="r"))
    words = "The summary of what was done so far, in as many words as it takes."
    answer = [said(f"An answer of some length: {words} {words}"), end]
    calls = ([called("look", f'{{"at": {n}}}', f"c{n}"), end] for n in range(TURNS))
    # Compactions ask for summaries besides, and get the answer that comes next.
    steps = [step for call in calls for step in (call, answer)]
    talk = Talk(
        ScriptedModel(*steps, *[answer] * TURNS, window=window),
        look=lambda _: Output("a line of output\n" * 80),
    )
    costs: list[float] = []
    for number in range(TURNS):
        began = time.process_time()
        async for _ in talk.session.submit(user(f"prompt {number}")):
            pass
        costs.append(time.process_time() - began)
    return costs


def report(window: int, name: str, row: Row) -> None:
    """Print one row."""
    kinds = [each.kind for each in row.counted]
    first = row.counted[0].tokens if row.counted else 0
    kept = shares(row.counted)
    mean = f"{statistics.mean(kept):.0%}" if kept else "-"
    worst = f"{min(kept):.0%}" if kept else "-"
    print(
        f"  {window:7} {name:24} {first:6} {kinds.count('step'):8} "
        f"{kinds.count('refused'):8} {row.masked:7} {row.summaries:10} "
        f"{mean:>7} {worst:>6}  {'yes' if row.finished else 'no'}",
        flush=True,
    )


def shares(counted: Sequence[Counted]) -> list[float]:
    """Return how much of each prompt the next one began with."""
    read = [each for each in counted if each.kind != "refused"]
    return [after.reused / before.size for before, after in itertools.pairwise(read)]


def run(name: str, argv: Sequence[str], task: Task, window: int) -> Row:
    """Run one task."""
    with (
        tempfile.TemporaryDirectory() as place,
        CountingServer(task.steps, window) as server,
    ):
        repo, home = made(place)
        task.prepare(repo)
        if name == OURS:
            code = execute([*argv, "exec", *provider(server.url, "chat")], repo, home)
        else:
            with running("codex-oss", server.url) as bridge:
                url = f"http://127.0.0.1:{bridge.port}"
                known = f"model_context_window={window}"
                if name == CATALOGUE:
                    known = f'model_catalog_json="{catalogue(url, home)}"'
                asked = [*argv, "exec", *provider(url, "responses"), "-c", known]
                code = execute(asked, repo, home)
        summaries = server.summaries()
        return Row(
            server.counted,
            max(0, compactions(home) - summaries) if name == OURS else 0,
            summaries,
            server.finished and code == 0,
        )


def made(place: str) -> tuple[Path, Path]:
    """Make a repository and a home."""
    repo, home = Path(place, "repo"), Path(place, "home")
    home.mkdir()
    subprocess.run(["git", "init", "-q", repo], check=True)
    return repo, home


def provider(url: str, wire: str) -> list[str]:
    """Return the arguments that name a server."""
    table = f'{{name="x",base_url="{url}/v1",wire_api="{wire}"}}'
    return ["-c", "model_provider=x", "-c", f"model_providers.x={table}"]


def catalogue(url: str, home: Path) -> Path:
    """Write what the bridge tells Codex of its models into a file."""
    headers = {"originator": "codex_exec", "user-agent": "codex_exec/0.169.0"}
    address = f"{url}/v1/models?client_version=0.169.0"
    asked = urllib.request.Request(address, headers=headers)
    file = home / "models.json"
    with urllib.request.urlopen(asked) as reply:
        file.write_bytes(reply.read())
    return file


def execute(
    asked: Sequence[str], repo: Path, home: Path, model: str = "some-model"
) -> int:
    """Run `exec`; -1 when it did not end in time."""
    try:
        done = subprocess.run(
            [*asked, "-m", model, "-s", "danger-full-access", PROMPT],
            cwd=repo,
            env=environment(home) | {"CODEX_OSS_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("SHOW") else subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1
    return done.returncode


def compactions(home: Path) -> int:
    """Return how often our session's file says that the conversation was cut short."""
    lines = [
        json.loads(line)
        for file in (home / "sessions").rglob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    return sum(line["type"] == "compacted" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
