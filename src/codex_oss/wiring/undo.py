"""Undo for a session, and for those who take its turns back."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codex_oss.config.home import user_home
from codex_oss.config.schema import Undo
from codex_oss.policy import Permissions
from codex_oss.sandbox.placeholders import Placeholders
from codex_oss.sandbox.run import FOLDER
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.world import state_home

if TYPE_CHECKING:
    from codex_oss.undo.back import Workspace
    from codex_oss.undo.recording import Recorder
    from codex_oss.undo.report import Action, Report
    from codex_oss.undo.room import Given


class Remembering:
    """Remembers what a session's turns change (``ports.Undo``).

    What that takes is imported at the first change. ``remark`` is called at the
    beginning of a turn with what the model should know of turns taken back since.
    """

    def __init__(
        self,
        job: Job,
        allowed: Permissions,
        thread_id: str,
        now: Callable[[], float],
    ) -> None:
        self.remark: Callable[[str], None] = lambda _: None
        self._job = job
        self._allowed = allowed
        self._thread_id = thread_id
        self._now = now
        self._state = state_home(job.env)
        self._recorder: Recorder | None = None
        self._turn = ("", "")

    def begin(self, turn_id: str, prompt: str) -> None:
        """Begin the record of a turn."""
        if (self._state / "undo" / "told" / self._thread_id).exists():
            from codex_oss.undo import told  # noqa: PLC0415  hardly ever

            self.remark(told.take(self._state, self._thread_id))
        self._turn = turn_id, prompt
        if self._recorder is not None:
            self._recorder.begin(turn_id, prompt)

    async def before(self, paths: Sequence[Path] | None) -> None:
        """Remember files before they change."""
        if not self._job.loaded.config.undo.enabled:
            return
        if self._recorder is None:
            self._recorder = await asyncio.to_thread(self._made)
            self._recorder.begin(*self._turn)
        await self._recorder.before(paths)

    async def end(self) -> str | None:
        """End the record."""
        return None if self._recorder is None else await self._recorder.end()

    def _made(self) -> "Recorder":
        from codex_oss.undo.recording import (  # noqa: PLC0415  not before a change
            Place,
            Recorder,
        )

        job, allowed = self._job, self._allowed
        place = Place(
            state=Path(os.path.realpath(self._state)),
            home=Path(os.path.realpath(user_home(job.env))),
            workspace=Path(os.path.realpath(job.cwd)),
            roots=allowed.writable_roots,
            left_out=(os.path.realpath(job.loaded.home), *allowed.deny_read),
            max_bytes=job.loaded.config.undo.max_bytes,
        )
        return Recorder(place, self._thread_id, self._now)


def workspace(env: Mapping[str, str], cwd: Path, settings: Undo) -> "Workspace":
    """Return the workspace of a folder."""
    from codex_oss.undo.back import Workspace  # noqa: PLC0415  hardly ever

    state, path = os.path.realpath(state_home(env)), os.path.realpath(cwd)
    # What a killed process has left in a workspace is the sandbox's to take away.
    Placeholders(Path(state) / FOLDER / "placeholders").sweep()
    return Workspace(Path(state), Path(path), settings.max_bytes)


def forget(env: Mapping[str, str], thread_id: str) -> "Given":
    """Forget what is kept of a conversation that is deleted, in all workspaces."""
    from codex_oss.undo import room  # noqa: PLC0415  hardly ever

    state = Path(os.path.realpath(state_home(env)))
    return room.forget(state, thread_id, Undo().max_bytes)


def take_back(
    place: "Workspace",
    action: "Action",
    thread_id: str,
    *,
    force: bool = False,
    skip_conflicts: bool = False,
) -> "Report":
    """Undo or redo the last turn of a conversation, and return what was done.

    Blocks for as long as it takes to read and write the files. Raises ``UndoError``.
    """
    from codex_oss.undo import back  # noqa: PLC0415  hardly ever

    wanted = back.Wanted(
        action=action,
        thread_id=thread_id,
        force=force,
        skip_conflicts=skip_conflicts,
    )
    return back.take(place, wanted)
