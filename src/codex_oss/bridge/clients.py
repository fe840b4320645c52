"""Who asks: the Codex CLI, which has rules of its own for errors, or anybody else."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

ANYBODY = "api"
"""The name of a client that does not say who it is."""
NAME_LIMIT = 48
"""Characters of a client's name that are shown."""
KEPT_NAMES = 64
"""Clients whose names were looked at once already."""

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
    name, codex = _who(headers.get("originator", ""), headers.get("user-agent", ""))
    return Caller(
        name=name,
        codex=codex,
        thread=headers.get("thread-id", "") or headers.get("session-id", ""),
        subagent=headers.get("x-openai-subagent", ""),
    )


@lru_cache(maxsize=KEPT_NAMES)
def _who(originator: str, user_agent: str) -> tuple[str, bool]:
    agent = user_agent.partition(" ")[0]
    codex = originator.startswith(_CODEX) or agent.startswith(_CODEX)
    # codex-oss itself translates; it must not be taken for the Codex CLI.
    codex = codex and not agent.startswith("codex-oss")
    name = originator if codex and originator else agent
    plain = "".join(char for char in name if char.isprintable())[:NAME_LIMIT]
    return plain or ANYBODY, codex
