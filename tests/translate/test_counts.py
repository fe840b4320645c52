"""How few tokens a prompt can have, and what a server's count of them tells."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.facts import Truncated
from codex_oss.translate.counts import (
    MIN_CHARS,
    is_whole,
    least_tokens,
    truncated,
)
from codex_oss.wire import chat, responses

REPOSITORY = Path(__file__).parents[2]
PROSE = "The server reads the whole prompt, or it says that it cannot do so. "
HINDI = "यह एक लंबा वाक्य है जो हिंदी भाषा में लिखा गया है। "
THAI = "นี่คือประโยคยาวที่เขียนเป็นภาษาไทยเพื่อดูว่ามีโทเค็นกี่ตัว "
CHINESE = "这是一个用中文写的长句子,用来看看需要多少个标记。"
KOREAN = "이것은 얼마나 많은 토큰이 필요한지 보기 위해 작성된 문장입니다. "
RUSSIAN = "Это предложение написано, чтобы посмотреть, сколько в нём токенов. "


def _usage(read: int, cached: int = 0) -> responses.Usage:
    details = responses.InputTokensDetails(cached)
    return responses.Usage(input_tokens=read, input_tokens_details=details)


def _sent(*messages: chat.Message, tools: int = 0) -> chat.Request:
    function = chat.Function(
        name="read_file", description="Reads one file.", parameters={"type": "object"}
    )
    offered = [chat.FunctionTool(function)] * tools
    return chat.Request(model="m", messages=list(messages), tools=offered)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("", 0),
        ("two words", 2),
        ("snake_case and camelCase", 4),
        ("x = 2026", 2),
        (" " * 4000 + "=" * 4000, 0),
        ("──────── ────", 0),
        ("token是四字语言吗", 2),
        ("नमस्ते दुनिया", 1),
    ],
)
def test_the_least_number_of_tokens_of_a_text(text: str, least: int) -> None:
    assert least_tokens(text) == least


def _corpus() -> dict[str, str]:
    folders = ("src", "docs", "tests/captures")
    endings = (".py", ".md", ".json")
    found = {
        str(path): path.read_text("utf-8")[:40_000]
        for folder in folders
        for path in sorted((REPOSITORY / folder).rglob("*"))[::7]
        if path.suffix in endings
    }
    repeated = {
        name: text * 60
        for name, text in {
            "hindi": HINDI,
            "thai": THAI,
            "chinese": CHINESE,
            "korean": KOREAN,
            "russian": RUSSIAN,
            "rules": "─" * 80 + "\n" + "| --- " * 20,
            "long words": " responsibilities environmental infrastructure",
            "digits": "2026-11-21T12:00:00.123456Z 0x7ffd 1000000 ",
        }.items()
    }
    return found | repeated


@pytest.mark.parametrize("vocabulary", ["cl100k_base", "o200k_base"])
def test_no_text_has_fewer_tokens_for_a_real_tokenizer(vocabulary: str) -> None:
    bpe = pytest.importorskip("bpe_openai", reason="no tokenizer to compare with")
    encoding = bpe.get_encoding(vocabulary)

    counted = {
        name: (least_tokens(text), len(encoding.encode(text)))
        for name, text in _corpus().items()
    }

    assert {name: c for name, c in counted.items() if c[0] > c[1]} == {}


def test_a_prompt_that_was_cut_to_a_small_context_is_told() -> None:
    sent = _sent(chat.System(content=PROSE * 300), chat.User(content=PROSE * 300))

    assert truncated(sent, _usage(4096)) == Truncated(
        tokens_sent=8400, tokens_read=4096
    )


def test_descriptions_of_tools_and_arguments_of_calls_count() -> None:
    call = chat.ToolCall("c", chat.ToolFunction("write", {"text": PROSE * 60}))
    said = chat.Assistant(content="", tool_calls=[call])
    output = chat.Tool(tool_call_id="c", content=PROSE * 20)

    cut = truncated(_sent(said, output, tools=10), _usage(500))

    assert cut == Truncated(tokens_sent=80 * 14 + 10 * 5, tokens_read=500)


@pytest.mark.parametrize(
    "usage",
    [None, _usage(0), _usage(1700), _usage(100, cached=1600)],
    ids=["no usage", "nothing counted", "all of it", "most of it cached"],
)
def test_nothing_is_told_where_nothing_was_cut(usage: responses.Usage | None) -> None:
    assert truncated(_sent(chat.User(content=PROSE * 100)), usage) is None


def test_what_templates_may_leave_out_is_not_missed() -> None:
    thought = chat.Assistant(
        content=PROSE * 100,
        reasoning=PROSE * 100,
        tool_calls=[chat.ToolCall("c", chat.ToolFunction("f", "{}"))],
    )
    image = chat.ImagePart(chat.ImageUrl("data:image/png;base64," + "A" * 9000))
    seen = chat.User(content=[chat.TextPart("look"), image])

    assert truncated(_sent(thought, seen), _usage(20)) is None


@given(st.text(max_size=MIN_CHARS - 1), st.integers(1, 100))
def test_small_prompts_are_not_looked_at(text: str, read: int) -> None:
    assert truncated(_sent(chat.User(content=text)), _usage(read)) is None


@given(st.text(max_size=6000), st.integers(0, 3000))
def test_a_body_that_is_whole_by_its_size_is_whole_by_its_texts(
    text: str, read: int
) -> None:
    sent = chat.Request(model="m", messages=[chat.User(content=text)])
    usage = responses.Usage(input_tokens=read)
    if is_whole(len(chat.encode(sent)), usage):
        assert truncated(sent, usage) is None
