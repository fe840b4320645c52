"""A request's tools as Chat Completions functions, and the way back from their names.

Chat Completions has no namespaces and no freeform tools. So ``echo`` in the namespace
``mcp__demo`` is offered as ``mcp__demo__echo``, a freeform tool as a function with one
text argument, ``input``, and a client's search for tools as ``tool_search``. Calls are
taken back by the request's own list: an underscore in a name means nothing by itself.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Literal, Self, cast

import msgspec
from msgspec import UNSET, UnsetType

from codex_oss.items import AdditionalTools, ToolSearchOutput
from codex_oss.wire import chat, responses

NAME_LIMIT = 64
"""Characters of a function's name; OpenAI's limit, which others share."""

INPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "input": {"type": "string", "description": "The tool's input as plain text."}
    },
    "required": ["input"],
    "additionalProperties": False,
}
"""The arguments of a freeform tool that is offered as a function."""

SEARCH = "tool_search"
"""The function by which the model searches for tools."""
SEARCH_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "What the tool is to do."},
        "limit": {"type": "number", "description": "How many tools to find."},
    },
    "required": ["query"],
    "additionalProperties": False,
}
"""The arguments of a search, where the client names none."""
TOP_LEVEL = "functions"
"""The namespace that is none: Codex accepts a call without it."""

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


class Target(msgspec.Struct, frozen=True):
    """The tool that a function stands for.

    ``kind`` is that of the call's item; ``schema`` is of the function as offered.
    """

    name: str
    namespace: str | None = None
    kind: Literal["function", "custom", "search"] = "function"
    schema: dict[str, Any] | None = None


def brought(request: responses.Request) -> list[responses.Tool]:
    """Return the tools that a client offers, or has found, in its conversation.

    Found ones stand last: the list only ever grows at its end.
    """
    offered = [i for i in request.input if isinstance(i, AdditionalTools)]
    found = [i for i in request.input if isinstance(i, ToolSearchOutput)]
    if not offered and not found:
        return []
    return [
        responses.tool_from(tool) for item in (*offered, *found) for tool in item.tools
    ]


class ToolMap:
    """The tools of one request under the names that the model gets to see.

    The same list gives the same names, and a tool that comes again is one; tools that
    only OpenAI's servers can run, such as ``web_search``, are left out.
    """

    @classmethod
    def of(cls, request: responses.Request) -> Self:
        """Return all tools of a request: also those that its conversation brought.

        They stand behind the others in the order of their coming.
        """
        return cls([*(request.tools or []), *brought(request)])

    def __init__(self, tools: Iterable[responses.Tool] | UnsetType = UNSET) -> None:
        self._targets: dict[str, Target] = {}
        self._functions: list[chat.FunctionTool] = []
        self._by_tool: dict[tuple[str | None, str], str] = {}
        self._bare: dict[str, list[Target]] = {}
        self._schemas: dict[str, dict[str, Any] | None] = {}
        for tool in tools or []:
            match tool:
                case responses.FunctionTool() | responses.CustomTool():
                    self._add(tool, None)
                case responses.NamespaceTool():
                    for each in tool.tools:
                        self._add(each, _namespace(tool.name))
                case responses.ToolSearchTool(execution="client"):
                    self._add_search(tool)
                case _:
                    pass

    def _add(
        self,
        tool: responses.FunctionTool | responses.CustomTool,
        namespace: str | None,
    ) -> None:
        if isinstance(tool, responses.CustomTool):
            target = Target(tool.name, namespace, "custom", INPUT_SCHEMA)
        else:
            schema = tool.parameters or _NO_ARGUMENTS
            target = Target(tool.name, namespace, "function", schema)
        self._offer(target, _description(tool))

    def _add_search(self, tool: responses.ToolSearchTool) -> None:
        target = Target(SEARCH, None, "search", tool.parameters or SEARCH_SCHEMA)
        self._offer(target, tool.description or None)

    def _offer(self, target: Target, description: str | None) -> None:
        key = (target.namespace, target.name)
        if key in self._by_tool:
            return
        name = _free_name(_flat(*key), self._targets)
        function = chat.Function(
            name=name, description=description, parameters=target.schema or {}
        )
        self._enter(target, chat.FunctionTool(function))

    def _enter(self, target: Target, tool: chat.FunctionTool) -> None:
        name = tool.function.name
        self._targets[name] = target
        self._schemas[name] = target.schema
        self._by_tool[target.namespace, target.name] = name
        self._bare.setdefault(target.name, []).append(target)
        self._functions.append(tool)

    def only(self, wanted: Callable[[Target], bool]) -> Self:
        """Return the tools that are wanted, under the names that they have here."""
        some = type(self)()
        for tool in self._functions:
            target = self._targets[tool.function.name]
            if wanted(target):
                some._enter(target, tool)  # noqa: SLF001  of the same class
        return some

    @property
    def schemas(self) -> Mapping[str, dict[str, Any] | None]:
        """The functions' names in the order of the request, with their arguments."""
        return self._schemas

    def chat_tools(self, *, bounds: bool = True) -> list[chat.FunctionTool]:
        """Return the functions to offer, in the order of the request.

        Without ``bounds``, their schemas have no lengths, sizes and patterns.
        """
        if bounds:
            return self._functions
        return [_unbounded(tool) for tool in self._functions]

    def chat_name(self, name: str, namespace: str | UnsetType | None = None) -> str:
        """Return the function's name for a tool, also for one that is not offered."""
        key = (_namespace(namespace), name)
        return self._by_tool.get(key) or _flat(*key)

    def resolve(self, chat_name: str) -> Target | None:
        """Return the tool that the model means.

        A namespaced tool may also be called by its own name, when only one has it.
        """
        if target := self._targets.get(chat_name):
            return target
        meant = self._bare.get(chat_name, [])
        return meant[0] if len(meant) == 1 else None


