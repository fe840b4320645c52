"""Where MCP servers run, who hears of them, and who answers what they ask."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from codex_oss.mcp.restarts import PATIENCE, Patience
from codex_oss.policy import AnswerServer, Reply

Agree = Callable[[AnswerServer], Awaitable[Reply]]
"""Asks the person what a server wants to know."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where servers run, and who hears of them."""

    cwd: Path
    env: Mapping[str, str]
    tell: Callable[[str], None]
    """Is told what people should know, such as that a server was started again."""
    changed: Callable[[], None]
    """Is called when a server's tools are others than before."""
    login_port: int = 0
    """Where a login's page waits for the browser; 0: any port that is free."""
    patience: Patience = PATIENCE
    """How often a server that breaks down is started again."""
