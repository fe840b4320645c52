"""Reads a session's file back: the items of its history, to go on from there.

The format is ``sessions.rollout``'s. A line that was cut off at the end, by a crash or
a full disk, is no error: what stands before it is whole.
"""

from pathlib import Path

import msgspec

from codex_oss.errors import BadRequest, SessionError
from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
)
from codex_oss.wire.responses import decode_item

MAX_BYTES = 512 * 1024 * 1024
"""The largest file that is read."""
ABORTED = "aborted by user"
"""The output of a call whose own was never written."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as its file has it.

    ``meta`` is the payload of its first line, as JSON. ``lines`` and ``size`` in bytes
    count what is whole.
    """

    path: Path
    thread_id: str
    meta: dict[str, object]
    items: list[Item]
    lines: int
    size: int


class _Line(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")


_ID = frozenset("0123456789abcdef-")
_decode = msgspec.json.Decoder(_Line).decode


def find(home: Path, thread_id: str) -> Path | None:
    """Return the file of a conversation below Codex's home; None if there is none."""
    if not thread_id or not _ID.issuperset(thread_id):
        return None
    found = (home / "sessions").glob(f"*/*/*/rollout-*-{thread_id}.jsonl")
    return max(found, default=None)


def read(path: Path, thread_id: str) -> Kept:
    """Return what a session's file holds. Raises ``SessionError``."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SessionError(f"the session {path} is larger than {MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise SessionError(
            f"cannot read the session {path}: {error.strerror}"
        ) from error
    size = data.rfind(b"\n") + 1
    meta: dict[str, object] = {}
    items: list[Item] = []
    lines = data[:size].splitlines()
    for number, text in enumerate(lines, start=1):
        try:
            line = _decode(text)
            if line.type == "session_meta" and not meta:
                meta = msgspec.json.decode(line.payload, type=dict[str, object])
            elif line.type == "response_item":
                items.append(decode_item(bytes(line.payload)))
        except (msgspec.DecodeError, BadRequest) as error:
            raise SessionError(
                f"the session {path} is damaged in line {number}: {error}"
            ) from error
    return Kept(
        path=path,
        thread_id=thread_id,
        meta=meta,
        items=_answered(items),
        lines=len(lines),
        size=size,
    )


def _answered(items: list[Item]) -> list[Item]:
    """Return the history with an output for every call: servers insist on them."""
    outputs = (FunctionCallOutput, CustomToolCallOutput)
    done = {item.call_id for item in items if isinstance(item, outputs)}
    whole: list[Item] = []
    for item in items:
        whole.append(item)
        if not isinstance(item, FunctionCall | CustomToolCall) or item.call_id in done:
            continue
        kind = outputs[isinstance(item, CustomToolCall)]
        whole.append(kind(call_id=item.call_id, output=ABORTED))
    return whole
