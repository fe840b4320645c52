"""What `codex-oss models` tells of a GGUF model, beside what the embedded engine does.

::

    .venv/bin/python bench/model_fit.py [MODEL [CONTEXT]]

Memory is the resident set of the engine's process once the context is full of a prompt,
without its cache of earlier prompts; speed that of the engine's own clock, the best of
five answers, for a machine with other work is slower. Linux only.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from codex_oss.engines import fit, gguf, hardware, llamacpp, sources
from codex_oss.engines.base import Options, Ready
from codex_oss.engines.fit import Weights
from codex_oss.net import Client

ANSWERS = 5
TOKENS = 128
MODELS = Path.home() / ".codex-oss" / "models"
WORDS = "the quick brown fox jumps over the lazy dog and runs into the old forest "
PER_REPEAT = 15


async def main(name: str, context: int) -> None:
    client = Client()
    with tempfile.TemporaryDirectory() as logs:
        llamacpp.CACHE_LIMIT_MIB = 0
        options = Options(
            models=MODELS, logs=Path(logs), env=os.environ, context_length=context
        )
        engine = llamacpp.LlamaCpp(options, client)
        try:
            async for event in engine.ensure(name):
                if isinstance(event, Ready):
                    await measure(name, event, context, client)
        finally:
            await engine.close()
            await client.close()


async def measure(name: str, ready: Ready, context: int, client: Client) -> None:
    path = sources.at_hand(sources.parse(name), MODELS)
    assert path is not None
    header = gguf.read(path)
    weights = Weights(size=header.size, shape=header.shape, context=context)
    told = fit.judge(weights, await hardware.look(os.environ))
    speeds = [await answer(ready, client, 0, TOKENS) for _ in range(ANSWERS)]
    await answer(ready, client, context // 2 // PER_REPEAT, 8)
    print(f"{name}, {context} tokens of context")
    print(f"  {'':<10}{'told':>10}{'measured':>12}")
    need = weights.need(context) / 1e6
    print(f"  {'memory':<10}{need:>7.0f} MB{resident() / 1e6:>9.0f} MB")
    rate = told.tokens_per_s or 0
    print(f"  {'tokens/s':<10}{rate:>10.0f}{max(speeds):>12.0f}")


async def answer(ready: Ready, client: Client, repeats: int, tokens: int) -> float:
    """Return the tokens per second of one answer."""
    body: dict[str, Any] = {
        "model": ready.model,
        "messages": [
            {"role": "user", "content": WORDS * repeats + "Tell a long story."}
        ],
        "max_tokens": tokens,
        "temperature": 0.9,
        "cache_prompt": False,
    }
    said = await client.post_json(
        f"{ready.base_url}/chat/completions",
        body,
        headers=[("authorization", f"Bearer {ready.api_key}")],
        timeout_s=600,
    )
    return said["timings"]["predicted_per_second"]


def resident() -> int:
    """Return the resident bytes of our largest child."""
    sizes: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            status = Path("/proc", pid, "status").read_text().splitlines()
            sizes += [int(x.split()[1]) * 1024 for x in status if x[:6] == "VmRSS:"]
    return max(sizes)


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1] if len(sys.argv) > 1 else sources.DEFAULT_MODEL,
            int(sys.argv[2]) if len(sys.argv) > 2 else fit.CONTEXTS[0],
        )
    )
