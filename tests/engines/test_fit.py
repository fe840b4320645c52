"""Models on machines: whether they fit, where they lie, how fast they may be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codex_oss.engines import catalog, fit, gguf, speed
from codex_oss.engines.base import Machine
from codex_oss.engines.fit import Verdict, Weights
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.engines.shape import Shape

GIB = 1 << 30
MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")


def laptop(memory: float, free: float, *cards: Card) -> Host:
    return Host(
        cores=8, memory=int(memory * GIB), free=int(free * GIB), cards=tuple(cards)
    )


def mac(memory: int, processor: str = "Apple M4 Max") -> Host:
    return Host(
        processor=processor,
        cores=8,
        memory=memory * GIB,
        free=int(memory * GIB * 0.7),
        unified=True,
    )


def card(memory: float, name: str = "NVIDIA GeForce RTX 4090") -> Card:
    return Card(name=name, memory=int(memory * GIB), free=int(memory * GIB))


# 10 GiB with 16 bytes for each token, and 1 MiB to compute in.
PLAIN = Weights(size=10 * GIB, shape=Shape(per_token=8 * 1024, vocabulary=512))


def test_memory_is_the_file_the_cache_and_what_computes() -> None:
    assert PLAIN.need(32_768) == 10 * GIB + 32_768 * 16 * 1024 + 512 * 512 * 4


def test_a_model_of_unknown_shape_is_assumed_to_cost_much() -> None:
    unknown = Weights(size=GIB)
    assert unknown.assumed
    assert unknown.need(1024) - GIB > 1024 * 160 * 1024


def word(host: Host, tokens: int = 32_768) -> tuple[str, str | None]:
    found = fit.verdict(PLAIN, tokens, host)
    return found.word, found.where


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (laptop(31, 26), ("fits", "CPU")),
        (laptop(15.5, 6), ("tight", "CPU")),
        (laptop(11, 10), ("too large", None)),
        (laptop(31, 26, card(24)), ("fits", "GPU")),
        (laptop(31, 26, card(6), card(6)), ("fits", "GPU")),
        (laptop(31, 26, card(8)), ("fits", "GPU+CPU")),
        (laptop(7, 1, card(8)), ("tight", "GPU+CPU")),
        (laptop(7, 5, card(2)), ("too large", None)),
        (mac(32), ("fits", "GPU")),
        (mac(16), ("tight", "GPU")),
        (mac(12), ("tight", "GPU+CPU")),
        (mac(8), ("too large", None)),
        (Host(), ("unknown", None)),
    ],
)
def test_a_model_is_held_against_what_is_free_and_what_there_is(
    host: Host, expected: tuple[str, str | None]
) -> None:
    assert word(host) == expected


def test_more_context_never_fits_better() -> None:
    ranks = {"fits": 0, "tight": 1, "too large": 2}
    for host in (laptop(15, 12), laptop(15, 12, card(8)), laptop(31, 26, card(16))):
        for entry in catalog.load().models:
            judged = fit.judge(entry.weights, host).verdicts
            found = [ranks[verdict.word] for verdict in judged]
            assert found == sorted(found), entry.name


def test_no_more_context_is_told_than_a_model_knows() -> None:
    small = Weights(size=GIB, shape=Shape(per_token=1024), context=2048)
    told = fit.judge(small, laptop(31, 26)).verdicts
    assert [verdict.tokens for verdict in told] == [2048]

    middle = fit.judge(
        Weights(size=GIB, shape=Shape(per_token=1024), context=40_000), laptop(31, 26)
    )
    assert [verdict.tokens for verdict in middle.verdicts] == [8192, 32_768]
    assert middle.usual.tokens == 32_768


# --- speed ---------------------------------------------------------------------------


def rate(host: Host, weights: Weights = PLAIN) -> float:
    found = fit.judge(weights, host).tokens_per_s
    assert found is not None
    return found


def test_a_token_takes_the_time_to_read_the_weights_and_the_cache() -> None:
    read = 10 * GIB + 4096 * 16 * 1024
    assert rate(laptop(31, 26, card(24))) == pytest.approx(0.6 * 1008e9 / read)
    assert rate(laptop(31, 26)) == pytest.approx(50e9 / read)
    assert rate(mac(64)) == pytest.approx(0.6 * 410e9 / read)


def test_few_cores_are_slower_than_the_memory() -> None:
    two = Host(cores=2, memory=32 * GIB, free=30 * GIB)
    assert rate(two) == pytest.approx(rate(laptop(31, 26)) * 16 / 50)


def test_a_model_in_both_memories_is_between() -> None:
    split = rate(laptop(31, 26, card(8)))
    assert rate(laptop(31, 26)) < split < rate(laptop(31, 26, card(24)))


def test_experts_make_a_model_faster_than_its_size() -> None:
    few = Weights(size=PLAIN.size, shape=Shape(per_token=8 * 1024, active=0.125))
    assert rate(laptop(31, 26), few) > 5 * rate(laptop(31, 26))


def test_what_does_not_fit_has_no_speed() -> None:
    assert fit.judge(PLAIN, laptop(7, 5)).tokens_per_s is None


@pytest.mark.parametrize(
    ("name", "gigabytes"),
    [
        ("NVIDIA GeForce RTX 4090", 1008),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 576),
        ("NVIDIA A100-SXM4-80GB", 2039),
        ("NVIDIA L40S", 864),
        ("Tesla T4", 320),
        ("Apple M3", 100),
        ("Apple M3 Ultra", 819),
        ("Radeon RX 7900 XTX", 960),
    ],
)
def test_the_longest_name_in_the_table_counts(name: str, gigabytes: int) -> None:
    assert speed.bandwidth(name) == gigabytes * 1e9


def test_a_chip_that_is_not_in_the_table_is_not_guessed_by_a_part_of_its_name() -> None:
    assert speed.bandwidth("NVIDIA T400 4GB") is None
    assert rate(laptop(31, 26, card(24, "Some"))) == pytest.approx(
        0.6 * 300e9 / PLAIN.read(4096)
    )


# --- the catalogue -------------------------------------------------------------------


def test_gpt_oss_20b_is_the_default_from_16_gb() -> None:
    for host in (mac(16), laptop(15.5, 12), laptop(31, 26), mac(96)):
        found = catalog.default(host)
        assert found is not None
        assert (found.model, found.why) == ("gpt-oss:20b", "gpt-oss:20b is the default")


def test_a_card_of_16_gb_takes_gpt_oss_20b_whole() -> None:
    found = catalog.default(laptop(15.5, 12, card(16)))
    assert found is not None
    assert found.fit.verdicts[0] == Verdict(
        tokens=8192,
        need=found.entry.weights.need(8192),
        word="fits",
        where="GPU",
    )


def test_less_memory_takes_the_best_that_fits() -> None:
    found = catalog.default(laptop(11.5, 10))
    assert found is not None
    assert (found.model, found.why) == (
        "qwen3.5:9b",
        "gpt-oss:20b does not fit here; qwen3.5:9b does",
    )


def test_what_fits_comes_before_what_is_tight() -> None:
    found = catalog.default(laptop(7.6, 6))
    assert found is not None
    assert found.model == "qwen3.5:4b"


@pytest.mark.parametrize("machine", [Machine(), Machine(memory=GIB), Host()])
def test_nothing_is_recommended_where_nothing_fits(machine: Machine | Host) -> None:
    assert catalog.default(machine) is None


def test_a_choice_needs_no_more_than_two_numbers() -> None:
    found = catalog.default(Machine(memory=4 * GIB, graphics=24 * GIB))
    assert found is not None
    assert (found.model, found.fit.usual.where) == ("gpt-oss:20b", "GPU")


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("gpt-oss:20b", "gpt-oss:20b"),
        ("openai/gpt-oss-20b", "gpt-oss:20b"),
        ("hf:ggml-org/gpt-oss-20b-GGUF", "gpt-oss:20b"),
        ("qwen3-coder-next:latest", "qwen3-coder-next"),
        ("library/qwen3.5:9b", "qwen3.5:9b"),
        ("mistral:7b", None),
    ],
)
def test_a_model_is_found_by_the_names_that_servers_give_it(
    name: str, entry: str | None
) -> None:
    found = catalog.find(name)
    assert (found.name if found else None) == entry


def test_the_catalogue_tells_the_costs_that_are_known() -> None:
    kib = {
        entry.name: entry.shape.cache(1_000_000) / 1e6 / 1024
        for entry in catalog.load().models
        if entry.shape and not entry.shape.window and not entry.shape.state
    }
    assert kib["qwen3-coder:30b"] == 96
    assert kib["devstral-small-2:24b"] == kib["granite4.1:8b"] == 160
    assert kib["granite4.1:30b"] == 256


def test_the_catalogue_has_no_name_twice_and_no_size_in_the_wrong_unit() -> None:
    models = catalog.load().models
    assert len({entry.name for entry in models}) == len(models)
    assert all(0.3e9 < entry.size / entry.parameters < 1.3e9 for entry in models)
    assert models[0].name == "gpt-oss:20b"


# --- a real model --------------------------------------------------------------------

# It leaves without an orderly exit, as the engine's own process does: taking a server
# down may wait for ever for a thread of its own.
MEASURE = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.cache_ram_mib = 8192, 1, 0
params.hostnames, params.port = ["127.0.0.1"], 0
server = xllamacpp.Server(params)
resident = [line.split()[1] for line in open("/proc/self/status") if "VmRSS" in line][0]
print(resident, flush=True)
os._exit(0)
"""


@pytest.mark.skipif(
    MODEL is None or sys.platform != "linux", reason="CODEX_OSS_TEST_MODEL names none"
)
def test_the_memory_of_a_real_model_is_what_was_told() -> None:
    assert MODEL is not None
    header = gguf.read(Path(MODEL))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, MODEL],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    really = int(done.stdout) * 1024
    told = Weights(size=header.size, shape=header.shape).need(8192)
    assert 0.75 * told < really < 1.1 * told
