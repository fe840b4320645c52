"""A workspace with turns that can be taken back: what the tests of undo share."""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from codex_oss.undo import back
from codex_oss.undo.back import Workspace
from codex_oss.undo.recording import Place, Recorder
from codex_oss.undo.report import Report

MAX_BYTES = 64 * 1024 * 1024
Shape = dict[str, tuple[str, int, bytes]]


class Ground:
    """A workspace below ``base``, and the state beside it."""

    def __init__(self, base: Path, *, left_out: Sequence[str] = ()) -> None:
        self.work = base / "work"
        self.state = base / "state"
        self.work.mkdir(parents=True, exist_ok=True)
        self._left_out = left_out
        self._turns = 0

    def recorder(
        self,
        thread_id: str = "thread-1",
        *,
        home: str = "/nowhere",
        max_bytes: int = MAX_BYTES,
    ) -> Recorder:
        place = Place(
            state=self.state,
            home=Path(home),
            workspace=self.work,
            roots=[str(self.work)],
            left_out=self._left_out,
            max_bytes=max_bytes,
        )
        return Recorder(place, thread_id, lambda: 1000.0)

    def turn(
        self,
        change: Callable[[], object],
        *,
        paths: Sequence[Path] | None = None,
        recorder: Recorder | None = None,
    ) -> str | None:
        """Take a turn that makes a change, as a command does or to given paths."""
        recorder = recorder or self.recorder()
        self._turns += 1

        async def taken() -> str | None:
            recorder.begin(f"turn-{self._turns}", f"do thing {self._turns}\nand more")
            await recorder.before(paths)
            change()
            return await recorder.end()

        return asyncio.run(taken())

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.state, self.work, MAX_BYTES)

    def undo(self, **wanted: object) -> Report:
        return back.take(self.workspace, back.Wanted(**wanted))  # pyright: ignore[reportArgumentType]

    def redo(self, **wanted: object) -> Report:
        return self.undo(action="redo", **wanted)

    def shape(self) -> Shape:
        return shape(self.work)


def shape(root: Path) -> Shape:
    """Return all that lies below a folder: kind, mode and content of each path."""
    found: Shape = {}
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                entry = "link", 0, os.fsencode(path.readlink())
            elif stat.S_ISDIR(mode):
                entry = "folder", stat.S_IMODE(mode), b""
            else:
                entry = "file", stat.S_IMODE(mode), path.read_bytes()
            found[str(path.relative_to(root))] = entry
    return found


def clear(path: Path) -> None:
    """Remove whatever is at a path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
