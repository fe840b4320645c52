"""What readers of sessions look for besides the history: lines of type ``event_msg``.

Shapes: the Codex CLI 0.169, and for what was said ``user_message`` and
``agent_message``, which all of its versions read. Commands and patches have none:
their items in the history say it all.
"""

from typing import Any

import msgspec

from codex_oss import events
from codex_oss.items import Item, Message, text_of

Payload = dict[str, Any]


class Told:
    """Makes the lines of one conversation. ``window`` is in tokens."""

    def __init__(
        self, window: int | None, usage: events.TokenUsage | None = None
    ) -> None:
        self._window = window
        self._usage = usage or events.TokenUsage()
        self._last: object = None
        self._turn_id = ""
        self._began = 0.0
        self._open = False
        self._prompt_next = False
        self._answer: str | None = None

    def noted(self, kind: str, payload: object, now: float) -> list[Payload]:
        """Return what stands before a fact: with its context a turn begins."""
        if kind != "turn_context":
            return []
        context: Any = payload
        self._turn_id = context.get("turn_id", "")
        self._began, self._prompt_next, self._answer = now, True, None
        self._open = True
        started = {
            "type": "task_started",
            "turn_id": self._turn_id,
            "started_at": int(now),
            "model_context_window": self._window,
            "collaboration_mode_kind": "default",
        }
        return [started]

    def known(self, kind: str, payload: object) -> bool:
        """Tell whether a fact is one that an event tells: how many tokens were used."""
        if kind != "event_msg" or not isinstance(payload, dict):
            return False
        fact: Payload = payload  # pyright: ignore[reportUnknownVariableType]  JSON
        if fact.get("type") != "token_count":
            return False
        self._last = fact.get("info", {}).get("last_token_usage", self._last)
        return True

    def kept(self, item: Item) -> list[Payload]:
        """Return what stands behind an item: the prompt once more, as an event."""
        if not self._prompt_next or not isinstance(item, Message):
            return []
        self._prompt_next = False
        text = text_of(item.content)
        return [{"type": "user_message", "message": text, "kind": "plain"}]

    def told(self, event: events.Event, now: float) -> list[Payload]:
        """Return the lines that an event makes."""
        match event:
            case events.ItemCompleted(item=events.AgentMessage(text=text)):
                self._answer = text
                return [{"type": "agent_message", "message": text}]
            case events.ItemCompleted(item=events.ReasoningItem(text=text)):
                return [{"type": "agent_reasoning", "text": text}]
            case events.TurnCompleted(usage=usage):
                return [self._tokens(usage), *self._ends(self._complete(now))]
            case events.TurnFailed(error=failure):
                if failure.message == events.INTERRUPTED:
                    return self._ends(self._aborted(now))
                fault = {"message": failure.message, "codex_error_info": "other"}
                return self._ends(self._complete(now) | {"error": fault})
            case _:
                return []

    def _ends(self, payload: Payload) -> list[Payload]:
        """Return the last line of a turn; a compaction between turns has none."""
        was_open, self._open = self._open, False
        return [payload] if was_open else []

    def _tokens(self, usage: events.TokenUsage) -> Payload:
        turn = usage - self._usage
        self._usage = usage
        last, self._last = self._last or turn, None
        info = {
            "total_token_usage": _with_total(usage),
            "last_token_usage": _with_total(last),
            "model_context_window": self._window,
        }
        return {"type": "token_count", "info": info, "rate_limits": None}

    def _complete(self, now: float) -> Payload:
        return {
            "type": "task_complete",
            "turn_id": self._turn_id,
            "last_agent_message": self._answer,
            "started_at": int(self._began),
            "completed_at": int(now),
            "duration_ms": round((now - self._began) * 1000),
        }

    def _aborted(self, now: float) -> Payload:
        return {
            "type": "turn_aborted",
            "turn_id": self._turn_id,
            "reason": "interrupted",
            "completed_at": int(now),
            "duration_ms": round((now - self._began) * 1000),
        }


def _with_total(usage: object) -> Payload:
    counts: Payload = msgspec.to_builtins(usage)
    total = counts.get("input_tokens", 0) + counts.get("output_tokens", 0)
    return counts | {"total_tokens": total}
