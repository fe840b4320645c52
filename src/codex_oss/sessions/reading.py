"""Reads a session's file back: the items of its history, to go on from there.

The format is ``sessions.rollout``'s and the Codex CLI's, of this version and older
ones. A line that was cut off at the end, by a crash or a full disk, is no error: what
stands before it is whole. A damaged line in the middle is left out, and that is said.
"""

import contextlib
from pathlib import Path

import msgspec

from codex_oss.errors import BadRequest, SessionError
from codex_oss.events import TokenUsage
from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    is_prompt,
    user,
)
from codex_oss.sessions import packed
from codex_oss.sessions.foreign import without_harness
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.lock import Lock
from codex_oss.sessions.places import SESSIONS, is_id
from codex_oss.wire.responses import decode_item

MAX_TOLD = 5
"""Damaged lines that are named one by one."""
USER_BYTES = 80_000
"""Of what the user said, kept before a summary that came without a history: Codex's
20,000 tokens."""
ABORTED = "aborted by user"
"""The output of a call whose own was never written."""


class _Line(msgspec.Struct):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"")


class _Context(msgspec.Struct):
    model: str = ""
    model_provider: str = ""
    configured_model: str | None = None


class _Compacted(msgspec.Struct):
    message: str = ""
    replacement_history: list[msgspec.Raw] | None = None


class _Info(msgspec.Struct):
    total_token_usage: TokenUsage = TokenUsage()


class _Told(msgspec.Struct):
    type: str = ""
    info: _Info | None = None
    num_turns: int = 0


_FAULTS = (msgspec.DecodeError, BadRequest, UnicodeDecodeError, RecursionError)
_decode = msgspec.json.Decoder(_Line).decode
_context = msgspec.json.Decoder(_Context).decode
_compacted = msgspec.json.Decoder(_Compacted).decode
_told = msgspec.json.Decoder(_Told).decode
_meta = msgspec.json.Decoder(dict[str, object]).decode


def find(home: Path, thread_id: str) -> Path | None:
    """Return the file of a conversation below Codex's home; None if there is none."""
    if not is_id(thread_id):
        return None
    folder = home / SESSIONS
    for end in (packed.PLAIN, packed.PACKED):
        found = max(folder.glob(f"*/*/*/rollout-*-{thread_id}{end}"), default=None)
        if found is not None:
            return found
    return None


def take(home: Path, path: Path, thread_id: str) -> Kept:
    """Return what a session's file holds, and the right to go on from there.

    A compressed one is unpacked. Raises ``SessionError``, also while another process
    has that right.
    """
    lock = Lock(home, thread_id)
    lock.take()
    try:
        # As it is now that nobody else has the right to change that.
        path = next(iter(packed.forms(path)), path)
        if packed.is_packed(path):
            path = packed.unpacked(path)
        return read(path, thread_id, lock)
    except BaseException:
        lock.release()
        raise


def read(path: Path, thread_id: str, lock: Lock | None = None) -> Kept:
    """Return what a session's file holds. Raises ``SessionError``."""
    data = packed.whole(path)
    size = data.rfind(b"\n") + 1
    lines = data[:size].splitlines()
    reader = _Reader()
    damaged: list[int] = []
    for number, text in enumerate(lines, start=1):
        try:
            reader.take(text)
        except _FAULTS:
            damaged.append(number)
    if damaged and len(damaged) == len(lines):
        raise SessionError(f"{path} is no session: no line of it can be read")
    return Kept(
        path=path,
        thread_id=thread_id,
        meta=reader.meta,
        items=_answered(reader.items),
        lines=len(lines),
        size=size,
        model=reader.model,
        provider=reader.provider or str(reader.meta.get("model_provider") or ""),
        usage=reader.usage,
        turns=reader.turns,
        warnings=_warnings(path, damaged),
        lock=lock,
    )


