"""What is sent to ``POST /api/chat``."""

from typing import Any, Literal

import msgspec

from codex_oss.wire.chat import FunctionTool


class Called(msgspec.Struct, frozen=True):
    """What a call called. Unlike in Chat Completions, ``arguments`` is an object."""

    name: str
    arguments: dict[str, Any]


class ToolCall(msgspec.Struct, frozen=True):
    """One call of an assistant's message."""

    id: str
    function: Called


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message. ``images`` are base64 without a ``data:`` URL around it.

    ``tool_name`` and ``tool_call_id`` say what a message of the role ``tool`` answers:
    templates read the one (since 0.9.6) or the other (since 0.30).
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    thinking: str = ""
    images: list[str] = []
    tool_calls: list[ToolCall] = []
    tool_name: str = ""
    tool_call_id: str = ""


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The runner's options. What is not set is the model's own choice.

    Another ``num_ctx`` than that of the loaded model makes the server load it anew.
    """

    num_ctx: int | None = None
    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: list[str] = []


class Loading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of ``POST /api/generate`` that only loads a model."""

    model: str
    options: Options = Options()
    keep_alive: str | None = None
    stream: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of ``POST /api/chat``; what is not set is not sent.

    ``truncate`` false: a prompt that does not fit is refused; else the server drops
    its oldest messages and says nothing. ``shift`` false: an answer ends where the
    context does; else the server forgets the prompt's head to go on (both 0.12.6).
    ``format`` is ``"json"`` or a JSON schema, ``keep_alive`` a duration as Go writes
    it, such as ``"30m"``. Tools are as in Chat Completions.
    """

    model: str
    messages: list[Message]
    tools: list[FunctionTool] = []
    format: str | dict[str, Any] | None = None
    options: Options = Options()
    think: bool | str | None = None
    keep_alive: str | None = None
    truncate: bool | None = None
    shift: bool | None = None
    stream: bool | None = None
