"""Requests, tools and response objects of the Responses API."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from codex_oss.items import Item, Tagged, Unknown

# --- tools -------------------------------------------------------------------------


class FunctionTool(Tagged, frozen=True, kw_only=True, tag="function"):
    """A tool called with JSON arguments. ``parameters`` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None | UnsetType = UNSET


class CustomTool(Tagged, frozen=True, kw_only=True, tag="custom"):
    """A freeform tool: called with plain text, optionally held to a grammar."""

    name: str
    description: str | None = None
    format: dict[str, Any] | UnsetType = UNSET


class NamespaceTool(Tagged, frozen=True, kw_only=True, tag="namespace"):
    """Tools under a common name, such as all tools of one MCP server."""

    name: str
    tools: list[FunctionTool | CustomTool]
    description: str | None = None


class ToolSearchTool(Tagged, frozen=True, kw_only=True, tag="tool_search"):
    """A search for tools that the model was not told of.

    With ``execution`` ``client`` the client does it, else OpenAI's server.
    """

    execution: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    parameters: dict[str, Any] | None | UnsetType = UNSET


Tool = FunctionTool | CustomTool | NamespaceTool | ToolSearchTool | Unknown

# --- request -----------------------------------------------------------------------


class ReasoningParams(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model should think, and which summary of it to send."""

    effort: str | None | UnsetType = UNSET
    summary: str | None | UnsetType = UNSET


class TextParams(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the answer. ``format`` is ``{"type": "json_schema", …}`` or text."""

    format: dict[str, Any] | UnsetType = UNSET
    verbosity: str | None | UnsetType = UNSET


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /responses``."""

    model: str
    input: list[Item]
    instructions: str | None | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | UnsetType = UNSET
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


# --- response ----------------------------------------------------------------------


class InputTokensDetails(msgspec.Struct, frozen=True):
    """Of the prompt's tokens, those that the server had cached."""

    cached_tokens: int = 0


class OutputTokensDetails(msgspec.Struct, frozen=True):
    """Of the answer's tokens, those that were reasoning."""

    reasoning_tokens: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one response."""

    input_tokens: int = 0
    input_tokens_details: InputTokensDetails | None = InputTokensDetails()
    output_tokens: int = 0
    output_tokens_details: OutputTokensDetails | None = OutputTokensDetails()
    total_tokens: int = 0


class ResponseError(msgspec.Struct, frozen=True):
    """Why a response failed. ``code`` is the API's word for it."""

    code: str | None = None
    message: str | None = None


class IncompleteDetails(msgspec.Struct, frozen=True):
    """Why a response is incomplete, such as ``max_output_tokens``."""

    reason: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The response object inside the life-cycle events."""

    id: str
    object: str = "response"
    created_at: float = 0
    status: str | None = "in_progress"
    model: str | None = None
    output: list[Item] = []
    usage: Usage | None = None
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
