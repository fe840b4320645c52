"""What the model of a fake Ollama says, in the forms of Ollama's routes."""

import json as jsonlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from fake_server import Gate, Reply

AT = "2026-08-21T10:00:00.123456Z"
CHARS_PER_TOKEN = 4
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

Line = dict[str, Any]


class Say(msgspec.Struct, frozen=True):
    """What the model answers: in ``pieces``, after ``thoughts``, with ``calls`` last.

    ``error`` comes instead of the end; ``cut`` hangs up there; ``refuse`` is a status
    and words instead of a stream. ``gate`` waits before the first piece, as long as
    the prompt is read.
    """

    pieces: tuple[str, ...] | str = ()
    thoughts: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    error: str = ""
    cut: bool = False
    refuse: tuple[int, str] | None = None
    gate: Gate | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The pieces, also where they are one."""
        return (self.pieces,) if isinstance(self.pieces, str) else self.pieces


def tokens(body: dict[str, Any]) -> int:
    """Return how long a prompt is."""
    text = jsonlib.dumps([body["messages"], body.get("tools") or []])
    return len(text) // CHARS_PER_TOKEN


def seconds_of(keep_alive: float | str | None) -> float | None:
    """Return a duration as JSON of Go has it: seconds, or words such as ``1h30m``."""
    if not isinstance(keep_alive, str):
        return keep_alive
    parts = re.findall(r"([\d.]+)(ms|[smh])", keep_alive)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -seconds if keep_alive.startswith("-") else seconds


def error(status: int, words: str) -> Reply:
    """Return a refusal of the native API."""
    return Reply(status=status, body={"error": words})


def ndjson(
    lines: Iterable[Line | Gate], *, cut: bool = False, silent: bool = False
) -> Reply:
    """Return a stream of lines; how it ends is ``Reply``'s."""
    encoded = (
        line if isinstance(line, Gate) else jsonlib.dumps(line).encode() + b"\n"
        for line in lines
    )
    head = {"content-type": "application/x-ndjson"}
    return Reply(headers=head, chunks=encoded, cut=cut, silent=silent)


def last(reason: str, counts: dict[str, int] | None = None) -> Line:
    """Return the line that ends a chat. Times are in nanoseconds."""
    times = {"total_duration": 9_000_000, "load_duration": 1_000_000}
    return {**_said(), "done": True, "done_reason": reason, **times, **(counts or {})}


def chat(say: Say, read: int, limit: int | None, *, thinks: bool) -> list[Line]:
    """Return the lines of ``/api/chat``; ``limit`` is in pieces."""
    cut = limit is not None and limit < len(say.parts)
    lines = [_said(thinking=t) for t in say.thoughts] if thinks else []
    lines += [_said(p) for p in (say.parts[:limit] if cut else say.parts)]
    for index, (name, arguments) in enumerate(say.calls):
        lines.append(_called(index, name, arguments))
    if say.error:
        return [*lines, {"error": say.error}]
    counts = {"prompt_eval_count": read, "eval_count": len(lines)}
    times = {"prompt_eval_duration": 5_000_000, "eval_duration": 3_000_000}
    end = last("length" if cut else "stop", counts | times)
    return lines if say.cut else [*lines, end]


def whole(lines: Sequence[Line]) -> Line:
    """Return a chat that was not asked for as a stream."""
    if "error" in lines[-1]:
        return lines[-1]
    messages = [line["message"] for line in lines]
    message: Line = {"role": "assistant"}
    message["content"] = "".join(m["content"] for m in messages)
    if thinking := "".join(m.get("thinking", "") for m in messages):
        message["thinking"] = thinking
    if calls := [call for m in messages for call in m.get("tool_calls", [])]:
        message["tool_calls"] = calls
    return {**lines[-1], "message": message}


def chatted(line: Line) -> Line:
    """Return a line of a chat as ``/api/chat`` has it."""
    return line


def generated(line: Line) -> Line:
    """Return a line of a chat as ``/api/generate`` has it."""
    if "error" in line:
        return line
    kept = {key: value for key, value in line.items() if key != "message"}
    return kept | {"response": line["message"]["content"]}


def _said(content: str = "", **more: Any) -> Line:
    message = {"role": "assistant", "content": content, **more}
    return {"model": "m", "created_at": AT, "message": message, "done": False}


def _called(index: int, name: str, arguments: dict[str, Any]) -> Line:
    function = {"index": index, "name": name, "arguments": arguments}
    return _said(tool_calls=[{"id": f"call_{index:08x}", "function": function}])
