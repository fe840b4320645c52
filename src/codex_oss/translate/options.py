"""A request's options, as Chat Completions and its servers have them."""

from typing import Any, TypeVar, cast

from msgspec import UNSET, UnsetType

from codex_oss.translate import constrain, thinking
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.tools import Target, ToolMap
from codex_oss.wire import responses

_NEAREST_EFFORT = {"minimal": "low", "xhigh": "high", "max": "high"}
_T = TypeVar("_T")


def given(value: _T | None | UnsetType) -> _T | None:
    """Return ``value``, or None when the request does not have it."""
    return None if value is UNSET else value


def parallel_calls(request: responses.Request, quirks: Quirks) -> bool | None:
    """Return whether several calls at once are fine; not all servers are told."""
    return given(request.parallel_tool_calls) if quirks.parallel_tool_calls else None


def effort(
    params: responses.ReasoningParams | None | UnsetType, quirks: Quirks
) -> str | None:
    """Return the asked-for effort, or the nearest that model and server know."""
    asked = (params or responses.ReasoningParams()).effort or None
    levels = quirks.thinking.control == "levels"
    if quirks.switch != "server" or levels:
        asked = thinking.effort_for(quirks.thinking, asked)
    if not asked or asked in quirks.efforts:
        return asked
    if variables(params, quirks):
        return None  # they say it
    nearest = _NEAREST_EFFORT.get(asked)
    return nearest if nearest in quirks.efforts else None


def variables(
    params: responses.ReasoningParams | None | UnsetType, quirks: Quirks
) -> dict[str, Any] | None:
    """Return what the chat template is told of the effort, where it can be."""
    if quirks.switch != "template":
        return None
    asked = (params or responses.ReasoningParams()).effort or None
    return thinking.variables(quirks.thinking, asked)


def silencer(
    params: responses.ReasoningParams | None | UnsetType, quirks: Quirks
) -> str:
    """Return the word that keeps a model from thinking; "" where it may, or none is."""
    if quirks.switch != "prompt":
        return ""
    asked = (params or responses.ReasoningParams()).effort
    return quirks.thinking.silencer if asked in thinking.OFF else ""


def temperature(
    request: responses.Request, tools: ToolMap, quirks: Quirks
) -> float | None:
    """Return how freely the model picks its words.

    Between a call and an answer it is not to pick freely: held to a schema, models
    that know no tools call them best at 0 (``bench/constrained_calls.py``).
    """
    asked = given(request.temperature)
    chooses = quirks.tool_mode == "constrained" and tools.chat_tools()
    return 0.0 if chooses and asked is None else asked


# --- the answer's form -------------------------------------------------------------


def response_format(
    request: responses.Request, tools: ToolMap, quirks: Quirks
) -> dict[str, Any] | None:
    """Return what the answer is held to; plain text is not sent."""
    if quirks.tool_mode == "constrained" and tools.chat_tools():
        allowed = offered_in(callable_in(request.tool_choice, tools))
        reply = {"name": "reply", "strict": True, "schema": constrain.schema(allowed)}
        return {"type": "json_schema", "json_schema": reply}
    if not sends_form(tools, quirks):
        return None
    if form := answer_form(request):
        return {"type": "json_schema", "json_schema": form}
    match request.text and request.text.format:
        case {"type": "json_object"}:
            return {"type": "json_object"}
        case _:
            return None


def sends_form(tools: ToolMap, quirks: Quirks) -> bool:
    """Return whether a schema for the answer leaves the model free to call tools."""
    return quirks.format_with_tools or not tools.chat_tools()


def answer_form(request: responses.Request) -> dict[str, Any] | None:
    """Return name and schema of the answer that is asked for; None for plain text."""
    form = request.text.format if request.text else UNSET
    if not form or form.get("type") != "json_schema":
        return None
    return {key: value for key, value in form.items() if key != "type"}


def offered_in(tools: ToolMap) -> list[constrain.Offered]:
    """Return the tools as ``constrain`` wants them."""
    functions = [tool.function for tool in tools.chat_tools()]
    return [
        constrain.Offered(f.name, f.description or "", f.parameters) for f in functions
    ]


def tool_choice(
    choice: str | dict[str, Any] | UnsetType, tools: ToolMap
) -> str | dict[str, Any] | None:
    """Return whether the model must call; "auto" is what servers do unasked."""
    match choice:
        case "none" | "required":
            return choice
        case {"type": "function" | "custom", "name": str(name)}:
            return {"type": "function", "function": {"name": tools.chat_name(name)}}
        case {"type": "allowed_tools", "mode": str(mode)}:
            return tool_choice(mode, tools)
        case _:
            return None


def callable_in(choice: str | dict[str, Any] | UnsetType, tools: ToolMap) -> ToolMap:
    """Return the tools that may be called: with ``allowed_tools``, those in its list.

    The prompt has all of them all the same, so that it begins as it did before.
    """
    match choice:
        case "none":
            return ToolMap()
        case {"type": "allowed_tools", "tools": list()}:
            entries = cast("list[object]", choice["tools"])
            return tools.only(lambda target: any(_is(target, e) for e in entries))
        case _:
            return tools


def _is(target: Target, entry: object) -> bool:
    """Return whether an entry of ``allowed_tools`` means a tool."""
    match entry:
        case {"type": "namespace", "name": str(name)}:
            return target.namespace == name
        case {"type": "tool_search"}:
            return target.kind == "search"
        case {"namespace": str(namespace), "name": str(name)}:
            return (target.namespace, target.name) == (namespace, name)
        case {"name": str(name)}:
            return target.name == name
        case _:
            return False
