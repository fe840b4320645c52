"""One message of a client, from its bytes: a message, or what a wrong one is answered.

The SDK passes over what it cannot read, and whoever sent it waits for ever. Here every
request with an id gets an answer. Nothing here reads or writes.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import pydantic_core
from mcp import types
from pydantic import ValidationError

MAX_TOKENS = 200_000
"""How far a message that is no JSON is searched for its id."""
MAX_ID = 1024
"""The longest id that is sent back, in characters."""
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s"{}\[\]:,]++', re.DOTALL)


class Refused(msgspec.Struct, frozen=True):
    """A message that is not taken, and the answer to it."""

    answer: types.JSONRPCError


def read(line: bytes) -> types.JSONRPCMessage | Refused | None:
    """Return the message in a line or body; None for what needs no answer.

    A reply with a wrong shape becomes an error with its id: who asked hears of it.
    """
    if not line.strip():
        return None
    try:
        raw = pydantic_core.from_json(line, allow_inf_nan=False)
    except ValueError as error:
        return _unreadable(line, str(error))
    if not isinstance(raw, dict):
        return _refused(None, types.INVALID_REQUEST, "a message is one object")
    said = cast("dict[str, Any]", raw)
    if "method" not in said and ("result" in said or "error" in said):
        return _reply(said)
    return _request(said)


def _request(said: Mapping[str, Any]) -> types.JSONRPCMessage | Refused:
    known = _id(said.get("id"))
    kind = types.JSONRPCRequest if "id" in said else types.JSONRPCNotification
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        code = types.INVALID_PARAMS if field == "params" else types.INVALID_REQUEST
        return _refused(known, code, f"`{field}` is missing or wrong")


def _reply(said: Mapping[str, Any]) -> types.JSONRPCMessage | None:
    try:
        kind = types.JSONRPCResponse if "result" in said else types.JSONRPCError
        return kind.model_validate(said)
    except ValidationError:
        known = _id(said.get("id"))
        return (
            None
            if known is None
            else _error(known, types.INVALID_REQUEST, "no result and no error")
        )


def _unreadable(line: bytes, why: str) -> types.JSONRPCMessage | Refused:
    """Answer what is no JSON, or JSON that a program cannot hold."""
    fields = _outermost(line.decode("utf-8", "replace"))
    known = _id(_value(fields.get('"id"', "")))
    if '"method"' in fields:
        return _refused(known, types.PARSE_ERROR, why)
    if known is not None and ('"result"' in fields or '"error"' in fields):
        return _error(known, types.PARSE_ERROR, why)
    return _refused(None, types.PARSE_ERROR, why)


def _outermost(text: str) -> dict[str, str]:
    """Return the first word of each field of the outermost object, as written."""
    found: dict[str, str] = {}
    depth, key, last = 0, "", ""
    for count, match in enumerate(_TOKEN.finditer(text)):
        word = match[0]
        if count > MAX_TOKENS or (not count and word != "{"):
            break
        if word in ("}", "]"):
            depth -= 1
        elif depth == 1 and word == ":":
            key = last
        elif depth == 1 and word == ",":
            key = ""
        elif depth == 1 and key:
            found.setdefault(key, word)
        last = word
        depth += word in ("{", "[")
    return found


def _value(word: str) -> object:
    try:
        return pydantic_core.from_json(word)
    except ValueError:
        return None


def _id(given: object) -> types.RequestId | None:
    """Return an id that can be sent back."""
    if isinstance(given, bool) or not isinstance(given, int | str):
        return None
    return given if len(str(given)) <= MAX_ID else None


def _refused(known: types.RequestId | None, code: int, why: str) -> Refused:
    return Refused(_error(known, code, why))


def _error(known: types.RequestId | None, code: int, why: str) -> types.JSONRPCError:
    words = {
        types.PARSE_ERROR: "Parse error",
        types.INVALID_PARAMS: "Invalid params",
    }.get(code, "Invalid request")
    data = types.ErrorData(code=code, message=f"{words}: {why}")
    return types.JSONRPCError(jsonrpc="2.0", id=known, error=data)
