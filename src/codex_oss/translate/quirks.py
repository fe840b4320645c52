"""Differences of servers and models, as data.

The translators read flags, never names. A new difference is one row in ``QUIRKS``
and, where nothing reads it yet, one flag. Later rows win.
"""

from typing import Any, Literal

import msgspec

from codex_oss.translate.thinking import UNKNOWN, Thinking, thinking_of


class Mending(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about calls that are not as their tools want them."""

    repair: bool = True
    """Names and arguments are mended where only one thing can be meant."""
    text_calls: bool = True
    """A text that is a call is made one."""
    emulate: bool = False
    """Well-known tools that are not offered are played by ``exec_command``."""
    ask_again: bool = False
    """A call beyond mending is kept back: the model is to be asked once more."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """What one server with one model needs; the defaults suit a server we know not."""

    tool_mode: Literal["native", "constrained"] = "native"
    """``native`` sends the tools; ``constrained`` writes them into the prompt and
    holds the answer to a JSON schema, for models whose template knows no tools."""
    developer_role: bool = False
    """The instructions go out as ``developer``, not ``system``."""
    late_system: Literal["system", "user"] = "user"
    """The role of instructions that come in the middle of a conversation. ``user``
    suits the templates that allow a system message only at the beginning."""
    alternate: bool = False
    """The template allows no two user messages in a row: they become one."""
    reasoning_back: Literal["reasoning_content", "reasoning"] | None = None
    """The field in which the model gets its own reasoning back."""
    think_opened: bool = False
    """The template opens ``<think>`` itself, and the server leaves it in the text."""
    images: bool = True
    """The model can see; for others, a note stands in each image's place."""
    arguments_as_object: bool = False
    """Arguments in the history are JSON objects, not text."""
    parallel_tool_calls: bool = False
    """``parallel_tool_calls`` is sent."""
    stream_usage: bool = True
    """Token counts must be asked for with ``stream_options``."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name of the limit on the answer's tokens."""
    efforts: tuple[str, ...] = ("low", "medium", "high")
    """The values of ``reasoning_effort`` that the server takes; none: not sent."""
    format_with_tools: bool = False
    """The model can still call tools when its answer is held to a schema. Elsewhere
    the grammar forbids calls: with tools, the schema goes into the instructions."""
    schema_bounds: bool = True
    """Lengths and patterns in tools' schemas are sent."""
    switch: Literal["server", "template", "prompt"] = "prompt"
    """What turns a model's thoughts on and off: the ``server`` itself, which knows its
    models; variables of the chat ``template``, which it passes on; nothing but words in
    the ``prompt``, besides the effort."""
    thinking: Thinking = UNKNOWN
    """How the model thinks; no row changes it, its name says it."""
    extra: dict[str, Any] = {}
    """Fields of the server's own."""
    mending: Mending = Mending()
    """How far calls are mended; no row changes it, the person may."""


Row = tuple[str, str, dict[str, Any]]

_ALL_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

QUIRKS: tuple[Row, ...] = (
    # OpenAI's newer models know ``developer`` and refuse ``max_tokens``.
    (
        "openai",
        "",
        {
            "developer_role": True,
            "late_system": "system",
            "parallel_tool_calls": True,
            "max_tokens_field": "max_completion_tokens",
            "efforts": ("none", "minimal", "low", "medium", "high", "xhigh"),
            "switch": "server",
            "format_with_tools": True,
        },
    ),
    # llama.cpp b11434: ``return_progress`` tells how far the prompt is read, which can
    # take minutes; ``reasoning_effort`` "none" turns thinking off; its grammars fail on
    # large ``maxLength`` and on some patterns (ggml-org/llama.cpp#26596, #25895).
    (
        "llamacpp",
        "",
        {
            "reasoning_back": "reasoning_content",
            "parallel_tool_calls": True,
            "efforts": ("none", "low", "medium", "high"),
            "switch": "template",
            "schema_bounds": False,
            "extra": {
                "cache_prompt": True,
                "return_progress": True,
                "timings_per_token": False,
            },
        },
    ),
    # Ollama 0.33: names the reasoning ``reasoning`` both ways; ignores
    # ``max_completion_tokens`` and ``parallel_tool_calls``. Its own templates can keep
    # even DeepSeek-R1 from thinking, but not gpt-oss.
    (
        "ollama",
        "",
        {
            "reasoning_back": "reasoning",
            "efforts": ("none", "low", "medium", "high", "max"),
            "switch": "server",
        },
    ),
    # LM Studio 0.4: ``reasoning_content``, unless its developer settings say otherwise.
    # Since 0.3.23 that of gpt-oss is ``reasoning`` whatever the settings say. It passes
    # no variables on to templates; 0.4.17 turns thoughts off for the effort "none".
    (
        "lmstudio",
        "",
        {
            "reasoning_back": "reasoning_content",
            "efforts": ("none", "low", "medium", "high"),
        },
    ),
    ("lmstudio", "gpt-oss", {"reasoning_back": "reasoning"}),
    # vLLM 0.33 reads ``reasoning``; older ones ``reasoning_content``. Its request has
    # these efforts; since May 2026, "none" sets ``enable_thinking`` to false.
    (
        "vllm",
        "",
        {
            "reasoning_back": "reasoning",
            "parallel_tool_calls": True,
            "efforts": _ALL_EFFORTS,
            "switch": "template",
        },
    ),
    # SGLang 0.5.23: the same efforts.
    (
        "sglang",
        "",
        {
            "reasoning_back": "reasoning_content",
            "parallel_tool_calls": True,
            "efforts": _ALL_EFFORTS,
            "switch": "template",
        },
    ),
    # Templates that raise unless user and assistant take turns. Ollama has templates
    # of its own, which do not.
    *(
        (server, model, {"alternate": True})
        for server in ("llamacpp", "lmstudio", "vllm", "sglang", "unknown")
        for model in ("mistral", "devstral", "gemma-2", "gemma-3", "gemma3")
    ),
    # Models that always think: the template ends with ``<think>``, so the answer holds
    # the closing tag only. vLLM, SGLang and others take it out if they were started
    # with a reasoning parser, and then nothing of this applies.
    *(
        (server, model, {"think_opened": True})
        for server in ("lmstudio", "vllm", "sglang", "unknown")
        for model in ("deepseek-r1", "qwq", "qwen3 thinking")
    ),
)
"""Server kind, words that must all stand in the model's name, flags."""


def quirks_for(server: str, model: str) -> Quirks:
    """Return the flags for a model on a kind of server.

    Kinds: openai, llamacpp, ollama, lmstudio, vllm, sglang; any other is "unknown".
    """
    kind = server if server in {row[0] for row in QUIRKS} else "unknown"
    name = model.lower()
    flags: dict[str, Any] = {"thinking": thinking_of(model)}
    for row_kind, words, changes in QUIRKS:
        if row_kind == kind and all(word in name for word in words.split()):
            flags |= changes
    return Quirks(**flags)
