"""Whether something was said in a conversation."""

from pathlib import Path

import msgspec

from codex_oss.errors import BadRequest, SessionError
from codex_oss.items import Message, is_prompt, text_of
from codex_oss.sessions import packed
from codex_oss.wire.responses import decode_item

AROUND = 40
"""Characters on either side of what was found."""


class _Line(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"")


_line = msgspec.json.Decoder(_Line).decode


def said(path: Path, text: str | None) -> str | None:
    """Return the place in a session's file where a text was said, by whom ever.

    Empty when nothing is looked for; None when it was not said. Case does not count.
    """
    if not text:
        return ""
    try:
        for line in packed.lines(path):
            # Most lines hold outputs of tools; they are no longer looked at.
            if b'"message"' in line and (found := _found(line, text)):
                return found
    except SessionError:
        return None
    return None


def _found(data: bytes, text: str) -> str:
    try:
        line = _line(data)
        item = decode_item(bytes(line.payload)) if line.payload else None
    except (msgspec.DecodeError, UnicodeDecodeError, BadRequest, RecursionError):
        return ""
    if not isinstance(item, Message):
        return ""
    if item.role != "assistant" and not is_prompt(item):
        return ""
    whole = " ".join(text_of(item.content).split())
    at = whole.casefold().find(" ".join(text.split()).casefold())
    if at < 0:
        return ""
    begin, end = max(at - AROUND, 0), at + len(text) + AROUND
    before, after = "…" if begin else "", "…" if end < len(whole) else ""
    return f"{before}{whole[begin:end]}{after}"