def _namespace(name: str | UnsetType | None) -> str | None:
    return None if name == TOP_LEVEL else name or None


def _flat(namespace: str | None, name: str) -> str:
    """Return both names as one of at most ``NAME_LIMIT`` characters a-z A-Z 0-9 _ -.

    What is too long loses its head: the tool's own name stands at the end.
    """
    joined = f"{namespace}__{name}" if namespace else name
    plain = (c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in joined)
    return "".join(plain)[-NAME_LIMIT:]


def _free_name(name: str, taken: Container[str]) -> str:
    """Return ``name``, with a number at its end when it is taken."""
    free, number = name, 1
    while free in taken:
        number += 1
        tail = f"_{number}"
        free = name[: NAME_LIMIT - len(tail)] + tail
    return free


def _description(tool: responses.FunctionTool | responses.CustomTool) -> str | None:
    """Return the tool's description, with the grammar of a freeform tool's input."""
    if isinstance(tool, responses.FunctionTool) or not tool.format:
        return tool.description
    grammar = tool.format.get("definition")
    if not isinstance(grammar, str):
        return tool.description
    syntax = tool.format.get("syntax", "")
    told = f"The input follows this {syntax} grammar:\n{grammar}"
    return f"{tool.description}\n\n{told}" if tool.description else told


# --- schemas -----------------------------------------------------------------------

_BOUNDS = frozenset(
    ("minLength", "maxLength", "minItems", "maxItems", "pattern", "format")
)
_BY_NAME = frozenset(("properties", "patternProperties", "$defs", "definitions"))
_VALUES = frozenset(("enum", "const", "default", "examples"))


def _unbounded(tool: chat.FunctionTool) -> chat.FunctionTool:
    function = tool.function
    schema = _without_bounds(function.parameters)
    return chat.FunctionTool(msgspec.structs.replace(function, parameters=schema))


def _without_bounds(schema: Any) -> Any:
    """Return a JSON schema without what servers' grammars cannot express."""
    match schema:
        case list():
            return [_without_bounds(each) for each in cast("list[Any]", schema)]
        case dict():
            pairs = cast("dict[str, Any]", schema).items()
            return {k: _kept(k, v) for k, v in pairs if k not in _BOUNDS}
        case _:
            return schema


def _kept(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _BY_NAME and isinstance(value, dict):  # names may look like keywords
        named = cast("dict[str, Any]", value).items()
        return {name: _without_bounds(schema) for name, schema in named}
    return _without_bounds(value)
