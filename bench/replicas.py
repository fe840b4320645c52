"""Several servers of one model: how much of each prompt is cached where it is asked.

    .venv/bin/python bench/replicas.py [--conversations 12] [--turns 8]

Conversations run side by side over three servers that keep what they have read (fakes
of vLLM, which count cached tokens as vLLM does). Ours is beside a plain round robin, as
a proxy has it, and beside one server alone: what could be had at most. In the last row
one of the three dies when half the turns are done. Nothing here depends on time.
"""

import argparse
import asyncio
import itertools
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from codex_oss.config.provider import Provider  # noqa: E402
from codex_oss.items import Item, Message, OutputText, user  # noqa: E402
from codex_oss.net import Client  # noqa: E402
from codex_oss.ports import Model  # noqa: E402
from codex_oss.providers import ProbeMemory, connect  # noqa: E402
from codex_oss.wire import responses  # noqa: E402
from fake_vllm import FakeVllm  # noqa: E402

SERVERS = 3
FIRST, MORE = 4000, 800
"""Characters of a conversation's first prompt, and of what each turn adds."""

Pick = Callable[[int], Model]
"""The model that the next request of a conversation goes to."""


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Prompts cached at several servers.")
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--turns", type=int, default=8)
    asked = parser.parse_args()
    size = (asked.conversations, asked.turns)
    rows = [
        ("one server alone", measure(1, one, *size)),
        ("three, round robin", measure(SERVERS, round_robin, *size)),
        ("three, ours", measure(SERVERS, ours, *size)),
        ("three, ours, one dies", measure(SERVERS, ours, *size, dies=True)),
    ]
    sys.stdout.write(f"{'':<24}{'cached':>8}{'at one server':>16}{'failed':>8}\n")
    for name, (cached, stayed, failed) in rows:
        sys.stdout.write(f"{name:<24}{cached:>8.1%}{stayed:>16.1%}{failed:>8}\n")
    return 0


def measure(
    count: int,
    choose: Callable[[Sequence[str], Client], Pick],
    conversations: int,
    turns: int,
    *,
    dies: bool = False,
) -> tuple[float, float, int]:
    """Return shares of prompt tokens and of turns, and how many requests failed.

    The tokens are those that were cached, the turns those that were where most of their
    conversation was.
    """
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeVllm("m")) for _ in range(count - dies)]
        last = ExitStack()
        if dies:
            servers.append(last.enter_context(FakeVllm("m")))
        halves = (turns // 2, turns - turns // 2)

        async def run() -> int:
            client = Client({})
            pick = choose([server.url for server in servers], client)
            talks = [Talk(number) for number in range(conversations)]
            failed = await all_turns(talks, halves[0], pick)
            last.close()
            failed += await all_turns(talks, halves[1], pick)
            await pick(0).close()
            await client.close()
            return failed

        failed = asyncio.run(run())
        read = sum(len(str(chat["messages"])) for s in servers for chat in s.chats)
        cached = sum(map(sum, (server.cached for server in servers)))
    tokens = read / 4
    return cached / tokens, stayed(servers, conversations), failed


class Talk:
    """A conversation, as an agent's: each request has all of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._items: list[Item] = [user(f"task {number} " + "x" * FIRST)]

    async def turn(self, model: Model) -> None:
        """Ask, and add the answer and a further question."""
        request = responses.Request(
            model="m", input=list(self._items), prompt_cache_key=f"task {self.number}"
        )
        async for _ in model.stream(request):
            pass
        said = [OutputText(text="Hello.")]
        self._items.append(Message(role="assistant", content=list(said)))
        self._items.append(user(f"and {len(self._items)} " + "y" * MORE))


async def all_turns(talks: Sequence[Talk], turns: int, pick: Pick) -> int:
    """Take turns of all conversations side by side; return how many failed."""
    failed, order, chance = 0, list(talks), random.Random(turns)
    for _ in range(turns):
        chance.shuffle(order)
        asked: list[Awaitable[None]] = [t.turn(pick(t.number)) for t in order]
        told = await asyncio.gather(*asked, return_exceptions=True)
        failed += sum(isinstance(each, Exception) for each in told)
    return failed


def stayed(servers: Sequence[FakeVllm], conversations: int) -> float:
    """Return the share of turns that were where most of their conversation was."""
    most = total = 0
    for number in range(conversations):
        counts = [
            sum(f"task {number} " in str(chat["messages"]) for chat in server.chats)
            for server in servers
        ]
        most, total = most + max(counts), total + sum(counts)
    return most / total


# --- who is asked --------------------------------------------------------------------


def connected(urls: Sequence[str], client: Client) -> Model:
    """Return a model that all of these servers have."""
    provider = Provider(
        name="bench",
        base_url=f"{urls[0]}/v1",
        base_urls=tuple(f"{url}/v1" for url in urls),
        wire_api="chat",
    )
    return connect(
        "bench",
        provider,
        "m",
        env={},
        client=client,
        memory=ProbeMemory(),
        version="0",
    )


def one(urls: Sequence[str], client: Client) -> Pick:
    """Ask the only server."""
    return ours(urls, client)


def ours(urls: Sequence[str], client: Client) -> Pick:
    """Let the provider choose."""
    model = connected(urls, client)
    return lambda _: model


def round_robin(urls: Sequence[str], client: Client) -> Pick:
    """Ask one server after the other."""
    models = itertools.cycle([connected([url], client) for url in urls])
    return lambda _: next(models)


if __name__ == "__main__":
    sys.exit(main())
