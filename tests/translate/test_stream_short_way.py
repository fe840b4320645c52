"""A chunk that is text and nothing else takes a short way: to the same events."""

from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.translate.quirks import Quirks
from codex_oss.translate.stream import Translator, translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

_texts = st.sampled_from(["", " ", "word ", "<", "think>", "</think>", "{", '"a"\n'])
_deltas = st.builds(
    chat.Delta,
    content=st.none() | _texts,
    reasoning_content=st.sampled_from([None, "", "hm "]),
    refusal=st.sampled_from([None, "", "no"]),
)
_reasons = st.sampled_from([None] * 9 + ["stop", "length", "error"])
_chunks = st.builds(
    chat.Chunk,
    choices=st.lists(
        st.builds(chat.Choice, delta=_deltas, finish_reason=_reasons), max_size=2
    ),
    usage=st.none() | st.builds(chat.Usage, prompt_tokens=st.integers(0, 9)),
    prompt_progress=st.none() | st.builds(chat.PromptProgress),
)


def _events(chunks: Sequence[chat.Chunk | chat.ChunkError]) -> list[responses.Event]:
    numbers = count()
    subject = Translator(
        responses.Request(model="m", input=[]),
        ToolMap(()),
        Quirks(),
        new_id=lambda prefix: f"{prefix}{next(numbers)}",
    )
    events = [event for chunk in chunks for event in subject.feed(chunk)]
    return events + subject.finish(clean=True)


@given(st.lists(_chunks | st.builds(chat.ChunkError, message=st.just("x"))))
def test_the_short_way_of_text_leads_to_the_same_events(
    chunks: list[chat.Chunk | chat.ChunkError],
) -> None:
    short = _events(chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translator, "_only_text", lambda _chunk: "")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] a stand-in
        assert _events(chunks) == short
