"""Requests from JSON: the body of ``POST /responses``."""

from collections import OrderedDict
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from codex_oss.errors import BadRequest
from codex_oss.wire.responses.body import ReasoningParams, Request, TextParams, Tool
from codex_oss.wire.responses.codec import item_from, tool_from

_NO_TOOLS = Raw(b"null")


class Extras(msgspec.Struct, kw_only=True):
    """Fields of a request that no model sees; a response repeats them.

    ``conversation`` and ``prompt`` name objects that only OpenAI's servers have.
    """

    background: bool | None = None
    conversation: Any = None
    frequency_penalty: float | None = None
    max_tool_calls: int | None = None
    presence_penalty: float | None = None
    prompt: Any = None
    safety_identifier: str | None = None
    truncation: str | None = None
    user: str | None = None


class _Request(Extras, kw_only=True):
    model: str
    input: str | list[Any]
    instructions: str | None | UnsetType = UNSET
    tools: Raw = _NO_TOOLS
    tool_choice: str | dict[str, Any] | None | UnsetType = UNSET
    parallel_tool_calls: bool | None | UnsetType = UNSET
    reasoning: ReasoningParams | None | UnsetType = UNSET
    text: TextParams | None | UnsetType = UNSET
    max_output_tokens: int | None | UnsetType = UNSET
    temperature: float | None | UnsetType = UNSET
    top_p: float | None | UnsetType = UNSET
    stream: bool | None | UnsetType = UNSET
    store: bool | None | UnsetType = UNSET
    include: list[str] | None | UnsetType = UNSET
    prompt_cache_key: str | None | UnsetType = UNSET
    previous_response_id: str | None | UnsetType = UNSET
    metadata: dict[str, Any] | None | UnsetType = UNSET


_ITEMIZED = frozenset({"input", "tools", "tool_choice"})
_EXTRAS = frozenset(Extras.__struct_fields__)
_AS_GIVEN = [
    f for f in _Request.__struct_fields__ if f not in _ITEMIZED and f not in _EXTRAS
]


_read_request = msgspec.json.Decoder(_Request).decode
_read_tools = msgspec.json.Decoder(list[Any] | None).decode


class RequestDecoder:
    """Decodes requests; tools that came before are the same list of the same tools.

    They are half of a coding agent's request and the same in each of a conversation,
    so whatever is made of them can be made once.
    """

    def __init__(self, kept: int = 16) -> None:
        """Keep the tools of the last ``kept`` clients."""
        self._kept: OrderedDict[bytes, list[Tool]] = OrderedDict()
        self._limit = kept

    def decode(self, data: bytes | str) -> tuple[Request, Extras]:
        """Return the request in a body. Raises ``BadRequest`` naming the wrong path."""
        try:
            shape = _read_request(data)
            tools = self._tools(shape.tools)
        except msgspec.ValidationError as error:
            raise BadRequest(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(f"not valid JSON: {error}") from error
        given: list[Any] | str = shape.input
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        for number, each in enumerate(given):
            if type(each) is not dict:
                raise BadRequest(f"Expected `object` - at `$.input[{number}]`")
        fields = {name: getattr(shape, name) for name in _AS_GIVEN}
        request = Request(
            input=[item_from(obj) for obj in given],
            tools=tools or UNSET,
            tool_choice=shape.tool_choice or UNSET,
            **fields,
        )
        return request, shape

    def _tools(self, given: Raw) -> list[Tool] | None:
        key = bytes(given)
        tools = self._kept.get(key)
        if tools is not None:
            self._kept.move_to_end(key)
            return tools
        try:
            objects = _read_tools(given)
        except msgspec.ValidationError as error:
            raise BadRequest(f"{error}, of `$.tools`") from error
        if not objects:
            return None
        tools = self._kept[key] = [tool_from(obj) for obj in objects]
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return tools


def decode_request(data: bytes | str) -> Request:
    """Return the request in a body. Raises ``BadRequest`` naming the wrong path."""
    return RequestDecoder(kept=0).decode(data)[0]
