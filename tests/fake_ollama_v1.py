"""What a fake Ollama says on its OpenAI routes, with what the real one cannot there.

``/v1/responses`` takes few kinds of items, turns freeform tools into functions without
parameters, swallows errors once it has begun, and calls every answer completed. Both
routes ignore what they do not know, a context length above all.
"""

from typing import Any

from fake_ollama_chat import Say
from fake_openai import Body, Dialect, completion, usage_of
from fake_responses import respond
from fake_server import Reply

OLLAMA = Dialect(
    reasoning="reasoning",
    splits_arguments=False,
    said={"system_fingerprint": "fp_ollama"},
)
_KINDS = {400: "invalid_request_error", 404: "not_found_error"}
_KNOWN = ("message", "function_call", "function_call_output", "reasoning")


def refusal(status: int, words: str) -> Reply:
    """Return a refusal of the OpenAI routes."""
    kind = _KINDS.get(status, "api_error")
    inner = {"message": words, "type": kind, "param": None, "code": None}
    return Reply(status=status, body={"error": inner})


def completions(body: Body, say: Say, read: int) -> Reply:
    """Return an answer of ``/v1/chat/completions``."""
    usage = usage_of(say, read)
    del usage["prompt_tokens_details"]  # Ollama counts no cached tokens
    return completion(OLLAMA, body, say, usage)


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
    """Return an answer of ``/v1/responses``.

    Tools are echoed as the model sees them: what is no function has no parameters.
    """
    tools: list[Body] = body.get("tools") or []
    return respond(body | {"tools": [_function(tool) for tool in tools]}, say, read)


def _function(tool: Body) -> Body:
    name = tool.get("name") or tool["type"]
    parameters = tool.get("parameters") if tool["type"] == "function" else None
    return {"type": "function", "name": name, "parameters": parameters, "strict": False}
