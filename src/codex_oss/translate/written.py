"""The forms in which models write tool calls into text, one function each.

Each function reads a text from its first to its last character and returns the calls,
as they were written, or raises ``UnreadableError``. Sources of the forms: the chat
templates of the model families named in the docstrings.
"""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from codex_oss.translate import lenient
from codex_oss.translate.lenient import UnreadableError


class Written(msgspec.Struct, frozen=True):
    """A call as the model wrote it: ``arguments`` is text of any form."""

    name: str
    arguments: str


Form = Callable[[str], list[Written]]

PYTHONIC_LIMIT = 100_000
"""Characters of Python that are parsed; its parser is recursive."""

BAR = "\uff5c"
"""The fullwidth bar of DeepSeek's special tokens."""

# --- JSON --------------------------------------------------------------------------

_NAMES = ("name", "tool", "tool_name", "function", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "params")
_NESTED = ("tool_calls", "tool_call", "function_call", "function")
_CALL_KEYS = frozenset((*_NAMES, *_ARGUMENTS, *_NESTED, "id", "type", "index"))


def json_calls(text: str) -> list[Written]:
    """Read JSON objects or lists of them, one after the other."""
    calls: list[Written] = []
    rest = text
    while rest:
        value, rest = _value(rest)
        calls += _calls_in(value)
        rest = rest.lstrip(" \t\r\n;,")
    return calls


def _value(text: str) -> tuple[Any, str]:
    value, end = lenient.read(text)
    return value, text[end:]


def _calls_in(value: object) -> list[Written]:
    match value:
        case list():
            items = cast("list[object]", value)
            return [call for item in items for call in _calls_in(item)]
        case dict():
            return _calls_in_object(cast("dict[str, Any]", value))
        case _:
            raise UnreadableError("not a call")


def _calls_in_object(value: dict[str, Any]) -> list[Written]:
    if not value.keys() <= _CALL_KEYS:
        raise UnreadableError("an object that is more than a call")
    nested = next(
        (value[k] for k in _NESTED if isinstance(value.get(k), dict | list)), 0
    )
    if nested:
        return _calls_in(nested)
    name = next((value[k] for k in _NAMES if isinstance(value.get(k), str)), "")
    for key in _ARGUMENTS:
        if key in value:
            return [Written(name, _text_of(value[key]))]
    raise UnreadableError("a call without arguments")


def _text_of(arguments: object) -> str:
    match arguments:
        case str():
            return arguments
        case None:
            return ""
        case _:
            return msgspec.json.encode(arguments).decode()


# --- <tool_call>: Hermes, Qwen, GLM ------------------------------------------------

_OPENED, _CLOSED = "<tool_call>", "</tool_call>"


def tool_call_tags(text: str) -> list[Written]:
    """Read ``<tool_call>`` blocks and bare ``<function=``; tags may be missing.

    Inside stands JSON (Hermes, Qwen 2.5 and 3), ``<function=name>`` with
    ``<parameter=key>`` (Qwen3-Coder), or a name with ``<arg_key>`` (GLM-4.5).
    """
    calls: list[Written] = []
    rest = text
    while rest:
        rest = rest.removeprefix(_OPENED).lstrip()
        if rest.startswith(("{", "[")):
            found, rest = _tagged_json(rest)
            calls += found
        else:
            read = _function if rest.startswith(_FUNCTION) else _arg_keys
            call, rest = read(rest)
            calls.append(call)
        rest = rest.lstrip().removeprefix(_CLOSED).lstrip()
    return calls


def _tagged_json(text: str) -> tuple[list[Written], str]:
    try:
        value, rest = _value(text)
    except UnreadableError:  # the object's last brace may be missing
        inside, tag, rest = text.partition(_CLOSED)
        if not tag:
            raise
        value, left = _value(inside)
        if left.strip():
            raise
    return _calls_in(value), rest.lstrip(" \t\r\n}]")


_FUNCTION, _PARAMETER = "<function=", "<parameter="


def _function(text: str) -> tuple[Written, str]:
    name, rest = _tag_value(text, _FUNCTION)
    fields: dict[str, str] = {}
    while (rest := rest.lstrip()).startswith(_PARAMETER):
        key, rest = _tag_value(rest, _PARAMETER)
        end = _first_of(rest, ("</parameter>", "\n" + _PARAMETER, "</function>"))
        fields[key] = rest[:end].removeprefix("\n").removesuffix("\n")
        rest = rest[end:].removeprefix("</parameter>")
    if not rest or rest.startswith(("</function>", _CLOSED)):
        return Written(name, _text_of(fields)), rest.removeprefix("</function>")
    raise UnreadableError("text inside of <function=")


