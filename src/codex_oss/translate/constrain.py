"""Tools for models whose chat template knows none.

The tools stand in the instructions, a JSON schema holds the reply to a call or an
answer, and earlier calls go back as such replies, their outputs as the user's words.
The wording is measured on SmolLM2-135M, the smallest model that is to work: see
``bench/constrained_calls.py``.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from codex_oss.translate.repair import sample, types_of_schema
from codex_oss.translate.reply import (
    AnswerText,
    CallArguments,
    CallClosed,
    CallOpened,
    Piece,
    ReplyDecoder,
)
from codex_oss.wire.json_text import NOT_JSON

__all__ = [
    "AnswerText",
    "CallArguments",
    "CallClosed",
    "CallOpened",
    "Offered",
    "Piece",
    "ReplyDecoder",
    "prompt",
    "render_call",
    "render_output",
    "schema",
]

TEXT_LENGTH = 1900
"""Characters of a string that the schema lets through: llama.cpp refuses grammars that
repeat a rule more than 2000 times (ggml-org/llama.cpp#26596)."""
LIST_LENGTH = 16
"""Entries of a list that the schema lets through."""
MAX_DEPTH = 3
"""Levels of nested objects and lists that the schema describes."""
SENTENCE_LENGTH = 72
"""Characters of a tool's description that the model reads."""
LISTED_LINES = 50
"""Lines of an output that are shown as a list, when each is a single word."""


class Offered(msgspec.Struct, frozen=True):
    """A tool that the model may call; ``schema`` is that of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


def _load() -> tuple[str, str]:
    """Return the instructions and the form of an output from ``constrain.md``."""
    loader: Any = __loader__  # reads from a folder and from a zip, without an import
    text = loader.get_data(__file__.removesuffix("py") + "md").decode()
    instructions, _, output = text.partition("\n---\n")
    return instructions.strip(), output.strip()


_PROMPT, _OUTPUT = _load()

# --- instructions ------------------------------------------------------------------

_EXAMPLES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "exec_command": (
        ("list files", {"cmd": "ls"}),
        ("list python files", {"cmd": "ls *.py"}),
        ("read a file", {"cmd": "cat FILE"}),
    ),
}


def prompt(tools: Sequence[Offered]) -> str:
    """Return what the instructions say about the tools and the form of a reply."""
    lines = "\n".join(map(_line, tools))
    examples = "\n".join(_examples(tools))
    return _PROMPT.replace("{tools}", lines).replace("{examples}", examples)


def _line(tool: Offered) -> str:
    """Return ``name(key: type, optional?: type) - First sentence.``."""
    required = _required(tool)
    shown = ", ".join(
        f"{key}{'' if key in required else '?'}: {_type(field)}"
        for key, field in _shown(tool).items()
    )
    sentence = _first_sentence(tool.description)
    return f"{tool.name}({shown}) - {sentence}" if sentence else f"{tool.name}({shown})"


def _examples(tools: Sequence[Offered]) -> Iterator[str]:
    known = [tool for tool in tools if tool.name in _EXAMPLES]
    for tool in known:
        for task, arguments in _EXAMPLES[tool.name]:
            yield f"To {task}:\n{_call(tool.name, arguments)}"
    if tools and not known:
        tool = tools[0]
        yield f"To call a tool:\n{_call(tool.name, sample(tool.schema))}"


def _first_sentence(description: str) -> str:
    line = description.strip().partition("\n")[0]
    sentence, stop, _ = line.partition(". ")
    sentence += stop.strip()
    if len(sentence) <= SENTENCE_LENGTH:
        return sentence
    return sentence[:SENTENCE_LENGTH].rpartition(" ")[0].rstrip(",;:") + "."


def _properties(tool: Offered) -> dict[str, Any]:
    return cast("dict[str, Any]", tool.schema.get("properties") or {})


def _required(tool: Offered) -> list[str]:
    return cast("list[str]", tool.schema.get("required") or [])


def _shown(tool: Offered) -> dict[str, Any]:
    """Return the parameters that the model is told of: it fills in all that it sees.

    So it sees the required ones; where none is, all.
    """
    required, properties = _required(tool), _properties(tool)
    return {k: v for k, v in properties.items() if k in required} or properties


def _type(field: object) -> str:
    return min(types_of_schema(field) - {"null"}, default="string")


# --- the reply's schema ------------------------------------------------------------


def schema(tools: Sequence[Offered]) -> dict[str, Any]:
    """Return the JSON schema of a reply: a call of one of ``tools``, or an answer.

    Without tools it allows an answer only.
    """
    answer = _object({"answer": _TEXT}, ["answer"])
    if not tools:
        return answer
    calls = [
        _object(
            {"tool": {"const": tool.name}, "arguments": _arguments(tool)},
            ["tool", "arguments"],
        )
        for tool in tools
    ]
    return {"anyOf": [*calls, answer]}


_TEXT: dict[str, Any] = {"type": "string", "maxLength": TEXT_LENGTH}


def _object(properties: dict[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _arguments(tool: Offered) -> dict[str, Any]:
    shown = {key: _bounded(field, 1) for key, field in _shown(tool).items()}
    return _object(shown, [key for key in _required(tool) if key in shown])


def _bounded(field: object, depth: int) -> dict[str, Any]:
    """Return a parameter's schema with bounds, without patterns and descriptions."""
    known = cast("dict[str, Any]", field) if isinstance(field, dict) else {}
    for key in ("enum", "const"):
        if key in known:
            return {key: known[key]}
    match _type(known):
        case "array":
            inner: object = known.get("items")
            items = _bounded(inner, depth + 1) if depth < MAX_DEPTH else _TEXT
            return {"type": "array", "items": items, "maxItems": LIST_LENGTH}
        case "object" if known.get("properties") and depth < MAX_DEPTH:
            fields = cast("dict[str, object]", known["properties"])
            kept = {key: _bounded(each, depth + 1) for key, each in fields.items()}
            return _object(kept, known.get("required") or [])
        case "string":
            return _TEXT
        case kind:
            return {"type": kind}


# --- the conversation so far -------------------------------------------------------


def render_call(name: str, arguments: str) -> str:
    """Return an earlier call as the model wrote it; ``arguments`` is JSON text."""
    try:
        given: object = msgspec.json.decode(arguments or "{}")
    except NOT_JSON:
        given = arguments
    return _call(name, given)


def _call(name: str, arguments: object) -> str:
    return msgspec.json.encode({"tool": name, "arguments": arguments}).decode()


_NOT_FOR_THE_MODEL = (
    "Chunk ID:",
    "Wall time:",
    "Process exited with code 0",
    "Original token count:",
    "Exit code: 0",
)


def render_output(name: str, output: str) -> str:
    """Return what the user says about the output of a call.

    A small model repeats what stands at the head, so a command's record goes, unless
    it tells of a failure; a list of names on one line is what it can repeat whole.
    """
    body = _body(output).strip() or f"({name} printed nothing)"
    lines = body.split("\n")
    if len(lines) <= LISTED_LINES and not any(" " in line for line in lines):
        form, body = _OUTPUT.replace("is:\n", "is: "), f"[{', '.join(lines)}]"
    else:
        form = _OUTPUT
    return form.replace("{output}", body)


def _body(output: str) -> str:
    """Return ``output`` without the head that a command's output has."""
    head, line, body = output.partition("Output:\n")
    if not line or not head.startswith(_NOT_FOR_THE_MODEL):
        return output
    told = [
        each for each in head.split("\n") if not each.startswith(_NOT_FOR_THE_MODEL)
    ]
    return "\n".join([*filter(None, told), body])
