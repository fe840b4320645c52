"""What a fake Ollama says on its OpenAI routes, with what the real one cannot there.

``/v1/responses`` takes few kinds of items, turns freeform tools into functions without
parameters, swallows errors once it has begun, and calls every answer completed. Both
routes ignore what they do not know, a context length above all.
"""

import json as jsonlib
from typing import Any

from fake_ollama_chat import Say
from fake_server import Event, Reply, chunk, sse

_KINDS = {400: "invalid_request_error", 404: "not_found_error"}
_KNOWN = ("message", "function_call", "function_call_output", "reasoning")

Body = dict[str, Any]

_UNSURE: Body = {"logprobs": []}
_BARE: Body = {"annotations": [], "logprobs": []}


def refusal(status: int, words: str) -> Reply:
    """Return a refusal of the OpenAI routes."""
    kind = _KINDS.get(status, "api_error")
    inner = {"message": words, "type": kind, "param": None, "code": None}
    return Reply(status=status, body={"error": inner})


# --- /v1/chat/completions ------------------------------------------------------------


def completions(body: Body, say: Say, read: int) -> Reply:
    """Return an answer, as a stream only when one is asked for."""
    written = max(1, len(say.parts))
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    finish = "tool_calls" if say.calls else "stop"
    if not body.get("stream"):
        return _completion(body, say, finish, usage)
    model = {"model": body["model"], "system_fingerprint": "fp_ollama"}
    deltas: list[Body] = [{"content": "", "reasoning": t} for t in say.thoughts]
    deltas += [{"content": piece} for piece in say.parts]
    if say.calls:
        deltas.append({"content": "", "tool_calls": _calls(say)})
    events: list[Event] = [chunk({"role": "assistant"} | d, **model) for d in deltas]
    if say.error:
        events.append({"error": {"message": say.error, "type": "api_error"}})
        return _stream(events, say)
    if not say.cut:
        events.append(chunk({"role": "assistant", "content": ""}, finish=finish))
        options: Body = body.get("stream_options") or {}
        if options.get("include_usage"):
            events.append(chunk(None, usage=usage, **model))
        events.append("[DONE]")
    return _stream(events, say)


def _completion(body: Body, say: Say, finish: str, usage: Body) -> Reply:
    message: Body = {"role": "assistant", "content": "".join(say.parts)}
    if say.thoughts:
        message["reasoning"] = "".join(say.thoughts)
    if say.calls:
        message["tool_calls"] = _calls(say)
    choice = {"index": 0, "message": message, "finish_reason": finish}
    reply = {"id": "chatcmpl-7", "object": "chat.completion", "created": 1787306400}
    more = {"model": body["model"], "choices": [choice], "usage": usage}
    return Reply(body=reply | more)


def _calls(say: Say) -> list[Body]:
    return [
        {
            "id": f"call_{index:08x}",
            "index": index,
            "type": "function",
            "function": {"name": name, "arguments": jsonlib.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(say.calls)
    ]


def _stream(events: list[Event], say: Say) -> Reply:
    gate = [say.gate] if say.gate else []
    head = {"content-type": "text/event-stream"}
    return Reply(headers=head, chunks=[*gate, sse(events)], cut=say.cut)


# --- /v1/responses -------------------------------------------------------------------


def messages_of(body: Body) -> list[Body] | str:
    """Return the input as messages, or why it is refused."""
    given: Any = body.get("input") or []
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": given}]
    messages: list[Body] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    for item in given:
        kind = item.get("type", "message")
        if kind not in _KNOWN:
            return f"unknown input item type: {kind}"
        messages.append({"role": item.get("role", "assistant"), "content": item})
    return messages


def responses(body: Body, say: Say, read: int) -> Reply:
    """Return an answer; one that fails midway ends like one that is cut."""
    items = _items(say)
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": len(say.parts),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + len(say.parts),
    }
    response = _response(body, [], None)
    ended = _response(body, items, usage)
    if not body.get("stream"):
        return Reply(body=ended)
    told: list[Body] = [
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
    ]
    for index, item in enumerate(items):
        told += _told(item, index, say)
    if not (say.error or say.cut):
        told.append({"type": "response.completed", "response": ended})
    numbered: list[Event] = [e | {"sequence_number": n} for n, e in enumerate(told)]
    return _stream(numbered, say)


def _response(body: Body, output: list[Body], usage: Body | None) -> Body:
    tools: list[Body] = body.get("tools") or []
    return {
        "id": "resp_7",
        "object": "response",
        "created_at": 1787306400,
        "status": "in_progress" if usage is None else "completed",
        "model": body["model"],
        "output": output,
        "usage": usage,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": "auto",
        "tools": [_tool(tool) for tool in tools],
    }


def _tool(tool: Body) -> Body:
    """Return a tool as the model sees it: what is no function has no parameters."""
    name = tool.get("name") or tool["type"]
    parameters = tool.get("parameters") if tool["type"] == "function" else None
    return {"type": "function", "name": name, "parameters": parameters, "strict": False}


def _items(say: Say) -> list[Body]:
    items: list[Body] = []
    if thoughts := "".join(say.thoughts):
        part = {"type": "summary_text", "text": thoughts}
        hidden = {"encrypted_content": thoughts, "status": "completed"}
        items.append({"id": "rs_1", "type": "reasoning", "summary": [part]} | hidden)
    if text := "".join(say.parts):
        part: Body = {"type": "output_text", "text": text} | _BARE
        said = {"role": "assistant", "content": [part], "status": "completed"}
        items.append({"id": "msg_1", "type": "message"} | said)
    for index, (name, arguments) in enumerate(say.calls):
        call = {"call_id": f"call_{index:08x}", "name": name, "status": "completed"}
        call["arguments"] = jsonlib.dumps(arguments)
        items.append({"id": f"fc_{index}", "type": "function_call"} | call)
    return items


def _told(item: Body, index: int, say: Say) -> list[Body]:
    """Return the events of one item; the arguments of a call come as one delta."""
    at = {"item_id": item["id"], "output_index": index}
    empty = item | {"status": "in_progress"}
    deltas: list[Body]
    match item["type"]:
        case "message":
            empty["content"] = []
            part, at["content_index"] = item["content"][0], 0
            start = {"type": "response.content_part.added", "part": part | {"text": ""}}
            end = {"type": "response.content_part.done", "part": part}
            kind = "response.output_text"
            texts = [_delta(kind, piece) | _UNSURE for piece in say.parts]
            whole = {"type": f"{kind}.done", "text": part["text"]} | _UNSURE
            deltas = [start, *texts, whole, end]
        case "reasoning":
            empty["summary"] = []
            at["summary_index"] = 0
            kind = "response.reasoning_summary_text"
            deltas = [_delta(kind, thought) for thought in say.thoughts]
            text = item["summary"][0]["text"]
            deltas.append({"type": f"{kind}.done", "text": text})
        case _:
            empty["arguments"] = ""
            kind, given = "response.function_call_arguments", item["arguments"]
            done = {"type": f"{kind}.done", "arguments": given, "name": item["name"]}
            deltas = [_delta(kind, given), done]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": empty},
        *(delta | at for delta in deltas),
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _delta(kind: str, text: str) -> Body:
    return {"type": f"{kind}.delta", "delta": text}
