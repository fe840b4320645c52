"""The slash commands of line mode, without a terminal."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from codex_oss import events
from codex_oss.cli.slash_commands import slashes
from codex_oss.config.schema import Undo
from codex_oss.errors import UndoError
from codex_oss.wiring import undo
from talking import Talking, surrounded


def typed(folder: Path, name: str, rest: str = "", **room: Any) -> list[str]:
    """Return what a person is told who types a command."""
    around = surrounded(folder, **room)
    talk = Talking()

    async def run() -> None:
        await slashes(around)[name].run(talk, rest)

    asyncio.run(run())
    return talk.said


@pytest.mark.parametrize("name", ["/undo", "/redo"])
def test_what_is_taken_back_is_looked_for_with_the_room_that_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[tuple[Path, int]] = []

    def workspace(env: Mapping[str, str], cwd: Path, settings: Undo) -> object:
        asked.append((cwd, settings.max_bytes))
        raise UndoError("nothing to undo", hint="There is nothing.")

    monkeypatch.setattr(undo, "workspace", workspace)
    said = typed(tmp_path, name, max_bytes=12_345)

    assert asked == [(tmp_path, 12_345)]
    assert said == ["nothing to undo\nThere is nothing."]


@pytest.mark.parametrize("name", ["/undo", "/redo"])
def test_other_words_change_nothing(tmp_path: Path, name: str) -> None:
    said = typed(tmp_path, name, "--all")
    assert said == ["It takes --force or --skip-conflicts, or nothing."]


def test_where_nothing_was_changed_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_OSS_HOME", str(tmp_path / "state"))
    (said,) = typed(tmp_path, "/undo", "--force")
    assert said.endswith(f"no turn has changed anything in {tmp_path.resolve()}")


class Compacting(Talking):
    """A conversation whose compaction makes these events."""

    def __init__(self, happens: list[events.Event]) -> None:
        super().__init__()
        self._happens = happens

    async def compact(self) -> AsyncGenerator[events.Event, None]:
        for event in self._happens:
            yield event

    async def watch(self, happened: AsyncGenerator[events.Event, None]) -> None:
        self.said += [type(event).__name__ async for event in happened]


COMPACTED = events.Compacted(before=9, after=3, how="summarised")
COMPLETED = events.TurnCompleted(usage=events.TokenUsage())
FAILED = events.TurnFailed(error=events.Failure(message="turn interrupted"))


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        ([COMPACTED, COMPLETED], ["Compacted", "TurnCompleted"]),
        ([FAILED], ["TurnFailed"]),
        (
            [COMPLETED],
            ["TurnCompleted", "Nothing was left out: what was said so far is short."],
        ),
    ],
)
def test_a_compaction_that_finds_nothing_says_so(
    tmp_path: Path, happens: list[events.Event], said: list[str]
) -> None:
    around = surrounded(tmp_path)
    talk = Compacting(happens)

    async def run() -> None:
        await slashes(around)["/compact"].run(talk, "")

    asyncio.run(run())
    assert talk.said == said
