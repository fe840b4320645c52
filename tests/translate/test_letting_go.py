"""What an answer keeps alive when it has ended: nothing, without waiting for the gc."""

import gc
import weakref

import msgspec

from chat_streams import PLAIN, delta, ids
from codex_oss.facts import Fact
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses


def test_an_answer_that_ended_keeps_nobody_alive() -> None:
    heard: list[Fact] = []

    def note(fact: Fact) -> None:
        heard.append(fact)

    kept = weakref.ref(note)
    request = responses.Request(model="m", input=[])
    running = Translator(
        request,
        ToolMap(request.tools),
        PLAIN,
        new_id=ids(),
        created_at=7,
        note=note,
    )
    said = [delta(content="Hello"), delta("stop")]
    running.feed_all([msgspec.convert(each, chat.Chunk) for each in said])
    assert running.finish(clean=True)

    gc.disable()
    try:
        del running, note
        assert kept() is None
    finally:
        gc.enable()
