"""Who asks: the Codex CLI, which has rules of its own for errors, or anybody else."""

from collections.abc import Mapping

import msgspec

ANYBODY = "api"
"""The name of a client that does not say who it is."""
NAME_LIMIT = 48
"""Characters of a client's name that are shown."""

_CODEX = "codex"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The client of one request.

    ``thread`` names the conversation where the client does; ``subagent`` is the Codex
    CLI's word for what else than a turn it asks for, such as ``review``.
    """

    name: str = ANYBODY
    codex: bool = False
    thread: str = ""
    subagent: str = ""


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Return the client that sent these headers (names in lower case).

    Source: the headers of the Codex CLI 0.148 to 0.169.
    """
    originator = headers.get("originator", "")
    agent = headers.get("user-agent", "").partition(" ")[0]
    codex = originator.startswith(_CODEX) or agent.startswith(_CODEX)
    # codex-oss itself translates; it must not be taken for the Codex CLI.
    codex = codex and not agent.startswith("codex-oss")
    return Caller(
        name=_plain(originator if codex and originator else agent) or ANYBODY,
        codex=codex,
        thread=headers.get("thread-id", "") or headers.get("session-id", ""),
        subagent=headers.get("x-openai-subagent", ""),
    )


def _plain(name: str) -> str:
    return "".join(char for char in name if char.isprintable())[:NAME_LIMIT]
