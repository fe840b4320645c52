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
WRONG = ("unsupported call", "failed to parse function arguments")
"""How a refusal begins when the call itself must be sent differently."""
AGAIN = "This mistake was explained above. Without a right call, answer in words."


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


class Calls:
    """Runs the calls of one turn, and explains each kind of mistake once."""

    def __init__(self, tools: Mapping[str, Tool], scope: Scope) -> None:
        self._tools = tools
        self._scope = scope
        self._explained: set[tuple[str, str]] = set()

    async def run(self, call: Call) -> Output:
        """Run one mended call and return what the model reads, errors included."""
        tool = self._tools.get(call.name)
        namespace = "" if call.namespace is UNSET else call.namespace
        if tool is None or namespace not in TOP_LEVEL:
            return self._unsupported(call, namespace)
        try:
            return await tool.run(call, self._scope)
        except ToolError as error:
            return self._refused(call, str(error))
        except SandboxError as error:
            return Output(error.report(), success=False)

    def _unsupported(self, call: Call, namespace: str) -> Output:
        if isinstance(call, CustomToolCall):
            return Output(f"unsupported custom tool call: {call.name}", success=False)
        return self._refused(call, f"unsupported call: {namespace}{call.name}")

    def _refused(self, call: Call, why: str) -> Output:
        """Say why, and for a call that is wrong in itself what to send instead."""
        shape = (call.name, why.partition(":")[0])
        if isinstance(call, CustomToolCall) or not why.startswith(WRONG):
            return Output(why, success=False)
        if shape in self._explained:
            return Output(f"{why}\n{AGAIN}", success=False)
        self._explained.add(shape)
        schemas = {name: parameters(tool) for name, tool in self._tools.items()}
        right = repair.explain(call.name, call.arguments, schemas)
        return Output(f"{why}\n{right}", success=False)


def output_item(call: Call, output: Output) -> CallOutput:
    """Return the item that answers ``call``."""
    match call:
        case FunctionCall():
            return FunctionCallOutput(call_id=call.call_id, output=output.content)
        case CustomToolCall():
            return CustomToolCallOutput(call_id=call.call_id, output=output.content)
