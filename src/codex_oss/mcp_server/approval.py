"""A question of the policy as Codex asks its client, and what the client may answer.

Source of the shapes: ``codex mcp-server`` 0.148. It takes ``{"decision": …}`` alone;
here the answers of the standard count as well. What is neither is a no.
"""

from typing import Any, assert_never, cast

import msgspec
from msgspec import UNSET, UnsetType

from codex_oss.policy import (
    Answer,
    AnswerServer,
    CallTool,
    Question,
    RunAgain,
    RunCommand,
    WriteFiles,
)
from codex_oss.wire.json_text import NOT_JSON

MAX_ARGUMENTS, MAX_NAME, MAX_VALUE = 32, 100, 400
"""Arguments of a tool's call that a question shows, and characters of each."""
MAX_MESSAGE = 4000
"""Characters of another server's question."""
MAX_FILES = 50
"""Changed files that a question's words name."""
_DECISIONS: dict[str, Answer] = {
    "approved": "yes",
    "approved_for_session": "session",
    "denied": "no",
    "abort": "stop",
}
_ACTIONS: dict[str, Answer] = {"accept": "yes", "decline": "no", "cancel": "stop"}


class Elicitation(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of ``elicitation/create`` for one question."""

    message: str
    requestedSchema: dict[str, Any]  # noqa: N815  the names are the wire's
    threadId: str  # noqa: N815
    codex_elicitation: str
    codex_mcp_tool_call_id: str
    codex_event_id: str
    codex_call_id: str
    codex_command: list[str] | UnsetType = UNSET
    codex_cwd: str | UnsetType = UNSET
    codex_parsed_cmd: list[dict[str, str]] | UnsetType = UNSET
    codex_changes: dict[str, Any] | UnsetType = UNSET
    codex_reason: str | UnsetType = UNSET


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is known where the question comes up, besides the question."""

    thread_id: str
    turn_id: str
    call_id: str
    command: list[str]
    """The command as it will run, shell included; nothing for changes to files."""
    changes: dict[str, Any]


def elicitation(question: Question, asked: Asked, request_id: str) -> Elicitation:
    """Return the question in Codex's shape; ``request_id`` is the tool call's."""
    kind, message, more = _about(question, asked)
    return Elicitation(
        message=message,
        requestedSchema={"type": "object", "properties": {}},
        threadId=asked.thread_id,
        codex_elicitation=kind,
        codex_mcp_tool_call_id=request_id,
        codex_event_id=asked.turn_id,
        codex_call_id=asked.call_id,
        codex_reason=reason(question) or UNSET,
        **more,
    )


def in_words(told: Elicitation) -> str:
    """Return all that a person has to know, for clients that show the message alone."""
    parts = [told.message]
    if told.codex_changes:
        files = [_line(path) for path in told.codex_changes]
        left_out = len(files) - MAX_FILES
        more = [f"… and {left_out} more"] if left_out > 0 else []
        parts.append("\n".join(files[:MAX_FILES] + more))
    if told.codex_reason:
        parts.append(_line(told.codex_reason))
    return "\n\n".join(parts)


def _about(question: Question, asked: Asked) -> tuple[str, str, dict[str, Any]]:
    """Return the kind of question, its words, and the fields that only it has."""
    action = question.action
    match action:
        case RunCommand(cwd=cwd, command=script) | RunAgain(cwd=cwd, command=script):
            command = _lines(" ".join(map(_word, asked.command)))
            words = f"Allow Codex to run `{command}` in `{_line(cwd)}`?"
            parsed = [{"type": "unknown", "cmd": script}]
            fields = {"codex_command": asked.command, "codex_cwd": cwd}
            return "exec-approval", words, fields | {"codex_parsed_cmd": parsed}
        case WriteFiles():
            words = "Allow Codex to apply proposed code changes?"
            return "patch-approval", words, {"codex_changes": asked.changes}
        case CallTool(server=server, tool=tool, arguments=given):
            called = f"`{_line(tool)}` of the MCP server `{_line(server)}`"
            words = f"Allow Codex to call {called}?"
            return "mcp-tool-call", f"{words}\n\n{arguments_shown(given)}", {}
        case AnswerServer(server=server, message=message, url=url):
            asks = _cut(_lines(f"{message} {_line(url)}".strip()), MAX_MESSAGE)
            words = f"The MCP server `{_line(server)}` asks: {asks}"
            return "mcp-elicitation", words, {}
        case _:
            assert_never(action)


def arguments_shown(given: str) -> str:
    """Return a tool call's arguments for a person, a line each, never without end.

    Every name is shown; what is left out of a long value, or of too many, is said.
    """
    try:
        decoded: object = msgspec.json.decode(given)
    except NOT_JSON:
        return _cut(_line(given), MAX_VALUE)
    if not isinstance(decoded, dict):
        return _cut(_line(given), MAX_VALUE)
    pairs = cast("dict[str, object]", decoded)
    if not pairs:
        return "It gets no arguments."
    shown: list[str] = []
    for name, value in pairs.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        shown.append(f"{_cut(_line(name), MAX_NAME)}: {_cut(_line(text), MAX_VALUE)}")
    left_out = len(shown) - MAX_ARGUMENTS
    more = [f"… and {left_out} more arguments"] if left_out > 0 else []
    return "\n".join(shown[:MAX_ARGUMENTS] + more)


def _line(text: str) -> str:
    """Return text with what does not print as itself shown by its code."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def _lines(text: str) -> str:
    return "\n".join(map(_line, text.split("\n")))


def _cut(text: str, most: int) -> str:
    """Return text without its middle where it is long: both ends may matter."""
    left_out = len(text) - most
    if left_out <= 0:
        return text
    half = most // 2
    return f"{text[:half]} …[{left_out} characters]… {text[-half:]}"


def reason(question: Question) -> str:
    """Return why it is asked: the model's words, else the policy's."""
    action = question.action
    if isinstance(action, RunCommand) and action.justification:
        return action.justification
    return question.reason


def answer(reply: object) -> Answer:
    """Return what a client's reply means, in either of both styles.

    Where it says several things that differ, a refusal counts.
    """
    try:
        said = msgspec.convert(reply, _Reply)
    except msgspec.ValidationError:
        return "no"
    inside = said.content.get("decision") if said.content else None
    told: list[Answer] = []
    if said.decision:
        told.append(_DECISIONS.get(said.decision, "no"))
    if isinstance(inside, str):
        told.append(_DECISIONS.get(inside, "no"))
    if said.action or not said.decision:
        told.append(_ACTIONS.get(said.action, "no"))
    refusals: list[Answer] = [each for each in told if each in ("no", "stop")]
    return refusals[0] if refusals else told[0]


class _Reply(msgspec.Struct, frozen=True):
    decision: str = ""
    action: str = ""
    content: dict[str, Any] | None = None


def _word(word: str) -> str:
    """Return a word as a shell would need it."""
    import shlex  # noqa: PLC0415  only where somebody is asked

    return shlex.quote(word)
