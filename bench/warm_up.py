"""How soon the first token comes when the model was warmed while its person typed.

    .venv/bin/python bench/warm_up.py [--model MODEL.gguf] [--rounds 5] [--profile full]

The real first request of `exec` is asked of the real embedded engine, in turn: cold;
after a warm-up that had its time; after one that the prompt interrupted half way (its
time counts from the prompt, so this shows what is kept of broken-off work). Each is a
conversation of its own from its first word on, so that nothing is cached from another.
The model is loaded before; a load comes on top of the cold figure. Printed: median and
minimum of the time from the prompt to the first token, and the ratio of the minima.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path

from peers import ROOT, peers, run_exec

from fake_events import message, turn
from fake_server import FakeServer

sys.path.insert(0, str(ROOT / "src"))

from msgspec.structs import replace

from codex_oss.agent.warmth import Warmth
from codex_oss.config.provider import Provider
from codex_oss.engines import ENGINES
from codex_oss.engines.base import Options, Ready
from codex_oss.engines.sources import DEFAULT_MODEL
from codex_oss.items import user
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.providers import ProbeMemory, connect
from codex_oss.wire import responses

PROMPT = "Which of these files is the largest?"
CONTEXT = 8192

Run = Callable[[Model, responses.Request, float], Coroutine[None, None, float]]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Warm-up and the first token.")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", choices=("full", "lite"), default="full")
    options = parser.parse_args()
    request = first_request(options.profile)
    rows = asyncio.run(measure(options.model, request, options.rounds))
    print(f"{'ms to the first token':24} {'median':>8} {'minimum':>8}")
    for name, times in rows.items():
        median, least = statistics.median(times) * 1e3, min(times) * 1e3
        print(f"{name:24} {median:8.0f} {least:8.0f}")
    cold = min(rows["cold"])
    for name in ("warm", "interrupted"):
        print(f"{name} / cold: {min(rows[name]) / cold:.2f}")


def first_request(profile: str) -> responses.Request:
    """Return what `exec` asks first, without its prompt."""
    with FakeServer([turn(message("hi"))]) as server:
        run_exec(peers()["codex-oss"], server, ["-c", f"prompt_profile={profile}"])
        request = responses.decode_request(server.posts[0].body)
    return replace(request, input=request.input[:-1])


async def measure(
    model: str, request: responses.Request, rounds: int
) -> dict[str, list[float]]:
    """Start the engine and take turns."""
    home = Path(os.environ.get("CODEX_OSS_HOME", Path.home() / ".codex-oss"))
    client = Client()
    options = Options(
        models=home / "models",
        logs=home / "logs",
        env=os.environ,
        context_length=CONTEXT,
    )
    engine = ENGINES["embedded"](options, client)
    try:
        async for event in engine.ensure(model):
            if isinstance(event, Ready):
                return await take_turns(event, client, request, rounds)
    finally:
        await engine.close()
        await client.close()
    raise SystemExit("the engine did not come up")


async def take_turns(
    ready: Ready, client: Client, request: responses.Request, rounds: int
) -> dict[str, list[float]]:
    """Return the seconds to the first token of every way, one after the other."""
    provider = Provider(
        name="x",
        base_url=ready.base_url,
        wire_api="chat",
        experimental_bearer_token=ready.api_key,
    )
    model = connect(
        "x",
        provider,
        ready.model,
        env={},
        client=client,
        memory=ProbeMemory(),
        version="bench",
    )
    request = replace(request, model=ready.model)
    await first_token(model, anew(request, 0))  # asks what the server is
    ways: dict[str, Run] = {"cold": cold, "warm": warm, "interrupted": interrupted}
    rows: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        for index, (name, way) in enumerate(ways.items()):
            asked = anew(request, number * len(ways) + index)
            half = statistics.median(rows["cold"]) / 2 if rows["cold"] else 0
            rows[name].append(await way(model, asked, half))
    return rows


def anew(request: responses.Request, number: int) -> responses.Request:
    """Return the request of another conversation: its first word differs."""
    words = f"{number * 7919} {request.instructions}"
    return replace(request, instructions=words)


async def cold(model: Model, request: responses.Request, half: float) -> float:
    """Ask a server that has read nothing of it."""
    del half
    return await first_token(model, request)


async def warm(model: Model, request: responses.Request, half: float) -> float:
    """Ask after a warm-up that came to its end."""
    del half
    await model.warm(request)
    return await first_token(model, request)


async def interrupted(model: Model, request: responses.Request, half: float) -> float:
    """Ask half way through a warm-up."""
    warmth = Warmth(model)
    warmth.begin(request)
    await asyncio.sleep(half)
    began = time.monotonic()
    await warmth.ready()
    return time.monotonic() - began + await first_token(model, request)


async def first_token(model: Model, request: responses.Request) -> float:
    """Return the seconds until something of the answer is there."""
    asked = replace(request, input=[*request.input, user(PROMPT)], max_output_tokens=4)
    began = time.monotonic()
    async with aclosing(model.stream(asked)) as events:
        async for event in events:
            if not isinstance(event, responses.LIFE_SIGNS):
                return time.monotonic() - began
    raise SystemExit("an answer without a token")


if __name__ == "__main__":
    main()
