"""Whole response objects: every field that strict clients demand.

Source: the ``ResponseResource`` of the Open Responses spec (openresponses.org,
``schema/components/schemas``) and ``Response`` of openai-python 3. Where they differ,
both are met: the two penalties are Open Responses', ``cache_write_tokens`` is
openai-python's.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from codex_oss.bridge.full.frames import LifeEvent, encode_life_event
from codex_oss.bridge.full.whole import whole_item
from codex_oss.wire import responses

# --- what a response repeats of its request -------------------------------------------


class _Text(msgspec.Struct, kw_only=True):
    format: dict[str, Any]
    verbosity: str


class _Reasoning(msgspec.Struct, kw_only=True):
    effort: str | None
    summary: str | None


_PLAIN = _Text(format={"type": "text"}, verbosity="medium")
_NO_REASONING = _Reasoning(effort=None, summary=None)


class _Constant(msgspec.Struct, kw_only=True):
    """What stays the same from the first event of a response to the last."""

    id: str
    object: str = "response"
    created_at: int
    model: str
    previous_response_id: str | None
    instructions: str | None
    tools: list[Any]
    tool_choice: str | dict[str, Any]
    truncation: str
    parallel_tool_calls: bool
    text: _Text
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    # Neither the probabilities of tokens nor tiers of service are to be had here.
    top_logprobs: int = 0
    temperature: float
    reasoning: _Reasoning
    user: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    store: bool
    background: bool
    service_tier: str = "default"
    metadata: dict[str, Any]
    safety_identifier: str | None
    prompt_cache_key: str | None


class _CachedTokens(msgspec.Struct):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class _Usage(msgspec.Struct):
    input_tokens: int
    input_tokens_details: _CachedTokens
    output_tokens: int
    output_tokens_details: responses.OutputTokensDetails
    total_tokens: int


class _Varying(msgspec.Struct):
    status: str
    completed_at: int | None
    error: responses.ResponseError | None
    incomplete_details: responses.IncompleteDetails | None
    output: list[Any]
    usage: _Usage | None


class Frame:
    """The response objects of one request; what they share is written once.

    ``now`` returns seconds since the epoch. ``store``: whether the response is kept.
    ``lean``: for the Codex CLI, which reads neither tools nor instructions back; they
    are most of its request, and would come back with each event.
    """

    def __init__(
        self,
        request: responses.Request,
        extras: responses.Extras,
        *,
        response_id: str,
        now: Callable[[], float],
        store: bool,
        lean: bool = False,
    ) -> None:
        created_at = int(now())
        self.blank = responses.Response(
            id=response_id, created_at=created_at, model=request.model
        )
        """The response before anything was said, in progress."""
        self._now = now
        self._completed_at: int | None = None
        self._constant: Callable[[], _Constant] | None = partial(
            _constant, request, extras, self.blank, store=store, lean=lean
        )
        self._tail = b""
        self._opening = b""

    def prepare(self) -> None:
        """Write what all responses share, while there is time for it."""
        if self._constant is not None:
            self._tail = b"," + responses.encode(self._constant())[1:]
            self._constant = None

    def encode(self, response: responses.Response) -> bytes:
        """Return a response as JSON. Its id, time and model are the frame's."""
        if response.status == "completed" and self._completed_at is None:
            self._completed_at = int(self._now())
        varying = _Varying(
            response.status or "in_progress",
            self._completed_at if response.status == "completed" else None,
            response.error,
            response.incomplete_details,
            [whole_item(item) for item in response.output],
            _usage(response.usage),
        )
        self.prepare()
        return responses.encode(varying)[:-1] + self._tail

    def life_event(self, event: LifeEvent, number: int) -> bytes:
        """Return an event that holds a response, as a frame of the stream."""
        response = event.response
        if response is not self.blank:
            return encode_life_event(event, number, self.encode(response))
        self._opening = self._opening or self.encode(response)
        return encode_life_event(event, number, self._opening)


def _constant(
    request: responses.Request,
    extras: responses.Extras,
    blank: responses.Response,
    *,
    store: bool,
    lean: bool,
) -> _Constant:
    calls = request.parallel_tool_calls
    top_p, heat = request.top_p, request.temperature
    return _Constant(
        id=blank.id,
        created_at=int(blank.created_at),
        model=request.model,
        previous_response_id=request.previous_response_id or None,
        instructions=None if lean else request.instructions or None,
        tools=[] if lean else [_tool(tool) for tool in request.tools or ()],
        tool_choice=request.tool_choice or "auto",
        truncation=extras.truncation or "disabled",
        parallel_tool_calls=True if calls is None or calls is UNSET else calls,
        text=_text(request.text),
        top_p=1.0 if top_p is None or top_p is UNSET else top_p,
        presence_penalty=extras.presence_penalty or 0.0,
        frequency_penalty=extras.frequency_penalty or 0.0,
        temperature=1.0 if heat is None or heat is UNSET else heat,
        reasoning=_reasoning(request.reasoning),
        user=extras.user,
        max_output_tokens=request.max_output_tokens or None,
        max_tool_calls=extras.max_tool_calls,
        store=store,
        background=bool(extras.background),
        metadata=request.metadata or {},
        safety_identifier=extras.safety_identifier,
        prompt_cache_key=request.prompt_cache_key or None,
    )


def _text(given: responses.TextParams | None | msgspec.UnsetType) -> _Text:
    if not given:
        return _PLAIN
    form = given.format or {"type": "text"}
    if form.get("type") == "json_schema":
        form = {"description": None, "strict": False, **form}
    return _Text(format=form, verbosity=given.verbosity or "medium")


def _reasoning(
    given: responses.ReasoningParams | None | msgspec.UnsetType,
) -> _Reasoning:
    if not given:
        return _NO_REASONING
    return _Reasoning(effort=given.effort or None, summary=given.summary or None)


def _tool(tool: responses.Tool) -> responses.Tool:
    match tool:
        case responses.FunctionTool(strict=msgspec.UNSET):
            return msgspec.structs.replace(tool, strict=None)
        case responses.NamespaceTool(description=None):
            return msgspec.structs.replace(tool, description="")
        case _:
            return tool


def _usage(usage: responses.Usage | None) -> _Usage | None:
    if usage is None:
        return None
    cached = usage.input_tokens_details or responses.InputTokensDetails()
    return _Usage(
        usage.input_tokens,
        _CachedTokens(cached.cached_tokens),
        usage.output_tokens,
        usage.output_tokens_details or responses.OutputTokensDetails(),
        usage.total_tokens,
    )
