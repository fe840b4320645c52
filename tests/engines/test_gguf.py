"""Reading GGUF headers: what a model is, what its context costs, what is refused."""

import os
import struct
from pathlib import Path

import pytest

import fake_gguf
from codex_oss.engines import gguf
from codex_oss.engines.shape import Shape
from codex_oss.errors import EngineError

MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def kv_bytes(path: Path, pairs: fake_gguf.Pairs) -> int:
    return gguf.read(written(path, fake_gguf.encode(pairs))).kv_bytes_per_token


def test_a_header_says_name_size_context_and_cost(tmp_path: Path) -> None:
    path = written(tmp_path / "m.gguf", fake_gguf.encode() + bytes(1000))

    assert gguf.read(path, whole=True) == gguf.Header(
        architecture="llama",
        name="Small",
        size=path.stat().st_size,
        context_length=8192,
        shape=Shape(per_token=128),
        chat_template="{{ messages }}",
    )


def test_the_vocabulary_and_what_follows_is_only_read_when_asked_for(
    tmp_path: Path,
) -> None:
    data = fake_gguf.encode()
    cut = data[: data.index(b"tokenizer.ggml.tokens") + 25]
    header = gguf.read(written(tmp_path / "m.gguf", cut))

    assert (header.name, header.chat_template) == ("Small", None)
    with pytest.raises(EngineError, match="ends within its header"):
        gguf.read(tmp_path / "m.gguf", whole=True)


def test_a_vocabulary_before_the_shape_is_walked_over(tmp_path: Path) -> None:
    pairs = {"tokenizer.ggml.tokens": ["a"] * 10_000, **fake_gguf.SMALL}
    assert kv_bytes(tmp_path / "m.gguf", pairs) == 256


def test_layers_with_their_own_number_of_heads_are_summed(tmp_path: Path) -> None:
    pairs = {**fake_gguf.SMALL, "llama.attention.head_count_kv": [2, 0, 0, 4]}
    assert kv_bytes(tmp_path / "m.gguf", pairs) == 6 * 16 * 2


def test_sliding_layers_cost_nothing_per_token(tmp_path: Path) -> None:
    slides: fake_gguf.Pairs = {
        "llama.attention.sliding_window": 128,
        "llama.attention.sliding_window_pattern": [True, True, True, False],
        **fake_gguf.SMALL,
    }
    assert kv_bytes(tmp_path / "m.gguf", slides) == 64


def test_hybrid_models_cache_only_every_nth_layer(tmp_path: Path) -> None:
    pairs = {"llama.full_attention_interval": 2, **fake_gguf.SMALL}
    assert kv_bytes(tmp_path / "m.gguf", pairs) == 128


def test_gpt_oss_20b_costs_24_kib_per_token(tmp_path: Path) -> None:
    pairs: fake_gguf.Pairs = {
        "general.architecture": "gpt-oss",
        "gpt-oss.context_length": 131_072,
        "gpt-oss.block_count": 24,
        "gpt-oss.embedding_length": 2880,
        "gpt-oss.attention.head_count": 64,
        "gpt-oss.attention.head_count_kv": 8,
        "gpt-oss.attention.key_length": 64,
        "gpt-oss.attention.value_length": 64,
        "gpt-oss.attention.sliding_window": 128,
    }
    assert kv_bytes(tmp_path / "m.gguf", pairs) == 24 * 1024


def test_every_cut_of_a_header_is_refused(tmp_path: Path) -> None:
    data = fake_gguf.encode()
    for end in range(len(data)):
        with pytest.raises(EngineError, match="not a whole GGUF"):
            gguf.read(written(tmp_path / "m.gguf", data[:end]), whole=True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>not found</html>", "starts with b'<htm'"),
        (fake_gguf.encode(version=9), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40), "claims"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 40), "claims"),
        (
            b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77),
            "type 77",
        ),
    ],
)
def test_what_is_no_gguf_is_refused_with_the_reason(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(EngineError, match=reason):
        gguf.read(written(tmp_path / "m.gguf", data))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="No such file"):
        gguf.read(tmp_path / "none.gguf")


def test_a_split_model_is_all_its_parts(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00003.gguf"
    names = [path.name for path in gguf.parts(first)]

    assert names == [f"m-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    assert gguf.parts(tmp_path / "m-of-x.gguf") == [tmp_path / "m-of-x.gguf"]
    for path in gguf.parts(first):
        path.write_bytes(fake_gguf.encode())
    assert gguf.read(first).size == 3 * len(fake_gguf.encode())


@pytest.mark.skipif(MODEL is None, reason="CODEX_OSS_TEST_MODEL names no GGUF file")
def test_the_default_model_has_8192_tokens_of_23040_bytes() -> None:
    assert MODEL is not None
    header = gguf.read(Path(MODEL), whole=True)

    assert (header.architecture, header.context_length) == ("llama", 8192)
    assert header.kv_bytes_per_token == 23_040
    assert header.chat_template is not None
