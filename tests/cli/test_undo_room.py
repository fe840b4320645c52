"""What people are told of the room that undo takes."""

import argparse
import asyncio
from pathlib import Path

import pytest

from codex_oss.cli import undo_room
from undoing import Ground


def test_a_folder_where_a_turn_runs_is_told_without_what_its_name_does_to_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ground = Ground(tmp_path / "a\x1b[31mb")
    recorder = ground.recorder()
    recorder.begin("turn-x", "prompt")
    asyncio.run(recorder.before(None))
    options = argparse.Namespace(list=False, json=False, all=True, force=True)
    assert undo_room.run(ground.workspace, options) == 1
    assert asyncio.run(recorder.end()) is None
    shown = f"{tmp_path}/a\\x1b[31mb/work"
    assert capsys.readouterr().err == f"warning: a turn is running in {shown}\n"
