"""Answers that deviate from the Chat Completions API, read as well as they can be.

Seen at servers: ``message`` or ``text`` where ``delta`` belongs, content as a list of
parts, arguments as an object, calls without ``function`` around them, numbers as text,
errors as a string, as an object, as the whole body, or beside choices.
"""

from typing import Any, TypeVar, cast

import msgspec

from codex_oss.wire.chat.answer import (
    CallDelta,
    Choice,
    Chunk,
    ChunkError,
    CompletionTokensDetails,
    Delta,
    FunctionDelta,
    PromptProgress,
    PromptTokensDetails,
    Timings,
    Usage,
)

_Object = dict[str, Any]
_T = TypeVar("_T")


def read(body: object) -> Chunk | ChunkError | None:
    """Return what a decoded JSON value says; None when it is no part of an answer."""
    if isinstance(body, list) and body:
        return read(cast("list[object]", body)[0])
    obj = _object(cast("object", body))
    if error := _error(obj):
        return error
    choices = [_choice(_object(each)) for each in _list(obj.get("choices"))]
    chunk = Chunk(
        choices=choices,
        usage=_usage(obj.get("usage")),
        timings=_convert(obj.get("timings"), Timings),
        prompt_progress=_convert(obj.get("prompt_progress"), PromptProgress),
    )
    return None if chunk == Chunk() else chunk


# --- errors ------------------------------------------------------------------------


def _error(obj: _Object) -> ChunkError | None:
    given = obj.get("error")
    if not given and obj.get("object") == "error":
        given = obj
    if not given and "choices" not in obj:
        given = obj.get("detail")
    if not given:
        return None
    if not isinstance(given, dict):
        return ChunkError(message=_text(given) or "the server named no reason")
    fields = cast("_Object", given)
    message = _text(fields.get("message")) or msgspec.json.encode(fields).decode()
    names = [fields.get("code"), fields.get("type")]
    status = next((_int(n) for n in (*names, fields.get("status")) if _int(n)), None)
    code = " ".join(n for n in names if isinstance(n, str) and not n.isdigit())
    return ChunkError(message=message, code=code, status=status)


# --- choices -----------------------------------------------------------------------


def _choice(obj: _Object) -> Choice:
    reason = obj.get("finish_reason")
    if isinstance(reason, dict):
        reason = cast("_Object", reason).get("type")
    said = _object(obj.get("delta")) or _object(obj.get("message"))
    if not said:
        said = {"content": obj.get("text")}
    return Choice(delta=_delta(said), finish_reason=_str(reason))


def _delta(obj: _Object) -> Delta:
    content = obj.get("content")
    return Delta(
        content=_text(content),
        reasoning_content=_text(obj.get("reasoning_content")) or _thinking(content),
        reasoning=_text(obj.get("reasoning")),
        refusal=_text(obj.get("refusal")),
        tool_calls=[_call(_object(c)) for c in _list(obj.get("tool_calls"))] or None,
    )


def _call(obj: _Object) -> CallDelta:
    function = _object(obj.get("function")) or obj
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = msgspec.json.encode(arguments).decode()
    return CallDelta(
        index=_int(obj.get("index")),
        id=_str(obj.get("id")),
        function=FunctionDelta(name=_str(function.get("name")), arguments=arguments),
    )


def _text(value: object) -> str | None:
    """Return a string, or the joined text of parts; None when there is no text."""
    match value:
        case str():
            return value
        case list():
            texts = [_text(each) for each in cast("list[object]", value)]
            return "".join(text for text in texts if text) or None
        case dict():
            return _text(cast("_Object", value).get("text"))
        case _:
            return None


def _thinking(content: object) -> str | None:
    """Return the text of the thinking parts that Mistral puts into the content."""
    parts = [_object(part).get("thinking") for part in _list(content)]
    return _text(parts)


# --- counts ------------------------------------------------------------------------


def _usage(value: object) -> Usage | None:
    obj = _object(value)
    if not obj:
        return None
    prompt = _object(obj.get("prompt_tokens_details"))
    answer = _object(obj.get("completion_tokens_details"))
    cached = _int(prompt.get("cached_tokens"))
    thought = _int(answer.get("reasoning_tokens"))
    return Usage(
        prompt_tokens=_int(obj.get("prompt_tokens")),
        completion_tokens=_int(obj.get("completion_tokens")),
        total_tokens=_int(obj.get("total_tokens")),
        prompt_tokens_details=PromptTokensDetails(cached) if prompt else None,
        completion_tokens_details=CompletionTokensDetails(thought) if answer else None,
    )


def _convert(value: object, kind: type[_T]) -> _T | None:
    """Return ``value`` as ``kind``, numbers also from text; None if it does not fit."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return None


# --- JSON values as what they should be --------------------------------------------


def _object(value: object) -> _Object:
    return cast("_Object", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return cast("list[object]", value)
    return [value] if isinstance(value, dict) else []


def _str(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _int(value: object) -> int | None:
    return _convert(value, int)
