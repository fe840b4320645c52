"""What is sent to ``POST /chat/completions``."""

from typing import Any

import msgspec

# --- messages ----------------------------------------------------------------------


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Text inside a message that also holds images."""

    text: str


class ImageUrl(msgspec.Struct, frozen=True, omit_defaults=True):
    """An http(s) or ``data:`` URL; ``detail`` is auto, low or high."""

    url: str
    detail: str | None = None


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image inside a message."""

    image_url: ImageUrl


Part = TextPart | ImagePart


class ToolFunction(msgspec.Struct, frozen=True):
    """What a call calls. ``arguments`` is JSON text; a few servers want the object."""

    name: str
    arguments: str | dict[str, Any]


class ToolCall(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """One call of an assistant's message."""

    id: str
    function: ToolFunction


class _Message(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="role", omit_defaults=True
):
    pass


class System(_Message, frozen=True, kw_only=True, tag="system"):
    """Instructions."""

    content: str


class Developer(_Message, frozen=True, kw_only=True, tag="developer"):
    """Instructions, by the name that OpenAI's newer models know them."""

    content: str


class User(_Message, frozen=True, kw_only=True, tag="user"):
    """What the person said: text, or parts when there are images."""

    content: str | list[Part]


class Assistant(_Message, frozen=True, kw_only=True, tag="assistant"):
    """What the model said and called in one answer.

    ``reasoning_content`` and ``reasoning`` are two servers' names for one thing.
    """

    content: str
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] = []


class Tool(_Message, frozen=True, kw_only=True, tag="tool"):
    """What one call answered."""

    tool_call_id: str
    content: str


Message = System | Developer | User | Assistant | Tool

# --- tools and the request ---------------------------------------------------------


class Function(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function's name, description and the JSON schema of its arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any]
    strict: bool | None = None


class FunctionTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """A tool. Chat Completions knows functions only."""

    function: Function


class StreamOptions(msgspec.Struct, frozen=True):
    """Whether a last chunk with the token counts is sent."""

    include_usage: bool


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of ``POST /chat/completions``; what is not set is not sent.

    ``chat_template_kwargs``, which llama.cpp, vLLM and SGLang have, are variables for
    the model's chat template. ``extra`` holds a server's own fields: they stand in the
    body's top level.
    """

    model: str
    messages: list[Message]
    tools: list[FunctionTool] = []
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: list[str] = []
    stream: bool = False
    stream_options: StreamOptions | None = None
    extra: dict[str, Any] = {}
