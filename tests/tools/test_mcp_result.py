"""Results of MCP tools as the model reads them."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.items import InputImage, InputText, Part
from codex_oss.tools.mcp_result import MAX_IMAGES, output
from codex_oss.tools.output import Budget
from mcp_scripted import PIXEL

IMAGE = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
SHOWN = InputImage(image_url=f"data:image/png;base64,{PIXEL}", detail="high")


def read(
    content: list[Any], structured: object = None, size: int = 10_000
) -> str | list[Part]:
    return asyncio.run(output(content, structured, Budget(size)))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "text", "text": "hi"}, "hi"),
        (
            {"type": "resource_link", "uri": "a://b", "name": "n", "description": "d"},
            "[resource: n a://b d]",
        ),
        (
            {"type": "resource", "resource": {"uri": "a://b", "text": "held"}},
            "[a://b]\nheld",
        ),
        (
            {
                "type": "resource",
                "resource": {"uri": "a://b", "mimeType": "x/y", "blob": "AAAA"},
            },
            "[a://b: x/y, 3 bytes]",
        ),
        (
            {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
            "[audio, audio/wav: not played]",
        ),
        ({"type": "image", "data": "no image"}, "[an image that cannot be read]"),
        ({"type": "image", "data": "AAAA"}, "[an image that cannot be read]"),
        ({"type": "news"}, "(no output)"),
        ("no part", "(no output)"),
    ],
)
def test_each_kind_of_part_is_text_or_told_of(part: object, told: str) -> None:
    assert read([part]) == told


def test_texts_and_images_are_kept_apart() -> None:
    text = {"type": "text", "text": "here"}
    assert read([text, IMAGE]) == [InputText(text="here"), SHOWN]
    assert read([IMAGE]) == [SHOWN]


def test_more_images_than_a_model_should_see_are_left_out() -> None:
    parts = read([IMAGE] * (MAX_IMAGES + 1))
    told = InputText(text="[an image that is left out: there are too many]")
    assert parts == [told, *[SHOWN] * MAX_IMAGES]


def test_structured_content_stands_for_the_text_that_says_the_same() -> None:
    text = {"type": "text", "text": '{"a": 1}'}
    assert read([text], {"a": 1}) == '{"a":1}'


@pytest.mark.parametrize(
    ("texts", "structured", "told"),
    [
        (["It rains."], {"rain": True}, 'It rains.\n{"rain":true}'),
        (["It rains.", '{"rain": true}'], {"rain": True}, 'It rains.\n{"rain":true}'),
        (['{\n "b": 2, "a": 1}'], {"a": 1, "b": 2}, '{"a":1,"b":2}'),
        (["hi"], {"result": "hi"}, "hi"),
        (["1", "2"], {"result": [1, 2]}, "1\n2"),
        (["[1, 2]"], {"result": [1, 2]}, "[1, 2]"),
        (["other"], {"result": "hi"}, 'other\n{"result":"hi"}'),
        ([], {"result": "hi"}, '{"result":"hi"}'),
        (["[" * 100_000], [1], None),
    ],
)
def test_text_beside_structured_content_is_dropped_only_where_it_says_the_same(
    texts: list[str], structured: object, told: str | None
) -> None:
    text = read([{"type": "text", "text": each} for each in texts], structured)
    assert text == told or (told is None and str(text).endswith("[1]"))


def test_a_long_result_is_cut_in_the_middle() -> None:
    text = read([{"type": "text", "text": "x" * 50_000}], size=1000)
    assert isinstance(text, str)
    assert len(text) < 1200
    assert text.startswith("Warning: truncated output (original token count: 12500)")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
KINDS = st.sampled_from(["text", "image", "audio", "resource", "resource_link", "x"])
PARTS = st.fixed_dictionaries(
    {"type": KINDS | JSON},
    optional={"text": JSON, "data": JSON, "mimeType": JSON, "resource": JSON},
)


@given(st.lists(JSON | PARTS, max_size=4))
def test_nothing_that_a_server_answers_breaks_the_reading(content: list[Any]) -> None:
    assert read(content)
