"""Asking a model once more, when a call of its answer is beyond mending.

The new request begins with the one that was sent, so that the server reads on where it
stopped. The first answer is never part of the client's conversation.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from codex_oss.translate import constrain
from codex_oss.wire import chat
from codex_oss.wire.json_text import NOT_JSON


class Rejected(msgspec.Struct, frozen=True):
    """A call that was kept back. ``reason`` tells the model what to send instead.

    ``forbidden``: no call may be sent at all.
    """

    call_id: str
    name: str
    arguments: str
    reason: str
    forbidden: bool = False


def forbidden(call_id: str, name: str, arguments: str) -> Rejected:
    """Return a call that was kept back because the model may not call now."""
    return Rejected(call_id, name, arguments, _texts().forbidden, forbidden=True)


def asked_again(
    sent: chat.Request, said: chat.Assistant, rejected: Sequence[Rejected]
) -> chat.Request:
    """Return the request that shows the model its own answer and what is wrong in it.

    ``said`` holds all calls of the answer; those that are not rejected are told to be
    fine. Without tools in ``sent`` (constrained mode), calls and reasons are text.
    """
    fine = _texts().fine
    reasons = {each.call_id: _told(each) for each in rejected}
    told = [reasons.get(call.id, fine) for call in said.tool_calls]
    if sent.tools:
        shown = [_shown(call) for call in said.tool_calls]
        answers = [
            chat.Tool(tool_call_id=call.id, content=text)
            for call, text in zip(said.tool_calls, told, strict=True)
        ]
        more = [msgspec.structs.replace(said, tool_calls=shown), *answers]
    else:
        more = [_as_text(said), chat.User(content="\n\n".join(told))]
    return msgspec.structs.replace(sent, messages=[*sent.messages, *more])


def without_tools(sent: chat.Request) -> chat.Request:
    """Return the request for an answer of a model that knows of no tools.

    Its prompt begins with them, so a server reads all of it anew: a last resort.
    """
    return msgspec.structs.replace(
        sent, tools=[], tool_choice=None, parallel_tool_calls=None
    )


def _told(call: Rejected) -> str:
    if call.forbidden:
        return call.reason
    return _texts().wrong.replace("{reason}", call.reason)


def _shown(call: chat.ToolCall) -> chat.ToolCall:
    """Return the call with a JSON object as arguments: templates refuse others."""
    name, arguments = call.function.name, call.function.arguments or "{}"
    try:
        if isinstance(arguments, str):
            msgspec.json.decode(arguments, type=dict[str, Any])
    except NOT_JSON:
        arguments = msgspec.json.encode({"arguments": arguments}).decode()
    return chat.ToolCall(call.id, chat.ToolFunction(name, arguments))


def _as_text(said: chat.Assistant) -> chat.Assistant:
    lines = [said.content] if said.content else []
    lines += [
        constrain.render_call(call.function.name, str(call.function.arguments))
        for call in said.tool_calls
    ]
    return chat.Assistant(content="\n".join(lines))


class _Texts(msgspec.Struct, frozen=True):
    """What is said of a call that is wrong, right, or not to be sent at all."""

    wrong: str
    fine: str
    forbidden: str


def _texts() -> _Texts:
    """Return the texts of ``again.md``."""
    loader: Any = __loader__
    text = loader.get_data(__file__.removesuffix("py") + "md").decode()
    return _Texts(*(part.strip() for part in text.split("\n---\n")))
