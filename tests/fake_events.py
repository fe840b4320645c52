"""Events of a Responses stream and chunks of a chat stream, for scripts of tests."""

import json as jsonlib
from collections.abc import Sequence
from typing import Any

Event = dict[str, Any] | str
"""One frame: an object, or text that is sent as it is after ``data: ``."""

# --- events of the Responses API ---------------------------------------------------


def sse(events: Sequence[Event]) -> bytes:
    """Return events as server-sent events; ``event:`` lines where they have a type."""
    frames: list[str] = []
    for event in events:
        if isinstance(event, str):
            frames.append(f"data: {event}\n\n")
            continue
        named = f"event: {event['type']}\n" if "type" in event else ""
        frames.append(f"{named}data: {jsonlib.dumps(event)}\n\n")
    return "".join(frames).encode()


def created(response_id: str = "resp_1") -> dict[str, Any]:
    """Return ``response.created``."""
    return {"type": "response.created", "response": {"id": response_id}}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """Return ``response.output_item.done`` for an item."""
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def completed(
    input_tokens: int = 10,
    output_tokens: int = 5,
    *,
    cached: int = 0,
    reasoning: int = 0,
    response_id: str = "resp_1",
) -> dict[str, Any]:
    """Return ``response.completed`` with its usage."""
    usage = {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }
    return {
        "type": "response.completed",
        "response": {"id": response_id, "usage": usage},
    }


def failed(code: str, message: str = "") -> dict[str, Any]:
    """Return ``response.failed``."""
    error = {"code": code, "message": message}
    return {"type": "response.failed", "response": {"id": "resp_1", "error": error}}


def incomplete(reason: str) -> dict[str, Any]:
    """Return ``response.incomplete``."""
    details = {"reason": reason}
    response = {"id": "resp_1", "incomplete_details": details}
    return {"type": "response.incomplete", "response": response}


def text_delta(text: str) -> dict[str, Any]:
    """Return ``response.output_text.delta``."""
    return {"type": "response.output_text.delta", "item_id": "msg_1", "delta": text}


def message(text: str, item_id: str = "msg_1") -> dict[str, Any]:
    """Return an assistant's message item."""
    part = {"type": "output_text", "text": text, "annotations": list[Any]()}
    return {"type": "message", "id": item_id, "role": "assistant", "content": [part]}


def reasoning(summary: str, item_id: str = "rs_1") -> dict[str, Any]:
    """Return a reasoning item."""
    parts = [{"type": "summary_text", "text": summary}]
    return {"type": "reasoning", "id": item_id, "summary": parts}


def call(
    name: str, args: dict[str, Any] | str, call_id: str = "call_1", **more: Any
) -> dict[str, Any]:
    """Return a function call item; ``more`` is such as ``namespace``."""
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": name,
        "arguments": args if isinstance(args, str) else jsonlib.dumps(args),
        **more,
    }


def custom_call(name: str, text: str, call_id: str = "call_1") -> dict[str, Any]:
    """Return a freeform call item."""
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{call_id}",
        "call_id": call_id,
        "name": name,
        "input": text,
    }


def turn(*items: dict[str, Any], **usage: int) -> list[Event]:
    """Return the whole stream of one response; ``usage`` as ``completed`` takes it."""
    dones: list[Event] = [done(item, index) for index, item in enumerate(items)]
    return [created(), *dones, completed(**usage)]  # pyright: ignore[reportArgumentType]


# --- chunks of the Chat Completions API --------------------------------------------


def chunk(
    delta: dict[str, Any] | None, *, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return one ``chat.completion.chunk``; no delta means no choices."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "fake",
        "choices": [] if delta is None else [choice],
        **more,
    }


def chat_text(text: str) -> dict[str, Any]:
    """Return a chunk with some text."""
    return chunk({"role": "assistant", "content": text})


def chat_call(
    name: str, args: dict[str, Any] | str, call_id: str = "call_1", index: int = 0
) -> dict[str, Any]:
    """Return a chunk with a whole tool call."""
    text = args if isinstance(args, str) else jsonlib.dumps(args)
    function = {"name": name, "arguments": text}
    made = {"index": index, "id": call_id, "type": "function", "function": function}
    return chunk({"role": "assistant", "tool_calls": [made]})


def chat_end(
    finish: str = "stop", *, prompt_tokens: int = 10, completion_tokens: int = 5
) -> list[Event]:
    """Return the end of a stream: finish reason, usage, ``[DONE]``."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    return [chunk({}, finish=finish), chunk(None, usage=usage), "[DONE]"]


def chat_turn(*chunks: dict[str, Any], **usage: int) -> list[Event]:
    """Return the whole stream of one chat answer."""
    calls = any(
        choice["delta"].get("tool_calls") for c in chunks for choice in c["choices"]
    )
    end = chat_end("tool_calls" if calls else "stop", **usage)
    return [*chunks, *end]
