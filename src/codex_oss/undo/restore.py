"""Brings paths to what they are to be: all of them, or none.

New contents first go to files beside their places, which is where a full disk shows.
Then what must go goes, the innermost first; then what must be there comes, each by one
rename; the modes of folders come last. If something fails, what was done is taken back
in the same way: all that is there now is kept.
"""

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from codex_oss.errors import UndoError
from codex_oss.patch import attributes
from codex_oss.patch.folders import TEMP, Folders
from codex_oss.patch.folders import Entry as Place
from codex_oss.undo.blobs import Blobs, sync
from codex_oss.undo.entries import (
    ABSENT,
    Absent,
    Entry,
    File,
    Folder,
    Link,
    Names,
    permissions,
)
from codex_oss.undo.look import look
from codex_oss.undo.placing import (
    at,
    clean,
    folder_above,
    is_folder,
    link,
    path_of,
    rename,
    set_attributes,
    set_mode,
    write,
)
from codex_oss.undo.plan import Judged

OPEN_MODE = 0o700
"""What is needed to change what a folder holds."""
MANY = 32
"""New files from which on all that is in memory is written, and not one by one."""


def restore(
    todo: Sequence[Judged],
    blobs: Blobs,
    note: Callable[[list[bytes]], None] = lambda _: None,
    links: Names | None = None,
) -> list[bytes]:
    """Bring paths to their targets; return folders that stay, as they are not empty.

    ``links`` are names that were one file's: what is equal is one again.
    ``note`` is told the names of files that are there only meanwhile, before anything
    changes: for ``clean``, should the process be killed.
    Raises ``UndoError`` when that is not possible; all is as before then, or the error
    says what is not.
    """
    restoring = _Restoring(blobs, note, links or [])
    try:
        restoring.stage(todo)
        restoring.go(todo)
    except KeyboardInterrupt:
        restoring.roll_back()
        raise
    except (OSError, UndoError) as error:
        lost = restoring.roll_back()
        what = str(error)
        if isinstance(error, OSError):
            # What `Folders` finds names its path itself.
            where = "" if error.filename is None else f"{error.filename}: "
            what = f"{where}{error.strerror}"
        if not lost:
            raise UndoError(f"nothing was restored: {what}") from error
        raise UndoError(
            f"not all was restored: {what}; could not be put back: {', '.join(lost)}"
        ) from error
    finally:
        restoring.finish()
    return restoring.stay


def opened_up(todo: Sequence[Judged]) -> dict[bytes, int]:
    """Return the folders that ``restore`` makes writable meanwhile, and their modes.

    Without those that get another one.
    """
    paths = {judged.step.path for judged in todo}
    folders = {folder_above(path) for path in paths} - set(map(path_of, paths))
    return {
        os.fsencode(folder): permissions(folder.lstat().st_mode)
        for folder in folders
        if not os.access(folder, os.W_OK | os.X_OK)
    }


def shut(modes: Mapping[bytes, int]) -> None:
    """Give folders that a killed process has made writable their modes again."""
    for path, mode in sorted(modes.items(), reverse=True):
        folder = path_of(path)
        if (
            is_folder(folder)
            and permissions(folder.lstat().st_mode) == mode | OPEN_MODE
        ):
            with suppress(OSError):
                at(folder, lambda place, mode=mode: set_mode(place, mode))


def left_by_patches(folders: Iterable[bytes]) -> list[bytes]:
    """Return what a killed process has left where it was patching files."""
    begin, end = map(os.fsencode, TEMP)
    found: list[bytes] = []
    for folder in folders:
        with suppress(OSError):
            names = [n for n in os.listdir(folder) if n.startswith(begin)]  # noqa: PTH208  bytes
            found += [folder + b"/" + name for name in names if name.endswith(end)]
    return found


