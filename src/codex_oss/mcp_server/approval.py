"""A question of the policy as Codex asks its client, and what the client may answer.

Source of the shapes: ``codex mcp-server`` 0.148. It takes ``{"decision": …}`` alone;
here the answers of the standard count as well. What is neither is a no.
"""

from typing import Any, assert_never

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
    action, command = question.action, " ".join(map(_word, asked.command))
    match action:
        case RunCommand(cwd=cwd, command=cmd) | RunAgain(cwd=cwd, command=cmd):
            return Elicitation(
                message=f"Allow Codex to run `{command}` in `{cwd}`?",
                requestedSchema={"type": "object", "properties": {}},
                threadId=asked.thread_id,
                codex_elicitation="exec-approval",
                codex_mcp_tool_call_id=request_id,
                codex_event_id=asked.turn_id,
                codex_call_id=asked.call_id,
                codex_command=asked.command,
                codex_cwd=cwd,
                codex_parsed_cmd=[{"type": "unknown", "cmd": cmd}],
                codex_reason=reason(question) or UNSET,
            )
        case WriteFiles():
            return Elicitation(
                message="Allow Codex to apply proposed code changes?",
                requestedSchema={"type": "object", "properties": {}},
                threadId=asked.thread_id,
                codex_elicitation="patch-approval",
                codex_mcp_tool_call_id=request_id,
                codex_event_id=asked.turn_id,
                codex_call_id=asked.call_id,
                codex_changes=asked.changes,
                codex_reason=question.reason or UNSET,
            )
        case CallTool(server=server, tool=tool):
            words = f"Allow Codex to call `{tool}` of the MCP server `{server}`?"
            return _plain(question, asked, request_id, "mcp-tool-call", words)
        case AnswerServer(server=server, message=message, url=url):
            words = f"The MCP server `{server}` asks: {message} {url}".strip()
            return _plain(question, asked, request_id, "mcp-elicitation", words)
        case _:
            assert_never(action)


def _plain(
    question: Question, asked: Asked, request_id: str, kind: str, message: str
) -> Elicitation:
    return Elicitation(
        message=message,
        requestedSchema={"type": "object", "properties": {}},
        threadId=asked.thread_id,
        codex_elicitation=kind,
        codex_mcp_tool_call_id=request_id,
        codex_event_id=asked.turn_id,
        codex_call_id=asked.call_id,
        codex_reason=question.reason or UNSET,
    )


def reason(question: Question) -> str:
    """Return why it is asked: the model's words, else the policy's."""
    action = question.action
    if isinstance(action, RunCommand) and action.justification:
        return action.justification
    return question.reason


def answer(reply: object) -> Answer:
    """Return what a client's reply means, in either of both styles."""
    try:
        said = msgspec.convert(reply, _Reply)
    except msgspec.ValidationError:
        return "no"
    if said.decision:
        return _DECISIONS.get(said.decision, "no")
    inside = said.content.get("decision") if said.content else None
    if said.action == "accept" and isinstance(inside, str):
        return _DECISIONS.get(inside, "no")
    return _ACTIONS.get(said.action, "no")


class _Reply(msgspec.Struct, frozen=True):
    decision: str = ""
    action: str = ""
    content: dict[str, Any] | None = None


def _word(word: str) -> str:
    """Return a word as a shell would need it."""
    import shlex  # noqa: PLC0415  only where somebody is asked

    return shlex.quote(word)
