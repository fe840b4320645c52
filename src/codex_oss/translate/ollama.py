"""Chat Completions requests as Ollama's, and the lines of its answers as chunks.

What Ollama has no word for is not sent: ``tool_choice`` (so a forbidden call is not
forbidden: without its tools, the prompt would be read anew), ``parallel_tool_calls``
and an image's ``detail``.
"""

from typing import Any, cast

import msgspec

from codex_oss.wire import chat, ollama
from codex_oss.wire.json_text import NOT_JSON

_EFFORTS: dict[str, bool | str] = {"none": False, "minimal": "low", "xhigh": "max"}
"""Efforts by their words for ``think``; the others are called the same."""

_BASE64 = ";base64"
_NO_URL = "(an image stood here, as a link that cannot be opened: {})"
_NO_IMAGE = "(an image stood here that cannot be read)"
_MAX_URL_CHARS = 200
_NOTHING = ollama.Said()


def to_ollama(
    request: chat.Request, *, num_ctx: int | None, keep_alive: str | None = None
) -> ollama.Request:
    """Return the request of ``POST /api/chat`` that asks for the same answer.

    ``num_ctx`` None leaves the context length to the server.
    """
    return ollama.Request(
        model=request.model,
        messages=_messages(request.messages),
        tools=request.tools,
        format=_format(request.response_format),
        options=ollama.Options(
            num_ctx=num_ctx,
            num_predict=request.max_tokens or request.max_completion_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            stop=request.stop,
        ),
        think=_think(request.reasoning_effort),
        keep_alive=keep_alive,
        truncate=False,
        shift=False,
        stream=request.stream,
    )


def chunk_from(
    line: ollama.Line | ollama.Fault,
) -> chat.Chunk | chat.ChunkError | None:
    """Return what a line says as a chunk; None when that is nothing."""
    if isinstance(line, ollama.Fault):
        return _error(line)
    said = line.message or _NOTHING
    delta = chat.Delta(
        content=said.content or None,
        reasoning_content=said.thinking or None,
        tool_calls=[_call(c) for c in said.tool_calls] if said.tool_calls else None,
    )
    if line.done:
        reason = "length" if line.done_reason == "length" else "stop"
        return chat.Chunk(choices=[chat.Choice(delta, reason)], usage=_usage(line))
    says = said.content or said.thinking or said.tool_calls
    return chat.Chunk(choices=[chat.Choice(delta)]) if says else None


# --- requests ------------------------------------------------------------------------


def _messages(messages: list[chat.Message]) -> list[ollama.Message]:
    names: dict[str, str] = {}
    written: list[ollama.Message] = []
    for message in messages:
        match message:
            case chat.System() | chat.Developer():
                said = ollama.Message(role="system", content=message.content)
            case chat.User():
                said = _user(message)
            case chat.Assistant():
                names |= {c.id: c.function.name for c in message.tool_calls}
                said = _assistant(message)
            case chat.Tool():
                said = ollama.Message(
                    role="tool",
                    content=message.content,
                    tool_name=names.get(message.tool_call_id, ""),
                    tool_call_id=message.tool_call_id,
                )
        written.append(said)
    return written


def _user(message: chat.User) -> ollama.Message:
    if isinstance(message.content, str):
        return ollama.Message(role="user", content=message.content)
    texts: list[str] = []
    images: list[str] = []
    for part in message.content:
        if isinstance(part, chat.TextPart):
            texts.append(part.text)
        elif data := _base64_of(url := part.image_url.url):
            images.append(data)
        else:
            texts.append(_note_of(url))
    return ollama.Message(role="user", content="\n".join(texts), images=images)


def _base64_of(url: str) -> str:
    """Return the data of a ``data:`` URL in base64; empty for other URLs."""
    head, comma, data = url.partition(",")
    is_data = head[:5].lower() == "data:" and head.lower().endswith(_BASE64)
    return data if comma and is_data else ""


def _note_of(url: str) -> str:
    return _NO_IMAGE if url[:5] == "data:" else _NO_URL.format(url[:_MAX_URL_CHARS])


def _assistant(message: chat.Assistant) -> ollama.Message:
    calls = [
        ollama.ToolCall(
            call.id, ollama.Called(call.function.name, _object(call.function.arguments))
        )
        for call in message.tool_calls
    ]
    return ollama.Message(
        role="assistant",
        content=message.content,
        thinking=message.reasoning or message.reasoning_content or "",
        tool_calls=calls,
    )


def _object(arguments: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(arguments, dict):
        return arguments
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, Any])
    except NOT_JSON:
        return {"arguments": arguments}


def _format(form: dict[str, Any] | None) -> str | dict[str, Any] | None:
    match form:
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return cast("dict[str, Any]", schema)
        case {"type": "json_object"}:
            return "json"
        case _:
            return None


def _think(effort: str | None) -> bool | str | None:
    return _EFFORTS.get(effort, effort) if effort else None


# --- answers -------------------------------------------------------------------------


def _error(fault: ollama.Fault) -> chat.ChunkError:
    """Return the error; one that wraps llama-server's own is unwrapped."""
    if fault.message.startswith("{"):
        inner = chat.decode_chunk(fault.message)
        if isinstance(inner, chat.ChunkError):
            return inner
    return chat.ChunkError(fault.message)


def _call(call: ollama.CallLine) -> chat.CallDelta:
    called = call.function
    arguments = _arguments_text(bytes(called.arguments))
    return chat.CallDelta(
        id=call.id, function=chat.FunctionDelta(called.name, arguments)
    )


def _arguments_text(raw: bytes) -> str:
    """Return an object's JSON text; some proxies send it as a string, or null."""
    text = raw.decode("utf-8", "replace")
    if text.startswith('"'):
        return msgspec.json.decode(text, type=str)
    return "{}" if text == "null" else text


def _usage(line: ollama.Line) -> chat.Usage | None:
    prompt, answer = line.prompt_eval_count, line.eval_count
    if prompt is None and answer is None:
        return None
    cached = line.prompt_eval_cached_count
    return chat.Usage(
        prompt_tokens=prompt,
        completion_tokens=answer,
        prompt_tokens_details=(
            None if cached is None else chat.PromptTokensDetails(cached)
        ),
    )
