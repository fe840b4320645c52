"""Remembers what turns change, while they do (``ports.Undo``)."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import TypeVar

import msgspec

from codex_oss.errors import UndoError
from codex_oss.process.threads import to_its_end
from codex_oss.undo import ending, links, store
from codex_oss.undo.compare import MADE_AGAIN, covers
from codex_oss.undo.entries import Begun, Entry, Gap, Record, Tree, Unkept
from codex_oss.undo.look import look, missing_above
from codex_oss.undo.scan import Limits, Stopped
from codex_oss.undo.store import Store

SLOW_S = 2.0
"""From how long on people are told what a look took, in seconds."""
GAPS_TOLD = 5
"""How many gaps are told by name."""
HOME = Limits(0, entries=20_000, seconds=3.0)
"""How far a look goes below a root that holds the person's home."""

_T = TypeVar("_T")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where turns change something, and where that is remembered. Paths are real."""

    state: Path
    """Our folder of state."""
    home: Path
    """The person's."""
    workspace: Path
    roots: Sequence[str]
    """What commands may write to."""
    left_out: Sequence[str] = ()
    """What they may not, below these, or what is our own."""
    max_bytes: int


class Recorder:
    """One for each conversation; ``now`` returns seconds since the epoch."""

    def __init__(self, place: Place, thread_id: str, now: Callable[[], float]) -> None:
        self._place = place
        self._thread_id = thread_id
        self._now = now
        self._workspace = os.fsencode(place.workspace)
        self._folder = store.place(place.state, self._workspace)
        self._one_by_one = asyncio.Lock()
        self._stop = Event()
        self._turn = ("", "")
        self._begun: Begun | None = None
        self._tree: Tree | None = None
        self._live: tuple[int, int] | None = None
        self._failure = ""

    def begin(self, turn_id: str, prompt: str) -> None:
        """Begin the record of a turn; nothing is done before something changes."""
        self._turn = turn_id, prompt.strip().partition("\n")[0]
        self._failure = ""

    async def before(self, paths: Sequence[Path] | None) -> None:
        """Remember files as they are (``ports.Undo.before``).

        What cannot be remembered does not hinder the turn: ``end`` tells it.
        """
        async with self._one_by_one:
            if self._failure or (paths is None and self._tree is not None):
                return
            await self._in_thread(lambda: self._remember(paths))

    async def end(self) -> str | None:
        """Put what has changed on record; return what people should know of that.

        Cancelled, it leaves that to the next turn or the next undo.
        """
        try:
            told = None
            if self._begun is not None:
                told = await self._in_thread(self._finish)
        finally:
            self._let_go()
        failed = self._failure and f"this turn cannot be undone: {self._failure}"
        return "; ".join(filter(None, (told, failed))) or None

    async def _in_thread(self, work: Callable[[], _T]) -> _T | None:
        """Do it in a thread; cancelling ends it soon, and waits for that."""
        self._stop.clear()
        try:
            return await to_its_end(work, self._stop.set)
        except UndoError as error:
            self._failure = str(error)
            return None

    # --- in the thread ----------------------------------------------------------------

    def _remember(self, paths: Sequence[Path] | None) -> None:
        with self._opened() as kept:
            begun = self._begun or self._first(kept)
            if paths is None:
                bounds = self._bounds(kept)
                tree = ending.look_at(begun, kept, bounds, stopped=self._stop.is_set)
                kept.keep_tree(tree, begun.number)
                begun = msgspec.structs.replace(begun, whole=True)
            else:
                tree = self._tree
                exact = self._exact([os.fsencode(path) for path in paths], begun, kept)
                names = links.names_of(exact, begun.roots, begun.left_out)
                begun = msgspec.structs.replace(
                    begun,
                    exact=begun.exact | exact,
                    links=[*begun.links, *names],
                )
            kept.begin(begun)
            self._begun, self._tree = begun, tree

    def _first(self, kept: Store) -> Begun:
        """Return the beginning of a record, with those of dead processes ended."""
        ending.end_abandoned(kept)
        if self._live is None:
            number = kept.next_number()
            self._live = number, kept.live(number)
        place = self._place
        turn_id, prompt = self._turn
        left_out = (str(place.state), *place.left_out)
        return Begun(
            number=self._live[0],
            turn_id=turn_id,
            thread_id=self._thread_id,
            cwd=self._workspace,
            roots=[os.fsencode(root) for root in place.roots],
            left_out=[os.fsencode(path) for path in left_out],
            time=self._now(),
            prompt=prompt,
        )

    def _exact(
        self, paths: list[bytes], begun: Begun, kept: Store
    ) -> dict[bytes, Entry]:
        found: dict[bytes, Entry] = {}
        for path in paths:
            for each in (*missing_above(path), path):
                known = self._tree is not None and covers(self._tree, each)
                if not known and each not in begun.exact:
                    found[each] = look(each, kept.blobs)
        return found

    def _bounds(self, kept: Store) -> Limits:
        bounds = ending.limits(kept.max_bytes)
        home = os.fspath(self._place.home)
        above = (root.rstrip("/") + "/" for root in self._place.roots)
        if any(f"{home}/".startswith(root) for root in above):
            return msgspec.structs.replace(HOME, size=bounds.size)
        return bounds

    def _finish(self) -> str:
        begun = self._begun
        assert begun is not None
        with self._opened() as kept:
            try:
                record = ending.end(begun, kept, self._stop.is_set)
            except Stopped:
                return ""
            return self._told(record, kept)

    def _told(self, record: Record | None, kept: Store) -> str:
        """Return what people should know of a turn's record."""
        told: list[str] = []
        tree = self._tree
        if tree is not None and tree.seconds > SLOW_S:
            told.append(
                f"looking at {len(tree.entries)} files before the first change took "
                f"{tree.seconds:.1f} s"
            )
        gaps = record.gaps if record is not None else []
        new = [self._shown(gap) for gap in gaps if gap.why != MADE_AGAIN]
        standing = [
            f"{os.fsdecode(g.path.rpartition(b'/')[2])} ({g.why})"
            for g in gaps
            if g.why == MADE_AGAIN
        ]
        if tree is not None:
            standing += self._standing(tree)
        new += kept.tell_once(list(dict.fromkeys(standing)))
        if new:
            more = len(new) - GAPS_TOLD
            names = ", ".join(new[:GAPS_TOLD]) + (
                f" and {more} more" if more > 0 else ""
            )
            told.append(f"undo does not cover {names}")
        return "; ".join(told)

    def _standing(self, tree: Tree) -> list[str]:
        """Return what undo does not cover as long as it is there."""
        told = [
            self._shown(Gap(path, "another file system"))
            for path, skip in tree.skipped.items()
            if skip.why == "mount"
        ]
        if any(skip.why == "limit" for skip in tree.skipped.values()):
            told.append("all of this folder (it holds too much to be looked at)")
        full = (e for e in tree.entries.values() if isinstance(e, Unkept))
        if any(entry.why == "full" for entry in full):
            told.append("all files (undo.max_bytes is too small for their contents)")
        return told

    def _shown(self, gap: Gap) -> str:
        path = os.fsdecode(gap.path).removeprefix(f"{self._place.workspace}/")
        return f"{path} ({gap.why})"

    def _opened(self) -> AbstractContextManager[Store]:
        return store.opened(self._folder, self._workspace, self._place.max_bytes)

    def _let_go(self) -> None:
        """Forget the turn; its record is on disk, or what it takes to make it."""
        if self._live is not None:
            number, marked = self._live
            os.close(marked)
            if self._begun is None:  # cancelled before anything was on disk
                store.unmark(self._folder, number)
        self._live = self._begun = self._tree = None
