"""Names of models in Ollama, and those that may have been meant."""

import pytest

from codex_oss.engines.ollama import names
from codex_oss.engines.ollama.names import Name
from codex_oss.errors import EngineError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gpt-oss:20b", Name(model="gpt-oss", tag="20b")),
        ("llama3", Name(model="llama3")),
        ("me/mine:Q4", Name(namespace="me", model="mine", tag="Q4")),
        ("hf.co/o/r:Q8_0", Name(host="hf.co", namespace="o", model="r", tag="Q8_0")),
        (
            "http://box:5000/library/m",
            Name(scheme="http", host="box:5000", model="m"),
        ),
    ],
)
def test_what_a_name_leaves_out_is_usual(text: str, name: Name) -> None:
    assert names.parse(text) == name


def test_a_name_leads_to_its_manifest() -> None:
    assert names.parse("gpt-oss:20b").manifest == (
        "https://registry.ollama.ai/v2/library/gpt-oss/manifests/20b"
    )


@pytest.mark.parametrize(
    "text", ["", "a b", "a:", ":b", "a//b", "a/b/c/d", "ftp://h/n/m", "m:t?x"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match="is not a name of a model"):
        names.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("m", "m:latest", True),
        ("GPT-OSS:20B", "gpt-oss:20b", True),
        ("box:5000/n/m", "box:5000/n/m:latest", True),
        ("http://box:5000/n/m:1b", "box:5000/n/m:1b", True),
        ("registry.ollama.ai/library/m", "m:latest", True),
        ("m:1b", "m", False),
        ("me/m", "m", False),
    ],
)
def test_names_are_compared_with_their_tags(
    one: str, other: str, *, same: bool
) -> None:
    assert names.same(one, other) is same


def test_near_names_are_other_tags_first_and_then_look_alikes() -> None:
    known = ["qwen3:8b", "gpt-oss:20b", "gpt-oss:120b", "llama3.2:3b"]

    assert names.near("gpt-oss:21b", known) == ["gpt-oss:20b", "gpt-oss:120b"]
    assert names.near("gtp-oss:20b", known)[0] == "gpt-oss:20b"
    assert names.near("nothing-like-it", known) == []
