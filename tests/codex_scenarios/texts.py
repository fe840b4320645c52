"""Answers of text, in the ways in which servers end, space and split their streams."""

from fake_server import Gate, Reply, chat_text, chunk, sse
from scripted_upstream import (
    DONE,
    USAGE,
    Asked,
    Scenario,
    Silence,
    ended,
    raw,
    said,
    says,
    streamed,
)

SLOW_S = 2.0
GREETING = "Grüße, 世界: 🦀 fin."


def _comments() -> list[bytes]:
    frames: list[bytes] = [b": OPENROUTER PROCESSING\n\n"]
    for event in (*said(DONE), *ended()):
        frames += [sse([event]), b": ping\n\n", b":\n\n"]
    return frames


def _split_inside_of_characters() -> list[bytes]:
    # Servers in C++ write characters as they are, and a segment may end in one.
    event = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,'
    event += b'"delta":{"content":"' + GREETING.encode() + b'"}}]}\n\n'
    data = event + sse(ended())
    return [data[i : i + 3] for i in range(0, len(data), 3)]


def _slow(asked: Asked) -> Reply:
    pieces: list[bytes | Gate] = [Silence(SLOW_S), sse([*said(DONE), *ended()])]
    return Reply(chunks=pieces)


SCENARIOS = (
    Scenario(name="text", turns=(says(DONE),)),
    Scenario(
        name="text-nousage",
        turns=(streamed(*said(DONE), chunk({}, finish="stop"), "[DONE]"),),
    ),
    Scenario(
        name="text-nodone",
        turns=(
            streamed(*said(DONE), chunk({}, finish="stop"), chunk(None, usage=USAGE)),
        ),
    ),
    Scenario(name="text-nofinish", turns=(streamed(*said(DONE), "[DONE]"),)),
    Scenario(
        name="text-late-usage-in-finish",
        turns=(streamed(*said(DONE), chunk({}, finish="stop", usage=USAGE), "[DONE]"),),
    ),
    Scenario(name="text-comments", turns=(raw(*_comments()),)),
    Scenario(
        name="text-crlf",
        turns=(raw(sse([*said(DONE), *ended()]).replace(b"\n", b"\r\n")),),
    ),
    Scenario(
        name="text-utf8",
        turns=(raw(*_split_inside_of_characters()),),
        answers=(GREETING,),
    ),
    Scenario(
        name="text-length",
        turns=(streamed(*said("Half an ans"), *ended("length")),),
        answers=("Half an ans",),
        error=("max_output_tokens",),
    ),
    Scenario(
        name="text-filter",
        turns=(streamed(*said("Half an ans"), *ended("content_filter")),),
        answers=("Half an ans",),
        error=("content_filter",),
    ),
    Scenario(
        name="empty", turns=(streamed(chat_text(""), *ended()),), answers=None, error=()
    ),
    Scenario(name="slowfirst", turns=(_slow,)),
)
