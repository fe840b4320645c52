"""Asks the client by ``elicitation/create`` and takes whatever it replies.

The SDK checks an elicitation's result against the standard by the name of its method
and drops Codex's ``{"decision": …}``. So the request here carries its method as a field
of the wire, and to the SDK the name of one that it has no rules for.
"""

from typing import Any

from mcp import types
from mcp.server.session import ServerSession
from mcp.shared.message import ServerMessageMetadata
from pydantic import BaseModel, Field, RootModel


class _Request(BaseModel):
    on_the_wire: str = Field(default="elicitation/create", serialization_alias="method")
    params: dict[str, Any]

    @property
    def method(self) -> str:
        """The name that the SDK looks its rules up by: it finds none."""
        return "codex/elicitation"


class _Anything(RootModel[Any]):
    pass


class _Notification(BaseModel):
    method: str = "codex/event"
    params: dict[str, Any]


async def elicit(
    session: ServerSession, params: dict[str, Any], request_id: types.RequestId
) -> object:
    """Ask, in the stream of the request it belongs to, and return the raw reply.

    Raises ``mcp.MCPError`` where the client answers with an error or cannot be asked.
    """
    request: Any = _Request(params=params)
    related = ServerMessageMetadata(related_request_id=request_id)
    reply = await session.send_request(request, _Anything, metadata=related)
    return reply.root


async def notify(
    session: ServerSession, params: dict[str, Any], request_id: types.RequestId
) -> None:
    """Send a ``codex/event`` in the stream of the request it belongs to."""
    notification: Any = _Notification(params=params)
    await session.send_notification(notification, related_request_id=request_id)
