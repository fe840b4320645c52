"""Events of the agent as the messages of Codex's ``codex/event`` notifications.

Source of the shapes: ``codex mcp-server`` 0.148. Differences are listed in
docs/compatibility.md. Nothing here knows of MCP or a clock: times are passed in.
"""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from codex_oss import events
from codex_oss.items import Item, Message, Reasoning
from codex_oss.mcp_server import items
from codex_oss.mcp_server.calling import OpenCalls
from codex_oss.wire.responses import encode

Msg = dict[str, Any]

_Live = (
    events.ThreadStarted
    | events.Asked
    | events.Reading
    | events.Answering
    | events.TextDelta
    | events.ReasoningDelta
    | events.OutputDelta
    | events.Thought
)


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Which turn it is: its ids, its folder and what the person said."""

    thread_id: str
    turn_id: str
    cwd: str
    prompt: str
    window: int | None = None


class Translator:
    """The messages of one turn: an object with ``feed``.

    ``kept`` are the items that joined the history since the last call; ``now`` is in
    seconds since the epoch.
    """

    def __init__(self, turn: Turn, before: events.TokenUsage, calls: OpenCalls) -> None:
        self._turn = turn
        self._before = before
        self._calls = calls
        self._items = items.Items(turn.turn_id, turn.cwd, calls)
        self._began: float | None = None
        self._first: float | None = None
        self._last: str | None = None
        self._held: str | None = None
        self.usage = before
        """The tokens of the whole conversation."""

    def feed(self, event: events.Event, kept: Sequence[Item], now: float) -> list[Msg]:
        """Return what Codex would tell of ``event``."""
        released = self._let_go(event)
        at = _place(event, kept)
        before, after = self.keep(kept[:at]), self.keep(kept[at:])
        told = self._messages(event, now)
        if isinstance(event, events.TurnStarted):
            return [*told[:1], *before, *told[1:]]
        return [*released, *before, *told, *after]

    def keep(self, kept: Sequence[Item]) -> list[Msg]:
        """Return what Codex would tell of new items of the history alone."""
        for item in kept:
            self._calls.keep(item)
        return list(map(_raw, kept))

    def _messages(self, event: events.Event, now: float) -> list[Msg]:
        match event:
            case events.TurnStarted():
                return self._start(now)
            case events.ItemStarted(item=item) | events.ItemUpdated(item=item):
                return self._of_item(item, now, done=False)
            case events.ItemCompleted(item=item):
                return self._of_item(item, now, done=True)
            case events.TurnCompleted(usage=usage):
                return self._complete(usage, now)
            case events.TurnFailed(error=error):
                return self._fail(error.message, now)
            case events.Notice(message=message):
                self._held = message
                return []
            case events.Blocked(what=what, remedy=remedy):
                return [_warning(f"{what}. {remedy}")]
            case events.Compacted(how=how):
                told: list[Msg] = [{"type": "context_compacted"}]
                return told if how == "summarised" else []
            case _:
                return self._live(event, now)

    def _live(self, event: _Live, now: float) -> list[Msg]:
        match event:
            case events.TextDelta(text=text):
                self._first = self._first or now
                return [{"type": "agent_message_delta", "delta": text}]
            case events.ReasoningDelta(text=text):
                self._first = self._first or now
                return [{"type": "agent_reasoning_delta", "delta": text}]
            case events.OutputDelta(item_id=item_id, text=text):
                delta = {
                    "type": "exec_command_output_delta",
                    "call_id": self._calls.take(item_id, None),
                    "stream": "stdout",
                    "chunk": b64encode(text.encode()).decode(),
                }
                return [delta]
            case (
                events.ThreadStarted()
                | events.Asked()
                | events.Reading()
                | events.Answering()
                | events.Thought()
            ):
                return []
            case _:
                assert_never(event)

    def _let_go(self, event: events.Event) -> list[Msg]:
        """Tell a notice when it is known whether it ended the turn."""
        if self._held is None:
            return []
        kind = "error" if isinstance(event, events.TurnFailed) else "stream_error"
        told: list[Msg] = [{"type": kind, "message": self._held}]
        self._held = None
        return told

    # --- the turn ---------------------------------------------------------------------

    def _start(self, now: float) -> list[Msg]:
        self._began = now
        turn = self._turn
        part: Msg = {"type": "text", "text": turn.prompt, "text_elements": []}
        item: Msg = {
            "type": "UserMessage",
            "id": f"{turn.turn_id}-user",
            "content": [part],
        }
        said: Msg = {"type": "user_message", "message": turn.prompt, "images": []}
        said |= {"local_images": [], "audio": [], "local_audio": []}
        said["text_elements"] = []
        started: Msg = {
            "type": "task_started",
            "turn_id": turn.turn_id,
            "started_at": int(now),
            "model_context_window": turn.window,
            "collaboration_mode_kind": "default",
        }
        return [started, *self._items.both(turn.thread_id, item, now), said]

    def _of_item(self, item: events.ThreadItem, now: float, *, done: bool) -> list[Msg]:
        self._first = self._first or now
        if isinstance(item, events.AgentMessage):
            self._last = item.text
        if isinstance(item, events.ErrorItem):
            return [_warning(item.message)] if done else []
        return self._items.told(self._turn.thread_id, item, now, done=done)

    def _complete(self, usage: events.TokenUsage, now: float) -> list[Msg]:
        self.usage = usage
        complete = {
            "type": "task_complete",
            "turn_id": self._turn.turn_id,
            "last_agent_message": self._last,
            **self._times(now),
        }
        if self._first is not None and self._began is not None:
            complete["time_to_first_token_ms"] = _ms(self._first - self._began)
        return [self._count(usage), complete]

    def _fail(self, message: str, now: float) -> list[Msg]:
        if message == events.INTERRUPTED:
            turn_id = self._turn.turn_id
            aborted = {"type": "turn_aborted", "turn_id": turn_id}
            return [aborted | {"reason": "interrupted"} | self._times(now)]
        complete = {"type": "task_complete", "turn_id": self._turn.turn_id}
        return [complete | {"last_agent_message": None} | self._times(now)]

    def _times(self, now: float) -> Msg:
        began = now if self._began is None else self._began
        times: Msg = {"started_at": int(began), "completed_at": int(now)}
        return times | {"duration_ms": _ms(now - began)}

    def _count(self, usage: events.TokenUsage) -> Msg:
        last, total = (usage - self._before).counts, usage.counts
        for counts in (last, total):
            counts["total_tokens"] = counts["input_tokens"] + counts["output_tokens"]
        info: Msg = {"total_token_usage": total, "last_token_usage": last}
        info["model_context_window"] = self._turn.window
        return {"type": "token_count", "info": info, "rate_limits": None}


def _place(event: events.Event, kept: Sequence[Item]) -> int:
    """Return how many of the items are told before the event.

    What the model says is told first as an event, all else first as an item.
    """
    match event:
        case events.ItemCompleted(item=events.AgentMessage()):
            kind = Message
        case events.ItemCompleted(item=events.ReasoningItem()):
            kind = Reasoning
        case _:
            return len(kept)
    return next((n for n, item in enumerate(kept) if isinstance(item, kind)), len(kept))


def _raw(item: Item) -> Msg:
    return {"type": "raw_response_item", "item": msgspec.json.decode(encode(item))}


def _warning(message: str) -> Msg:
    return {"type": "warning", "message": message}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
