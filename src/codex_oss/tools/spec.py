"""What function tools share: the spec that the model gets, the arguments it sends."""

from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import Call, FunctionCall
from codex_oss.wire.json_text import NOT_JSON
from codex_oss.wire.responses import FunctionTool

Arguments = TypeVar("Arguments", bound=msgspec.Struct)


def function_tool(
    name: str, properties: dict[str, dict[str, Any]], *, required: tuple[str, ...]
) -> FunctionTool:
    """Return the spec of a tool; its description is ``<name>.md`` beside this file."""
    path = Path(__file__).with_name(f"{name}.md")
    return FunctionTool(
        name=name,
        description=path.read_text(encoding="utf-8").strip(),
        strict=False,
        parameters={
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        },
    )


def arguments(call: Call, kind: type[Arguments]) -> Arguments:
    """Return the arguments of a call; unknown ones are ignored, no text is ``{}``.

    Numbers and booleans may come as text. Raises ``ToolError``.
    """
    decoded = _decoded(call)
    try:
        return msgspec.convert(decoded, kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ToolError(f"failed to parse function arguments: {error}") from error


def json_arguments(call: Call) -> dict[str, Any]:
    """Return the arguments of a call as the object they are; raises ``ToolError``."""
    decoded = _decoded(call)
    if not isinstance(decoded, dict):
        raise ToolError("failed to parse function arguments: expected an object")
    return cast("dict[str, Any]", decoded)


def _decoded(call: Call) -> object:
    if not isinstance(call, FunctionCall):
        raise ToolError(f"{call.name} is called with JSON arguments, not with text")
    try:
        return msgspec.json.decode(call.arguments or "{}")
    except NOT_JSON as error:
        raise ToolError(f"failed to parse function arguments: {error}") from error
