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
    Filled,
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
NO_FIELDS: dict[str, Any] = {"type": "object", "properties": {}}
"""The schema of a question that is answered with yes or no."""
_DECISIONS: dict[str, Answer] = {
    "approved": "yes",
    "approved_for_session": "session",
    "denied": "no",
    "abort": "stop",
}
_ACTIONS: dict[str, Answer] = {"accept": "yes", "decline": "no", "cancel": "stop"}


class Elicitation(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of ``elicitation/create`` for one question.

    It is a form, or a page with ``mode``, ``url`` and ``elicitationId``.
    """

    message: str
    threadId: str  # noqa: N815  the names are the wire's
    codex_elicitation: str
    codex_mcp_tool_call_id: str
    codex_event_id: str
    codex_call_id: str
    requestedSchema: dict[str, Any] | UnsetType = UNSET  # noqa: N815
    mode: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    elicitationId: str | UnsetType = UNSET  # noqa: N815
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


def elicitation(
    question: Question, asked: Asked, request_id: str, *, pages: bool = False
) -> Elicitation:
    """Return the question in Codex's shape; ``request_id`` is the tool call's.

    ``pages``: the client can be asked to open one. Another is asked whether it was.
    """
    kind, message, more = _about(question, asked, pages=pages)
    if "mode" not in more:
        more.setdefault("requestedSchema", NO_FIELDS)
    return Elicitation(
        message=message,
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


def _about(
    question: Question, asked: Asked, *, pages: bool
) -> tuple[str, str, dict[str, Any]]:
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
        case AnswerServer():
            return "mcp-elicitation", *_of_server(action, pages=pages)
        case _:
            assert_never(action)


def _of_server(asked: AnswerServer, *, pages: bool) -> tuple[str, dict[str, Any]]:
    """Return the words of another server's question, and what the client needs."""
    message = _cut(_lines(asked.message), MAX_MESSAGE)
    words = f"The MCP server `{_line(asked.server)}` asks: {message}"
    if asked.form is not None:
        return words, {"requestedSchema": msgspec.json.decode(asked.form.schema)}
    if pages:
        page = {"mode": "url", "url": asked.url, "elicitationId": asked.page_id}
        return words, page
    # The address is never cut: whoever agrees must have seen it.
    return f"{words} {_line(asked.url)}".rstrip(), {}


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


def answer(reply: object, question: Question) -> Answer:
    """Return what a client's reply to a question means, in either of both styles.

    Where it says several things that differ, a refusal counts. In the answer to another
    server's form all content is for that server.
    """
    try:
        said = msgspec.convert(reply, _Reply)
    except msgspec.ValidationError:
        return "no"
    action = question.action
    if isinstance(action, AnswerServer):
        return _for_server(said, action)
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


def _for_server(said: "_Reply", asked: AnswerServer) -> Answer:
    told: list[Answer] = []
    if said.decision:
        told.append(_DECISIONS.get(said.decision, "no"))
    if said.action == "cancel":
        told.append("later")
    elif said.action or not said.decision:
        told.append(_ACTIONS.get(said.action, "no"))
    for each in told:
        if each in ("no", "later", "stop"):
            return each
    if said.action and asked.form is not None and said.content is not None:
        return Filled(said.content)
    return "yes"


class _Reply(msgspec.Struct, frozen=True):
    decision: str = ""
    action: str = ""
    content: dict[str, Any] | None = None


def _word(word: str) -> str:
    """Return a word as a shell would need it."""
    import shlex  # noqa: PLC0415  only where somebody is asked

    return shlex.quote(word)
