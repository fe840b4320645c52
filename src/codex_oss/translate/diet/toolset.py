"""The tools of a request in few words: Codex's own by table, all others by rule."""

from typing import Any, Literal, cast

import msgspec
from msgspec import UNSET

from codex_oss.translate.diet.known import (
    BY_NAME,
    DROPPED_NAMESPACES,
    NAMESPACES,
    SEARCH,
    Mode,
    Row,
)
from codex_oss.translate.diet.schema import slim_schema
from codex_oss.translate.diet.wording import cut
from codex_oss.wire import responses

SmallLevel = Literal["safe", "aggressive"]
_Plain = responses.FunctionTool | responses.CustomTool


class _Limits(msgspec.Struct, frozen=True):
    """Characters of descriptions that people other than Codex's makers wrote."""

    tool: int
    field: int
    namespace: int


_LIMITS: dict[SmallLevel, _Limits] = {
    "safe": _Limits(tool=400, field=160, namespace=120),
    "aggressive": _Limits(tool=200, field=80, namespace=60),
}


KNOWN_FIELD = 80
"""The same of what is inside parameters of Codex's own tools."""


def slim_tools(
    tools: list[responses.Tool],
    level: SmallLevel,
    *,
    codex: bool,
    modes: frozenset[Mode] = frozenset(),
) -> list[responses.Tool]:
    """Return ``tools`` in few words, in their order, under their names.

    Codex's own tools (``codex``) keep the parameters of their row; some are left out
    under "aggressive". What is of no known type stays as it is.
    """
    cutter = _Cutter(level, codex=codex, modes=modes)
    slim = [cutter.tool(tool) for tool in tools]
    return [tool for tool in slim if tool is not None]


def slim_brought(
    tools: list[dict[str, Any]], level: SmallLevel, *, modes: frozenset[Mode]
) -> list[dict[str, Any]]:
    """Return tools that came in Codex's conversation in few words; none is left out.

    They are JSON, and what is not known of them stays.
    """
    cutter = _Cutter(level, codex=True, modes=modes)
    slim: list[dict[str, Any]] = []
    for given in tools:
        tool = cutter.tool(responses.tool_from(given)) or responses.tool_from(given)
        cut_out = {key: given[key] for key in given if key not in _REWRITTEN}
        slim.append({**cut_out, **msgspec.json.decode(responses.encode(tool))})
    return slim


_REWRITTEN = frozenset(("description", "parameters", "format", "tools"))


class _Cutter:
    def __init__(
        self, level: SmallLevel, *, codex: bool, modes: frozenset[Mode]
    ) -> None:
        self._few = level == "aggressive"
        self._limits = _LIMITS[level]
        self._codex = codex
        self._modes = modes

    def tool(self, tool: responses.Tool) -> responses.Tool | None:
        match tool:
            case responses.FunctionTool() | responses.CustomTool():
                return self._plain(tool, "")
            case responses.NamespaceTool():
                return self._namespace(tool)
            case responses.ToolSearchTool():
                return self._search(tool)
            case _:
                return tool

    def _namespace(
        self, space: responses.NamespaceTool
    ) -> responses.NamespaceTool | None:
        if self._codex and self._few and space.name in DROPPED_NAMESPACES:
            return None
        slim = [self._plain(each, space.name) for each in space.tools]
        kept = [each for each in slim if each is not None]
        if space.tools and not kept:
            return None
        known = NAMESPACES.get(space.name) if self._codex else None
        text = known or _cut(space.description, self._limits.namespace)
        return msgspec.structs.replace(space, tools=kept, description=text)

    def _plain(self, tool: _Plain, namespace: str) -> _Plain | None:
        row = BY_NAME.get((namespace, tool.name)) if self._codex else None
        if row is None or row.text != isinstance(tool, responses.CustomTool):
            return self._unknown(tool)
        if self._few and row.dropped and row.unless not in self._modes:
            return None
        says = (row.brief if self._few else "") or row.says
        if isinstance(tool, responses.FunctionTool):
            parameters = self._parameters(tool, row)
            return msgspec.structs.replace(
                tool, description=says, parameters=parameters
            )
        if self._few:  # the example says what the grammar says
            return msgspec.structs.replace(tool, description=says, format=UNSET)
        return msgspec.structs.replace(tool, description=says)

    def _search(self, tool: responses.ToolSearchTool) -> responses.ToolSearchTool:
        given = tool.description or None
        text = SEARCH if self._codex else _cut(given, self._limits.tool)
        schema = tool.parameters
        if schema:
            schema = slim_schema(schema, self._limits.field)
        return msgspec.structs.replace(tool, description=text, parameters=schema)

    def _unknown(self, tool: _Plain) -> _Plain:
        if isinstance(tool, responses.CustomTool):
            return tool  # nothing but its description tells what it takes
        text = _cut(tool.description, self._limits.tool)
        schema = tool.parameters
        if schema is not None:
            strict = tool.strict is True
            schema = slim_schema(schema, self._limits.field, strict=strict)
        return msgspec.structs.replace(tool, description=text, parameters=schema)

    # --- Codex's own -------------------------------------------------------------

    def _parameters(
        self, tool: responses.FunctionTool, row: Row
    ) -> dict[str, Any] | None:
        if tool.parameters is None:
            return None
        schema = slim_schema(tool.parameters, KNOWN_FIELD)
        fields = cast("dict[str, Any]", schema.get("properties") or {})
        required = cast("list[str]", schema.get("required") or [])
        kept = {
            name: self._field(field, row.keeps.get(name, ""))
            for name, field in fields.items()
            if name in required or self._keeps(row, name)
        }
        return {**schema, "properties": kept}

    def _keeps(self, row: Row, name: str) -> bool:
        mode = row.modes.get(name)
        if mode is not None and mode not in self._modes:
            return False
        return name in (row.few if self._few else row.keeps)

    def _field(self, field: Any, says: str) -> Any:
        if not isinstance(field, dict):
            return field
        schema = cast("dict[str, Any]", field)
        inner: dict[str, Any] = _undescribed(schema) if self._few else {**schema}
        inner.pop("description", None)
        return {**inner, "description": says} if says and not self._few else inner


def _undescribed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return ``schema`` without the descriptions of what is in it."""
    return slim_schema(schema, 0)


def _cut(text: str | None, limit: int) -> str | None:
    return text and cut(text, limit)
