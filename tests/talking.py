"""A conversation as slash commands see it, without a terminal."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

from codex_oss import events
from codex_oss.agent.session import Session
from codex_oss.cli.slash_commands import Around
from codex_oss.config.schema import Undo
from codex_oss.tools.sessions import Sessions

THREAD = "0199-of-the-conversation"


class Talking:
    """What was said to the person, and what the model will be told."""

    def __init__(self) -> None:
        self.usage = events.TokenUsage()
        self.said: list[str] = []
        self.remarks: list[str] = []

    @property
    def session(self) -> Session:
        return cast("Session", self)  # id and remarks are all that is asked for

    @property
    def thread_id(self) -> str:
        return THREAD

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def say(self, text: str) -> None:
        self.said.append(text)

    async def watch(self, happened: AsyncGenerator[events.Event, None]) -> None:
        raise NotImplementedError

    def leave(self, how: str) -> None:
        raise NotImplementedError


def surrounded(folder: Path, commands: Sessions | None = None, **room: Any) -> Around:
    """Return what is around a conversation in a folder."""
    return Around(
        home=folder,
        cwd=folder,
        description=[],
        rollout=None,
        undo=Undo(**room),
        commands=commands or Sessions(lambda _: 0),
    )