def _tag_value(text: str, tag: str) -> tuple[str, str]:
    value, closed, rest = text.removeprefix(tag).partition(">")
    if not closed:
        raise UnreadableError(f"{tag} without its end")
    return value.strip(" \"'"), rest


def _first_of(text: str, tags: tuple[str, ...]) -> int:
    ends = [end for tag in tags if (end := text.find(tag)) >= 0]
    if not ends:
        raise UnreadableError("a value that is cut off")
    return min(ends)


def _arg_keys(text: str) -> tuple[Written, str]:
    end = min(_first_of(text + _CLOSED, ("<", "\n")), len(text))
    name, rest = text[:end].strip(), text[end:].lstrip()
    if not name:
        raise UnreadableError("a call without a name")
    fields: dict[str, str] = {}
    while rest.startswith("<arg_key>"):
        key, rest = _enclosed(rest, "<arg_key>", "</arg_key>")
        fields[key.strip()], rest = _enclosed(rest, "<arg_value>", "</arg_value>")
    return Written(name, _text_of(fields)), rest


def _enclosed(text: str, opener: str, closer: str) -> tuple[str, str]:
    """Return what stands between the tags, and what follows them."""
    inside, closed, rest = text.removeprefix(opener).partition(closer)
    if not closed or not text.startswith(opener):
        raise UnreadableError(f"no {opener}…{closer}")
    return inside, rest.lstrip()


# --- <invoke>: DeepSeek V3.2, MiniMax ----------------------------------------------

_INVOKE, _NAMED = '<invoke name="', '<parameter name="'
_INVOKE_WRAPPERS = ("function_calls>", "tool_calls>", "minimax:tool_call>")


def invoke_tags(text: str) -> list[Written]:
    """Read ``<invoke name="…"><parameter name="…">`` blocks, with or without DSML."""
    rest = text.replace(f"{BAR}DSML{BAR}", "").replace("|DSML|", "")
    calls: list[Written] = []
    while rest := _without_any(rest, _INVOKE_WRAPPERS):
        if not rest.startswith(_INVOKE):
            raise UnreadableError("text beside <invoke>")
        call, rest = _invoke(rest)
        calls.append(call)
    return calls


def _without_any(text: str, tags: tuple[str, ...]) -> str:
    rest = text.strip()
    for tag in tags:
        rest = rest.removeprefix(f"<{tag}").removeprefix(f"</{tag}").lstrip()
    return rest


def _invoke(text: str) -> tuple[Written, str]:
    name, rest = _enclosed(text, _INVOKE, '"')
    rest = rest.removeprefix(">").lstrip()
    fields: dict[str, str] = {}
    while rest.startswith(_NAMED):
        key, rest = _enclosed(rest, _NAMED, '"')
        _, closed, rest = rest.partition(">")
        value, ended, rest = rest.partition("</parameter>")
        if not closed or not ended:
            raise UnreadableError("a parameter that is cut off")
        fields[key], rest = value, rest.lstrip()
    if rest and not rest.startswith("</invoke>"):
        raise UnreadableError("text inside of <invoke>")
    return Written(name, _text_of(fields)), rest.removeprefix("</invoke>")


# --- special tokens: Mistral, Llama, Harmony, DeepSeek, Kimi -----------------------

_TOOL_CALLS = "[TOOL_CALLS]"


def mistral_calls(text: str) -> list[Written]:
    """Read ``[TOOL_CALLS][{…}]`` and ``[TOOL_CALLS]name[ARGS]{…}``."""
    calls: list[Written] = []
    rest = text.strip().removesuffix("</s>").rstrip()
    while rest:
        rest = rest.removeprefix(_TOOL_CALLS).lstrip()
        if rest.startswith(("[", "{")):
            value, rest = _value(rest)
            calls += _calls_in(value)
        else:
            start = _first_of(rest, ("{",))
            name = rest[:start].partition("[")[0].strip()
            value, rest = _value(rest[start:])
            calls.append(Written(name, _text_of(value)))
        rest = rest.lstrip()
    return calls