class _Restoring:
    def __init__(
        self, blobs: Blobs, note: Callable[[list[bytes]], None], links: Names
    ) -> None:
        self._note = note
        self._links = {name: names for names in links for name in names}
        self._like: dict[bytes, bytes] = {}
        self.stay: list[bytes] = []
        self._blobs = blobs
        self._token = os.urandom(4).hex()
        self._staged: dict[bytes, Path] = {}
        self._numbers: dict[bytes, int] = {}
        self._done: list[tuple[bytes, Entry]] = []
        self._modes: dict[Path, Folder] = {}
        self._opened: dict[Path, int] = {}

    def stage(self, todo: Sequence[Judged]) -> None:
        """Write all new contents beside their places."""
        temps = (self._temp(judged) for judged in todo)
        self._note([os.fsencode(temp) for temp in temps if temp is not None])
        targets = {judged.step.path: judged.step.target for judged in todo}
        for path, target in sorted(targets.items()):
            if not isinstance(target, File):
                continue
            if (other := self._other_name(path, target, targets)) is not None:
                self._like[path] = other
            else:
                self._stage(path, target)
        self._harden()

    def go(self, todo: Sequence[Judged]) -> None:
        """Take away and put, in an order in which that works."""
        ordered = sorted(todo, key=lambda judged: judged.step.path)
        for judged in reversed(ordered):
            if _goes(judged.current, judged.step.target):
                self._refuse_changed(judged)
                self._take(judged.step.path, judged.current)
        for judged in ordered:
            if not isinstance(judged.step.target, Absent):
                if not _goes(judged.current, judged.step.target):
                    self._refuse_changed(judged)
                self._put(judged.step.path, judged.step.target)
                self._done.append((judged.step.path, judged.current))
        self._set_modes()

    def roll_back(self) -> list[str]:
        """Put back what was there; return the paths where that failed."""
        lost: list[str] = []
        self._modes.clear()
        self._like.clear()  # these names are to be what they were
        for path, was in reversed(self._done):
            try:
                self._revert(path, was)
            except (OSError, UndoError):
                lost.append(os.fsdecode(path))
        self._set_modes()
        return lost

    def finish(self) -> None:
        """Remove what was staged in vain, and shut what was opened, if it is there."""
        clean([os.fsencode(temp) for temp in self._staged.values()])
        for folder, mode in reversed(self._opened.items()):
            if folder not in self._modes:
                with suppress(OSError):
                    at(folder, lambda place, mode=mode: set_mode(place, mode))

    # --- steps ------------------------------------------------------------------------

    def _refuse_changed(self, judged: Judged) -> None:
        """Raise if somebody has changed a path since it was judged."""
        path = judged.step.path
        if isinstance(judged.current, Folder):
            return  # goes only if it is empty, and else only gets a mode
        if look(path, self._blobs) != judged.current:
            raise UndoError(f"{os.fsdecode(path)} is changing at this moment")

    def _temp(self, judged: Judged) -> Path | None:
        """Return where what is to be at a path is made."""
        match judged.step.target:
            case File():
                return self._beside(judged.step.path)
            case Link():
                return self._beside_link(judged.step.path)
            case _:
                return None

    def _beside(self, path: bytes) -> Path:
        above = folder_above(path)
        number = self._numbers.setdefault(path, len(self._numbers))
        return above / f"{self._token}-{number}".join(TEMP)

    def _beside_link(self, path: bytes) -> Path:
        return path_of(path).with_name(self._token.join(TEMP))

    def _stage(self, path: bytes, target: File) -> None:
        temp = self._beside(path)
        above = temp.parent
        data, more = self._blobs.get(target), self._blobs.attributes(target)
        like = path_of(path)
        self._open_up(above)
        self._staged[path] = temp
        at(temp, lambda place: write(place, data, more, target.mode, like))

    def _other_name(
        self, path: bytes, target: File, targets: Mapping[bytes, Entry]
    ) -> bytes | None:
        """Return the path of the same file, there before this one comes."""
        for name in self._links.get(path, []):
            if name in targets:
                if name in self._staged and targets[name] == target:
                    return name
            elif look(name, self._blobs) == target:
                return name
        return None

    def _linked(self, path: bytes, target: File) -> bool:
        """Give a file that is there its other name; return whether that worked."""
        other = self._like.pop(path, None)
        if other is None or look(other, self._blobs) != target:
            return False
        temp, place = self._beside(path), path_of(path)
        self._open_up(temp.parent)
        self._staged[path] = temp
        try:
            link(path_of(other), temp)
        except OSError:  # another file system, or no more names than that
            del self._staged[path]
            return False
        rename(temp, place)  # which does nothing where both are one already
        at(temp, Place.remove, missing_ok=True)
        del self._staged[path]
        return True

    def _harden(self) -> None:
        """Bring new contents to the disk itself, before they get their names."""
        if len(self._staged) > MANY:
            os.sync()
            return
        for temp in self._staged.values():
            sync(str(temp))

    def _take(self, path: bytes, was: Entry) -> None:
        place = path_of(path)
        self._open_up(place.parent)
        if isinstance(was, Folder):
            try:
                at(place, lambda found: os.rmdir(found.name, dir_fd=found.folder))
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                self.stay.append(path)
                return
        else:
            at(place, Place.remove)
        self._done.append((path, was))

    def _put(self, path: bytes, target: Entry) -> None:
        place = path_of(path)
        match target:
            case Folder():
                if not is_folder(place):
                    self._open_up(place.parent)
                    at(
                        place,
                        lambda found: os.mkdir(
                            found.name, OPEN_MODE, dir_fd=found.folder
                        ),
                    )
                self._modes[place] = target
            case Link(text):
                self._ready(place.parent)
                temp = self._beside_link(path)
                at(
                    temp,
                    lambda found: os.symlink(
                        text, os.fsencode(found.name), dir_fd=found.folder
                    ),
                )
                self._staged[path] = temp
                rename(temp, place)
                del self._staged[path]
            case File():
                self._ready(place.parent)
                if self._linked(path, target):
                    return
                if path not in self._staged:
                    self._stage(path, target)
                rename(self._staged[path], place)
                del self._staged[path]
            case _:
                raise UndoError(f"{os.fsdecode(path)} was not kept")

    def _revert(self, path: bytes, was: Entry) -> None:
        place = path_of(path)
        now_folder = is_folder(place)
        if isinstance(was, Absent) or now_folder != isinstance(was, Folder):
            remove: Callable[[Place], object] = Place.remove
            if now_folder:
                remove = lambda found: os.rmdir(found.name, dir_fd=found.folder)  # noqa: E731
            at(place, remove, missing_ok=True)
        if not isinstance(was, Absent):
            if path in self._staged:
                at(self._staged.pop(path), Place.remove, missing_ok=True)
            self._put(path, was)

    def _set_modes(self) -> None:
        for folder in sorted(self._modes, reverse=True):
            target = self._modes[folder]
            more = self._blobs.attributes(target)
            if more != attributes.read(os.fspath(folder)):
                at(folder, lambda place, more=more: set_attributes(place, more))
            mode = target.mode
            at(folder, lambda place, mode=mode: set_mode(place, mode))

    def _ready(self, folder: Path) -> None:
        """Make a folder writable, and make it if it is gone."""
        folders = Folders()
        try:
            made = folders.make(folder)
        finally:
            folders.close()
        self._done += [(os.fsencode(entry.path), ABSENT) for entry in made]
        self._open_up(folder)

    def _open_up(self, folder: Path) -> None:
        """Make a folder writable for as long as this takes."""
        if folder in self._opened or os.access(folder, os.W_OK | os.X_OK):
            return
        mode = permissions(folder.lstat().st_mode)
        at(folder, lambda place: set_mode(place, mode | OPEN_MODE))
        self._opened[folder] = mode


def _goes(current: Entry, target: Entry) -> bool:
    """Return whether something must be taken away before its target can be put."""
    if isinstance(current, Absent):
        return False
    if isinstance(target, Absent):
        return True
    return isinstance(current, Folder) != isinstance(target, Folder)
