"""One tool call: find the tool, mend the call, run it, answer for its faults."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from codex_oss.errors import SandboxError, ToolError
from codex_oss.items import (
    Call,
    CallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
)
from codex_oss.ports import Output, Scope, Tool
from codex_oss.translate import repair
from codex_oss.wire.responses import CustomTool, FunctionTool

TOP_LEVEL = ("", "functions")
"""Namespaces that mean none: Codex accepts both."""


def mend(call: Call, tools: Mapping[str, Tool]) -> Call:
    """Return the call as it was surely meant, or unchanged.

    Names are mapped onto the tools offered, arguments are made into a JSON object
    that the tool's schema knows. The history keeps the mended call: strict chat
    templates refuse arguments that are not JSON.
    """
    name = call.name
    if name not in tools:
        name = repair.mend_name(name, tools) or name
    if name not in tools or isinstance(call, CustomToolCall):
        return msgspec.structs.replace(call, name=name)
    schema = parameters(tools[name])
    if schema is None:
        return msgspec.structs.replace(call, name=name)
    arguments = repair.mend_arguments(call.arguments, schema)
    return msgspec.structs.replace(
        call, name=name, arguments=call.arguments if arguments is None else arguments
    )


def parameters(tool: Tool) -> dict[str, Any] | None:
    """Return the JSON schema of a function tool; None for a freeform tool."""
    match tool.spec:
        case FunctionTool(parameters=schema):
            return schema or {}
        case CustomTool():
            return None


async def run(call: Call, tools: Mapping[str, Tool], scope: Scope) -> Output:
    """Run one mended call and return what the model reads, errors included."""
    tool = tools.get(call.name)
    namespace = "" if call.namespace is UNSET else call.namespace
    if tool is None or namespace not in TOP_LEVEL:
        return Output(_unsupported(call, namespace, tools), success=False)
    try:
        return await tool.run(call, scope)
    except ToolError as error:
        return Output(_with_example(call, str(error), tools), success=False)
    except SandboxError as error:
        return Output(error.report(), success=False)


def _unsupported(call: Call, namespace: str, tools: Mapping[str, Tool]) -> str:
    if isinstance(call, CustomToolCall):
        return f"unsupported custom tool call: {call.name}"
    head = f"unsupported call: {namespace}{call.name}"
    return _with_example(call, head, tools)


def _with_example(call: Call, head: str, tools: Mapping[str, Tool]) -> str:
    if isinstance(call, CustomToolCall):
        return head
    schemas = {name: parameters(tool) for name, tool in tools.items()}
    return f"{head}\n{repair.explain(call.name, call.arguments, schemas)}"


def output_item(call: Call, output: Output) -> CallOutput:
    """Return the item that answers ``call``."""
    match call:
        case FunctionCall():
            return FunctionCallOutput(call_id=call.call_id, output=output.content)
        case CustomToolCall():
            return CustomToolCallOutput(call_id=call.call_id, output=output.content)
