"""What a context costs: counted from the metadata of real families of models."""

import os
from pathlib import Path

import pytest

from codex_oss.engines import gguf, shape
from codex_oss.engines.shape import Shape

KIB = 1024
MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")


def pairs(arch: str, **said: object) -> dict[str, object]:
    named = {f"{arch}.{key.replace('__', '.')}": value for key, value in said.items()}
    return {"general.architecture": arch, **named}


GPT_OSS_20B = pairs(
    "gptoss",
    block_count=24,
    embedding_length=2880,
    expert_count=32,
    expert_used_count=4,
    expert_feed_forward_length=2880,
    vocab_size=201_088,
    attention__head_count=64,
    attention__head_count_kv=8,
    attention__key_length=64,
    attention__value_length=64,
    attention__sliding_window=128,
)
QWEN35_9B = pairs(
    "qwen35",
    block_count=32,
    embedding_length=4096,
    full_attention_interval=4,
    attention__head_count=16,
    attention__head_count_kv=4,
    attention__key_length=256,
    attention__value_length=256,
    ssm__conv_kernel=4,
    ssm__state_size=128,
    ssm__group_count=16,
    ssm__inner_size=4096,
)


def test_half_of_the_layers_of_gpt_oss_see_the_whole_context() -> None:
    found = shape.read(GPT_OSS_20B)

    assert found.cache(65_536) == 65_536 * 24 * KIB + 768 * 24 * KIB
    assert (found.window, found.vocabulary) == (128, 201_088)


def test_a_short_context_is_all_that_layers_with_a_window_keep() -> None:
    assert shape.read(GPT_OSS_20B).cache(100) == 2 * 100 * 24 * KIB


def test_a_token_of_gpt_oss_reads_a_sixth_of_the_weights() -> None:
    assert shape.read(GPT_OSS_20B).active == pytest.approx(3.6 / 20.9, abs=0.01)


def test_a_hybrid_keeps_every_fourth_layer_and_a_state() -> None:
    # Ollama allocates 8192 MiB for 262144 tokens of this one.
    found = shape.read(QWEN35_9B)
    state = 24 * ((3 * (4096 + 2 * 16 * 128)) + 128 * 4096) * 4

    assert found.cache(262_144) == 8192 * KIB * KIB + state
    assert found.active == 1.0


def test_layers_say_themselves_whether_they_recur() -> None:
    recurs = QWEN35_9B | {
        "qwen35.full_attention_interval": 0,
        "qwen35.attention.recurrent_layers": [True, True, True, False] * 8,
    }
    assert shape.read(recurs) == shape.read(QWEN35_9B)


def test_a_hybrid_that_lists_its_heads_caches_where_there_are_any() -> None:
    heads = [2 if n in (5, 12, 19, 26, 33, 42) else 0 for n in range(52)]
    nemotron = pairs(
        "nemotron_h_moe",
        block_count=52,
        embedding_length=2688,
        attention__head_count=[32 if n else 0 for n in heads],
        attention__head_count_kv=heads,
        attention__key_length=128,
        attention__value_length=128,
    )
    assert shape.read(nemotron).cache(1000) == 1000 * 6 * KIB


def test_layers_with_a_window_have_heads_of_their_own_width() -> None:
    gemma = pairs(
        "gemma4",
        block_count=30,
        embedding_length=2816,
        attention__head_count=16,
        attention__head_count_kv=[2 if n % 6 == 5 else 8 for n in range(30)],
        attention__key_length=512,
        attention__value_length=512,
        attention__key_length_swa=256,
        attention__value_length_swa=256,
        attention__sliding_window=1024,
        attention__sliding_window_pattern=[True] * 5 + [False],
    )
    assert shape.read(gemma) == Shape(
        per_token=5 * 2 * 1024, per_slot=25 * 8 * 512, window=1024
    )


def test_layers_that_share_a_cache_have_none() -> None:
    shared = pairs(
        "gemma3n",
        block_count=35,
        embedding_length=2048,
        attention__head_count=8,
        attention__head_count_kv=2,
        attention__shared_kv_layers=15,
        attention__sliding_window=512,
    )
    found = shape.read(shared)
    assert (found.per_token, found.per_slot) == (4 * 2 * 512, 16 * 2 * 512)


def test_compressed_keys_are_all_that_is_kept() -> None:
    glm = pairs(
        "deepseek2",
        block_count=47,
        embedding_length=2048,
        attention__head_count=20,
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=256,
        attention__value_length_mla=256,
    )
    assert shape.read(glm).per_token == 47 * 576


@pytest.mark.parametrize(
    ("said", "whole_layers"),
    [({"sliding_window_pattern": 4}, 2), ({}, 8), ({"sliding_window": 0}, 8)],
    ids=["every fourth is said", "an unknown family", "no window"],
)
def test_where_nothing_is_said_all_layers_count(
    said: dict[str, object], whole_layers: int
) -> None:
    attention = {"sliding_window": 128, "head_count": 4, "head_count_kv": 1} | said
    some = pairs(
        "some",
        block_count=8,
        embedding_length=256,
        **{f"attention__{key}": value for key, value in attention.items()},
    )
    assert shape.read(some).per_token == whole_layers * 2 * 64


@pytest.mark.parametrize(
    ("kind", "size"), [("f16", 65_536), ("q8_0", 34_816), ("q4_0", 18_432)]
)
def test_a_cache_of_fewer_bits_is_smaller(kind: shape.Kind, size: int) -> None:
    assert Shape(per_token=32).cache(1024, kind) == size


def test_what_computes_grows_with_the_vocabulary() -> None:
    assert Shape(vocabulary=50_000).buffers == 50_000 * 512 * 4
    assert Shape().buffers == 200_000 * 512 * 4


@pytest.mark.parametrize("left_out", [None, []])
def test_a_list_that_was_left_out_is_noticed(left_out: object) -> None:
    said = pairs("some", attention__head_count_kv=left_out)
    assert shape.is_vague(said)
    assert not shape.is_vague(pairs("some", attention__head_count_kv=[1]))
    assert not shape.is_vague(pairs("some"))


def test_of_a_model_that_says_nothing_nothing_is_known() -> None:
    assert shape.read({}) == Shape()
    assert not Shape().known


@pytest.mark.skipif(MODEL is None, reason="CODEX_OSS_TEST_MODEL names no GGUF file")
def test_the_default_model_keeps_11520_values_of_a_token() -> None:
    assert MODEL is not None
    assert gguf.read(Path(MODEL)).shape == Shape(per_token=11_520, vocabulary=49_152)
