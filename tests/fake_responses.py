"""Answers of servers that have OpenAI's Responses API as an afterthought.

An error midway is swallowed, and every answer is called completed, as by Ollama.
"""

import json as jsonlib

from fake_ollama_chat import Say
from fake_openai import Body, stream
from fake_server import Event, Reply

_UNSURE: Body = {"logprobs": []}
_BARE: Body = {"annotations": [], "logprobs": []}


def respond(body: Body, say: Say, read: int) -> Reply:
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
    return stream(numbered, say)


def _response(body: Body, output: list[Body], usage: Body | None) -> Body:
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
        "tools": body.get("tools") or [],
    }


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
