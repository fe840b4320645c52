"""Chunks of Chat Completions, and the items that should follow from them."""

import json
from collections.abc import Callable
from typing import Any

from codex_oss.items import (
    FunctionCall,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    SummaryText,
)
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses
from response_grammar import check_grammar

EXEC = responses.FunctionTool(
    name="exec_command",
    parameters={
        "type": "object",
        "properties": {"cmd": {"type": "string"}},
        "required": ["cmd"],
    },
)
ECHO = responses.FunctionTool(name="echo", parameters={"type": "object"})
TOOLS: list[responses.Tool] = [
    EXEC,
    responses.NamespaceTool(name="mcp__demo", tools=[ECHO]),
    responses.CustomTool(name="apply_patch"),
    responses.ToolSearchTool(execution="client"),
]
SCHEMAS = {tool.name: tool.parameters for tool in (EXEC, ECHO)}
PLAIN = Quirks()
LS = '{"cmd": "ls"}'
PWD = '{"cmd": "pwd"}'


def ids() -> Callable[[str], str]:
    """Return a maker of ids that counts."""
    numbers = iter(range(1, 10_000))
    return lambda prefix: f"{prefix}{next(numbers)}"


def translator(quirks: Quirks = PLAIN, **fields: Any) -> Translator:
    """Return a translator for a request with TOOLS."""
    given: dict[str, Any] = {"model": "m", "input": [], "tools": TOOLS} | fields
    request = responses.Request(**given)
    tools = ToolMap(request.tools)
    return Translator(request, tools, quirks, new_id=ids(), created_at=7)


def delta(reason: str | None = None, **said: Any) -> dict[str, Any]:
    """Return a chunk with one delta."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": reason}]}


def text(*pieces: str) -> list[dict[str, Any]]:
    """Return a chunk for each piece of text."""
    return [delta(content=piece) for piece in pieces]


def call(
    arguments: Any = None,
    *,
    name: str | None = None,
    index: int | None = 0,
    **more: Any,
) -> dict[str, Any]:
    """Return a chunk with a piece of a call."""
    function = {"name": name, "arguments": arguments}
    shape = {"index": index, "type": "function", "function": function, **more}
    return delta(tool_calls=[shape])


def run(
    *chunks: dict[str, Any],
    reason: str | None = "stop",
    quirks: Quirks = PLAIN,
    **fields: Any,
) -> list[responses.Event]:
    """Translate chunks and their end; check the grammar of the events."""
    subject = translator(quirks, **fields)
    events: list[responses.Event] = []
    for body in (*chunks, *([delta(reason)] if reason else [])):
        chunk = chat.decode_chunk(json.dumps(body))
        events += subject.feed(chunk) if chunk else []
    events += subject.finish(clean=True)
    check_grammar(events, SCHEMAS)
    return events


# --- items as they should be -------------------------------------------------------


def message(item_id: str, said: str, status: str = "completed") -> Message:
    """Return a message of the model."""
    return Message(
        role="assistant", content=[OutputText(text=said)], id=item_id, status=status
    )


def reasoning(item_id: str, thought: str) -> Reasoning:
    """Return reasoning, in both its forms."""
    return Reasoning(
        id=item_id,
        summary=[SummaryText(text=thought)],
        content=[ReasoningText(text=thought)],
        status="completed",
    )


def function_call(
    number: int, arguments: str, call_id: str, name: str = "exec_command", **more: Any
) -> FunctionCall:
    """Return a call that is whole."""
    return FunctionCall(
        id=f"fc_{number}",
        call_id=call_id,
        name=name,
        arguments=arguments,
        status="completed",
        **more,
    )