class _Reader:
    """Takes the lines of a file, one after the other."""

    def __init__(self) -> None:
        self.meta: dict[str, object] = {}
        self.items: list[Item] = []
        self.model = ""
        self.provider = ""
        self.usage = TokenUsage()
        self.turns = 0

    def take(self, text: bytes) -> None:
        """Take one line; raise what says that it is damaged."""
        line = _decode(text)
        payload = bytes(line.payload)
        match line.type:
            case "session_meta":
                # A fork's file may hold the first lines of what it was made of.
                self.meta = self.meta or _meta(payload)
            case "response_item":
                self._keep(payload)
            case "turn_context" | "event_msg":
                # Of another shape than ours they are no damage.
                with contextlib.suppress(msgspec.ValidationError):
                    self._note(line.type, payload)
            case "compacted":
                self._compact(_compacted(payload))
            case _ if not payload:  # 2025: an item without anything around it
                self._keep(text)
            case _:
                return

    def _keep(self, data: bytes) -> None:
        item = without_harness(decode_item(data))
        if item is not None:
            self.turns += is_prompt(item)
            self.items.append(item)

    def _note(self, kind: str, payload: bytes) -> None:
        if kind == "event_msg":
            self._hear(payload)
        else:
            self._settle(_context(payload), ours=b'"configured_model"' in payload)

    def _settle(self, context: _Context, *, ours: bool) -> None:
        named = context.configured_model if ours else context.model
        self.model = named or ""
        self.provider = context.model_provider or self.provider

    def _hear(self, payload: bytes) -> None:
        told = _told(payload)
        if told.type == "token_count" and told.info is not None:
            self.usage = told.info.total_token_usage
        elif told.type == "thread_rolled_back":
            self._roll_back(told.num_turns)

    def _roll_back(self, turns: int) -> None:
        """Forget the last turns: a person went back to a prompt and wrote another."""
        prompts = [at for at, item in enumerate(self.items) if is_prompt(item)]
        if turns > 0 and prompts:
            del self.items[prompts[-min(turns, len(prompts))] :]

    def _compact(self, line: _Compacted) -> None:
        if line.replacement_history is not None:
            items = (decode_item(bytes(raw)) for raw in line.replacement_history)
            kept = (without_harness(item) for item in items)
            self.items = [item for item in kept if item is not None]
            return
        said = [item for item in self.items if is_prompt(item)]
        self.items = [*_last(said, USER_BYTES), user(line.message)]


def _last(items: list[Item], limit: int) -> list[Item]:
    """Return as many items from the end as fit."""
    used = 0
    for number, item in enumerate(reversed(items)):
        used += len(msgspec.json.encode(item, enc_hook=repr))
        if used > limit:
            return items[len(items) - number :]
    return items


def _answered(items: list[Item]) -> list[Item]:
    """Return the history with an output for every call, and no other: servers insist.

    One without a call is of a call that a damaged line held.
    """
    outputs = (FunctionCallOutput, CustomToolCallOutput)
    done = {item.call_id for item in items if isinstance(item, outputs)}
    called: set[str] = set()
    whole: list[Item] = []
    for item in items:
        if isinstance(item, outputs) and item.call_id not in called:
            continue
        whole.append(item)
        if not isinstance(item, FunctionCall | CustomToolCall):
            continue
        called.add(item.call_id)
        if item.call_id not in done:
            kind = outputs[isinstance(item, CustomToolCall)]
            whole.append(kind(call_id=item.call_id, output=ABORTED))
    return whole


def _warnings(path: Path, damaged: list[int]) -> list[str]:
    if not damaged:
        return []
    named = ", ".join(map(str, damaged[:MAX_TOLD]))
    more = len(damaged) - MAX_TOLD
    lines = f"line {named}" if len(damaged) == 1 else f"lines {named}"
    lines += f" and {more} more" if more > 0 else ""
    verb = "is" if len(damaged) == 1 else "are"
    return [f"{lines} of the session {path} {verb} damaged and left out"]