def python_tag_calls(text: str) -> list[Written]:
    """Read Llama's ``<|python_tag|>`` with JSON or a Python call behind it."""
    inside = text.removeprefix("<|python_tag|>").strip()
    for end in ("<|eom_id|>", "<|eot_id|>"):
        inside = inside.removesuffix(end).rstrip()
    return json_calls(inside) if inside.startswith("{") else pythonic_calls(inside)


def harmony_calls(text: str) -> list[Written]:
    """Read Harmony messages to a tool (gpt-oss)."""
    calls: list[Written] = []
    rest = text
    while rest:
        header, said, rest = rest.partition("<|message|>")
        _, addressed, recipient = header.partition("to=")
        if not (said and addressed and header.startswith(("<|start|>", "<|channel|>"))):
            raise UnreadableError("a message to nobody")
        name = recipient.partition("<|")[0].split()
        body, _, rest = rest.partition("<|call|>")
        calls.append(Written("".join(name[:1]), body.strip()))
        rest = rest.lstrip()
    return calls


_DEEPSEEK_ENDS = (f"<{BAR}tool▁calls▁end{BAR}>", f"<{BAR}end▁of▁sentence{BAR}>")
_KIMI_ENDS = ("<|tool_calls_section_end|>", "<|im_end|>")


def deepseek_calls(text: str) -> list[Written]:
    """Read the tokens of DeepSeek V3 and R1 (with a type and a fence) and of V3.1."""
    rest = _without_ends(text, _DEEPSEEK_ENDS)
    rest = rest.removeprefix(f"<{BAR}tool▁calls▁begin{BAR}>")
    calls: list[Written] = []
    for block in _blocks(
        rest, f"<{BAR}tool▁call▁begin{BAR}>", f"<{BAR}tool▁call▁end{BAR}>"
    ):
        name, _, body = block.partition(f"<{BAR}tool▁sep{BAR}>")
        if not body.lstrip().startswith("{"):
            name, _, body = body.partition("\n")
        calls.append(Written(name.strip(), body.strip()))
    return calls


def kimi_calls(text: str) -> list[Written]:
    """Read the tokens of Kimi K2, whose names are ``functions.name:0``."""
    rest = _without_ends(text, _KIMI_ENDS)
    rest = rest.removeprefix("<|tool_calls_section_begin|>")
    calls: list[Written] = []
    for block in _blocks(rest, "<|tool_call_begin|>", "<|tool_call_end|>"):
        name, _, body = block.partition("<|tool_call_argument_begin|>")
        calls.append(Written(name.strip().partition(":")[0], body.strip()))
    return calls


def _without_ends(text: str, ends: tuple[str, ...]) -> str:
    for end in reversed(ends):
        text = text.rstrip().removesuffix(end)
    return text.strip()


def _blocks(text: str, opener: str, closer: str) -> list[str]:
    found: list[str] = []
    rest = text.strip()
    while rest:
        if not rest.startswith(opener):
            raise UnreadableError(f"text beside {opener}")
        block, _, rest = rest.removeprefix(opener).partition(closer)
        found.append(block)
        rest = rest.lstrip()
    return found


# --- Python ------------------------------------------------------------------------


def pythonic_calls(text: str) -> list[Written]:
    """Read ``[name(key="value"), …]`` of literals (Llama 3.2 and 4, Gemma)."""
    import ast  # noqa: PLC0415  only for an answer that looks like it
    import warnings  # noqa: PLC0415

    if len(text) > PYTHONIC_LIMIT:
        raise UnreadableError("too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" and the like
            parsed = ast.parse(text.strip(), mode="eval").body
        nodes = parsed.elts if isinstance(parsed, ast.List) else [parsed]
        return [_python_call(node) for node in nodes]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError("not calls of literals") from error


def _python_call(node: Any) -> Written:
    import ast  # noqa: PLC0415  as above

    if not isinstance(node, ast.Call):
        raise UnreadableError("not a call")
    name = ast.unparse(node.func)
    match node.args, node.keywords:
        case [ast.Constant(value=str() as only)], []:
            return Written(name, _text_of(only))
        case [], keywords if all(each.arg for each in keywords):
            fields = {str(k.arg): ast.literal_eval(k.value) for k in keywords}
            return Written(name, msgspec.json.encode(fields).decode())
        case _:
            raise UnreadableError("arguments without names")
