"""The models of a machine: what their servers say of them, and what has room."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from codex_oss.engines.fit import Fit
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.wiring import inventory
from codex_oss.wiring.inventory import Listing
from config_home import loader
from fake_ollama import FakeOllama, OllamaModel
from fake_server import closed_port

GIB = 1 << 30
OTHERS = ("lmstudio", "llamacpp", "vllm", "sglang")
BIG = OllamaModel("big:1b", layers=(10 * GIB,), vram=1.0)
"""144 KiB of cache for each token."""


def survey(
    tmp_path: Path, server: FakeOllama, host: Host, env: Mapping[str, str] | None = None
) -> Listing:
    async def look(_: Mapping[str, str]) -> Host:
        return host

    variables = {"HOME": str(tmp_path), "OLLAMA_HOST": server.url, **(env or {})}
    with closed_port() as port:
        text = "".join(
            f'[model_providers.{name}]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
            for name in OTHERS
        )
        loaded = loader(tmp_path)(text, env=variables)
        return asyncio.run(inventory.survey(loaded, variables, look))


def fit_of(listing: Listing, name: str) -> Fit:
    (model,) = listing.find(name)
    assert model.fit is not None
    return model.fit


def machine(free: int, *cards: Card, unified: bool = False) -> Host:
    return Host(
        cores=8,
        memory=32 * GIB,
        free=free * GIB,
        cards=cards,
        processor="Apple M4" if unified else "",
        unified=unified,
    )


def test_a_loaded_model_is_not_held_against_the_memory_that_it_fills(
    tmp_path: Path,
) -> None:
    card = Card(name="x", memory=24 * GIB, free=4 * GIB)
    for loaded, where in ((True, "GPU"), (False, "GPU+CPU")):
        with FakeOllama(BIG) as server:
            if loaded:
                server.load("big:1b", 32_768)
            found = survey(tmp_path, server, machine(28, card))
        assert fit_of(found, "big:1b").verdicts[0].where == where
        assert found.host.cards == (card,)


def test_what_a_loaded_model_has_of_main_memory_comes_back_too(tmp_path: Path) -> None:
    for host in (machine(4), machine(4, unified=True)):
        with FakeOllama(BIG) as server:
            assert (
                fit_of(survey(tmp_path, server, host), "big:1b").usual.word == "tight"
            )
            server.load("big:1b", 32_768)
        with FakeOllama(BIG, OllamaModel("small:1b", layers=(2 * GIB,))) as server:
            server.load("big:1b", 32_768)
            found = survey(tmp_path, server, host)
        # The one that is loaded makes room for another.
        assert fit_of(found, "small:1b").usual.word == "fits"


def test_a_cache_of_fewer_bits_is_believed_of_ollama_only(tmp_path: Path) -> None:
    with FakeOllama(BIG) as server:
        plain = survey(tmp_path, server, machine(28))
        env = {"OLLAMA_KV_CACHE_TYPE": "q8_0"}
        packed = survey(tmp_path, server, machine(28), env)
        wrong = survey(tmp_path, server, machine(28), {"OLLAMA_KV_CACHE_TYPE": "x"})
    needs = [fit_of(f, "big:1b").verdicts[0].need for f in (plain, packed, wrong)]
    cache = 8192 * 144 * 1024
    assert needs[0] - needs[1] == cache - cache * 17 // 32
    assert needs[2] == needs[0]


def test_a_model_whose_layers_are_not_told_is_assumed_to_cost_much(
    tmp_path: Path,
) -> None:
    info = {"attention.head_count_kv": None}
    vague = OllamaModel("vague:1b", layers=(2 * GIB,), info=info)
    with FakeOllama(vague) as server:
        found = fit_of(survey(tmp_path, server, machine(28)), "vague:1b")
    assert found.assumed
    assert found.verdicts[0].need > 2 * GIB + 8192 * 160 * 1024
