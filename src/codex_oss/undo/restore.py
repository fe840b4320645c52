"""Brings paths to what they are to be: all of them, or none.

New contents first go to files beside their places, which is where a full disk shows.
Then what must go goes, the innermost first; then what must be there comes, each by one
rename; the modes of folders come last. If something fails, what was done is taken back
in the same way: all that is there now is kept.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from codex_oss.errors import UndoError
from codex_oss.patch.folders import NEW, TEMP, Folders
from codex_oss.patch.folders import Entry as Place
from codex_oss.undo.blobs import Blobs, sync
from codex_oss.undo.entries import (
    ABSENT,
    Absent,
    Entry,
    File,
    Folder,
    Link,
    permissions,
)
from codex_oss.undo.look import look
from codex_oss.undo.plan import Judged

OPEN_MODE = 0o700
"""What is needed to change what a folder holds."""
MANY = 32
"""New files from which on all that is in memory is written, and not one by one."""
_ROOT = 0


def restore(
    todo: Sequence[Judged],
    blobs: Blobs,
    note: Callable[[list[bytes]], None] = lambda _: None,
) -> list[bytes]:
    """Bring paths to their targets; return folders that stay, as they are not empty.

    ``note`` is told the names of files that are there only meanwhile, before anything
    changes: for ``clean``, should the process be killed.
    Raises ``UndoError`` when that is not possible; all is as before then, or the error
    says what is not.
    """
    restoring = _Restoring(blobs, note)
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
            what = f"{error.filename}: {error.strerror}"
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
    folders = {_folder_above(path) for path in paths} - set(map(_path, paths))
    return {
        os.fsencode(folder): permissions(folder.lstat().st_mode)
        for folder in folders
        if not os.access(folder, os.W_OK | os.X_OK)
    }


def shut(modes: Mapping[bytes, int]) -> None:
    """Give folders that a killed process has made writable their modes again."""
    for path, mode in sorted(modes.items(), reverse=True):
        folder = _path(path)
        if (
            _is_folder(folder)
            and permissions(folder.lstat().st_mode) == mode | OPEN_MODE
        ):
            with suppress(OSError):
                _at(folder, lambda place, mode=mode: _set_mode(place, mode))


def left_by_patches(folders: Iterable[bytes]) -> list[bytes]:
    """Return what a killed process has left where it was patching files."""
    begin, end = map(os.fsencode, TEMP)
    found: list[bytes] = []
    for folder in folders:
        with suppress(OSError):
            names = [n for n in os.listdir(folder) if n.startswith(begin)]  # noqa: PTH208  bytes
            found += [folder + b"/" + name for name in names if name.endswith(end)]
    return found


def clean(temps: Sequence[bytes]) -> None:
    """Remove what a killed process has left of ``restore``."""
    for temp in temps:
        with suppress(OSError):
            _at(_path(temp), Place.remove)


class _Restoring:
    def __init__(self, blobs: Blobs, note: Callable[[list[bytes]], None]) -> None:
        self._note = note
        self.stay: list[bytes] = []
        self._blobs = blobs
        self._token = os.urandom(4).hex()
        self._staged: dict[bytes, Path] = {}
        self._numbers: dict[bytes, int] = {}
        self._done: list[tuple[bytes, Entry]] = []
        self._modes: dict[Path, int] = {}
        self._opened: dict[Path, int] = {}

    def stage(self, todo: Sequence[Judged]) -> None:
        """Write all new contents beside their places."""
        temps = (self._temp(judged) for judged in todo)
        self._note([os.fsencode(temp) for temp in temps if temp is not None])
        for judged in todo:
            target = judged.step.target
            if isinstance(target, File):
                self._stage(judged.step.path, target)
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
                    _at(folder, lambda place, mode=mode: _set_mode(place, mode))

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
        above = _folder_above(path)
        number = self._numbers.setdefault(path, len(self._numbers))
        return above / f"{self._token}-{number}".join(TEMP)

    def _beside_link(self, path: bytes) -> Path:
        return _path(path).with_name(self._token.join(TEMP))

    def _stage(self, path: bytes, target: File) -> None:
        temp = self._beside(path)
        above = temp.parent
        data = self._blobs.get(target)
        like = _path(path)
        self._open_up(above)
        self._staged[path] = temp
        _at(temp, lambda place: _write(place, data, target.mode, like))

    def _harden(self) -> None:
        """Bring new contents to the disk itself, before they get their names."""
        if len(self._staged) > MANY:
            os.sync()
            return
        for temp in self._staged.values():
            sync(str(temp))

    def _take(self, path: bytes, was: Entry) -> None:
        place = _path(path)
        self._open_up(place.parent)
        if isinstance(was, Folder):
            try:
                _at(place, lambda found: os.rmdir(found.name, dir_fd=found.folder))
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                self.stay.append(path)
                return
        else:
            _at(place, Place.remove)
        self._done.append((path, was))

    def _put(self, path: bytes, target: Entry) -> None:
        place = _path(path)
        match target:
            case Folder(mode):
                if not _is_folder(place):
                    self._open_up(place.parent)
                    _at(
                        place,
                        lambda found: os.mkdir(
                            found.name, OPEN_MODE, dir_fd=found.folder
                        ),
                    )
                self._modes[place] = mode
            case Link(text):
                self._ready(place.parent)
                temp = self._beside_link(path)
                _at(
                    temp,
                    lambda found: os.symlink(
                        text, os.fsencode(found.name), dir_fd=found.folder
                    ),
                )
                self._staged[path] = temp
                _rename(temp, place)
                del self._staged[path]
            case File():
                if path not in self._staged:
                    self._stage(path, target)
                self._ready(place.parent)
                _rename(self._staged[path], place)
                del self._staged[path]
            case _:
                raise UndoError(f"{os.fsdecode(path)} was not kept")

    def _revert(self, path: bytes, was: Entry) -> None:
        place = _path(path)
        now_folder = _is_folder(place)
        if isinstance(was, Absent) or now_folder != isinstance(was, Folder):
            remove: Callable[[Place], object] = Place.remove
            if now_folder:
                remove = lambda found: os.rmdir(found.name, dir_fd=found.folder)  # noqa: E731
            _at(place, remove, missing_ok=True)
        if not isinstance(was, Absent):
            if path in self._staged:
                _at(self._staged.pop(path), Place.remove, missing_ok=True)
            self._put(path, was)

    def _set_modes(self) -> None:
        for folder in sorted(self._modes, reverse=True):
            mode = self._modes[folder]
            _at(folder, lambda place, mode=mode: _set_mode(place, mode))

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
        _at(folder, lambda place: _set_mode(place, mode | OPEN_MODE))
        self._opened[folder] = mode


def _goes(current: Entry, target: Entry) -> bool:
    """Return whether something must be taken away before its target can be put."""
    if isinstance(current, Absent):
        return False
    if isinstance(target, Absent):
        return True
    return isinstance(current, Folder) != isinstance(target, Folder)


def _at(
    path: Path, act: Callable[[Place], object], *, missing_ok: bool = False
) -> None:
    """Do something at a path, whose folders are opened without following links."""
    folders = Folders()
    try:
        act(folders.entry(path))
    except OSError as error:
        if not (missing_ok and isinstance(error, FileNotFoundError)):
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        folders.close()


def _rename(old: Path, new: Path) -> None:
    folders = Folders()
    try:
        folders.entry(old).rename(folders.entry(new))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(new)) from error
    finally:
        folders.close()


def _write(place: Place, data: bytes, mode: int, like: Path) -> None:
    """Write a new file with the owner that ``like`` has, or its folder."""
    with open(os.open(place.name, NEW, 0o600, dir_fd=place.folder), "wb") as file:  # noqa: PTH123  a descriptor
        file.write(data)
        file.flush()
        if os.geteuid() == _ROOT:
            try:
                told = like.lstat()
            except OSError:
                told = os.stat(place.folder)  # noqa: PTH116  a descriptor
            os.fchown(file.fileno(), told.st_uid, told.st_gid)
            # Whose it was is not known: nobody's program becomes root's.
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        os.fchmod(file.fileno(), mode)


def _set_mode(place: Place, mode: int) -> None:
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(place.name, mode, dir_fd=place.folder, follow_symlinks=False)
        return
    # Linux: by a descriptor, which a link in its place cannot lead elsewhere.
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(place.name, flags, dir_fd=place.folder)
    try:
        os.chmod(f"/proc/self/fd/{fd}", mode)  # noqa: PTH101  a descriptor
    finally:
        os.close(fd)


def _folder_above(path: bytes) -> Path:
    """Return the nearest folder above a path that is there."""
    above = _path(path).parent
    while not _is_folder(above):
        above = above.parent
    return above


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _path(path: bytes) -> Path:
    return Path(os.fsdecode(path))
