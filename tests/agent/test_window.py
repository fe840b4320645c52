"""What requests take of a window, and how much they may."""

import pytest

from codex_oss.agent.window import (
    IMAGE_WEIGHT,
    ITEM_WEIGHT,
    Limits,
    Marks,
    Meter,
    marks,
    output_bytes,
    prompt_tokens,
    thinking_tokens,
    weigh,
    weigh_text,
)
from codex_oss.items import (
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Reasoning,
    ReasoningText,
    SummaryText,
    Unknown,
    user,
)
from codex_oss.wire.responses import InputTokensDetails, Usage


@pytest.mark.parametrize(
    ("window", "compact_at", "found"),
    [
        (None, None, None),
        (None, 50_000, Marks(None, 1000, 50_000)),
        (8192, None, Marks(8192, 1000, 6554)),
        (8192, 5000, Marks(8192, 1000, 5000)),
        (8192, 1_000_000, Marks(8192, 1000, 7372)),  # 90 %, as in the Codex CLI
        (272_000, None, Marks(272_000, 1000, 239_232)),
        (1_000_000, None, Marks(1_000_000, 1000, 900_000)),
    ],
)
def test_a_conversation_is_compacted_before_its_answer_has_no_room(
    window: int | None, compact_at: int | None, found: Marks | None
) -> None:
    assert marks(window, compact_at, 1000) == found


def test_a_compaction_aims_low_and_must_free_a_quarter_of_the_room() -> None:
    at = Marks(8192, 1000, 4600)
    assert (at.room, at.aim, at.rebuilt, at.proof) == (3600, 2200, 2800, 3700)
    full = Marks(1000, 2000, 800)
    assert (full.room, full.aim, full.rebuilt, full.proof) == (0, 2000, 2000, 2000)


def test_outputs_and_thoughts_get_a_share_of_the_window() -> None:
    assert [output_bytes(w, 10_000) for w in (None, 4096, 8192, 131_072)] == [
        10_000,
        2048,
        4096,
        10_000,
    ]
    assert thinking_tokens(Limits(), None) is None
    assert thinking_tokens(Limits(), 8192) == 2048
    assert thinking_tokens(Limits(thinking=0), 8192) is None
    assert thinking_tokens(Limits(thinking=500), 8192) == 500
    assert thinking_tokens(Limits(thinking=500, effort="high"), 8192) == 500


def test_an_effort_is_a_share_of_the_window_and_a_family_has_its_most() -> None:
    efforts = ("none", "low", "medium", "high", "max", "strange")
    assert [thinking_tokens(Limits(effort=each), 8192) for each in efforts] == [
        *(512, 1024, 2048, 3072, 4096, 2048)
    ]
    assert thinking_tokens(Limits(most_thinking=30_000), 131_072) == 30_000
    assert thinking_tokens(Limits(most_thinking=30_000), 8192) == 2048
    assert thinking_tokens(Limits(most_thinking=30_000), None) == 30_000


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (user("four"), 4),
        (user("é"), 2),
        (user("12"), 6),
        (FunctionCall(name="ls", arguments="{}", call_id="c"), 4),
        (FunctionCallOutput(call_id="c", output="abc"), 3),
        (
            FunctionCallOutput(
                call_id="c",
                output=[
                    InputText(text="abc"),
                    InputImage(image_url="data:" + "x" * 99),
                ],
            ),
            3 + IMAGE_WEIGHT,
        ),
        (Reasoning(summary=[SummaryText(text="ab")]), 2),
        (
            Reasoning(
                summary=[SummaryText(text="ab")], content=[ReasoningText(text="abc")]
            ),
            3,
        ),
        (Reasoning(encrypted_content="x" * 50), 50),
        (Unknown(b'{"type":"x"}'), 12),
    ],
)
def test_an_item_weighs_what_a_model_reads_of_it(item: Item, size: int) -> None:
    assert weigh(item) == ITEM_WEIGHT + size


def test_without_a_count_of_the_server_four_bytes_are_a_token() -> None:
    assert Meter().tokens(4000) == 1000


def test_the_servers_count_corrects_the_estimate_and_only_the_rest_is_estimated() -> (
    None
):
    meter = Meter()
    meter.learn(4000, 2000)
    assert meter.tokens(4000) == 2000
    assert meter.tokens(4200) == 2100
    assert meter.tokens(3000) == 1500
    meter.learn(5000, 3000)
    assert (meter.tokens(5000), meter.count(500)) == (3000, 300)


def test_a_count_that_cannot_be_is_not_believed() -> None:
    meter = Meter()
    meter.learn(40_000, 10)
    meter.learn(40_000, 0)
    assert meter.tokens(40_000) == 10_000


def test_a_prompt_has_its_cached_tokens_too_where_a_server_counts_them_apart() -> None:
    usual = Usage(input_tokens=100, input_tokens_details=InputTokensDetails(60))
    apart = Usage(input_tokens=10, input_tokens_details=InputTokensDetails(60))
    assert (prompt_tokens(usual), prompt_tokens(apart)) == (100, 70)


def test_a_log_of_numbers_weighs_more_than_its_bytes() -> None:
    assert weigh_text("2026") == 12
    assert weigh_text("abcd") == 4
