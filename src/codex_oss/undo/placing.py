"""What is done at one path, whose folders are opened without following links."""

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from codex_oss.patch import attributes
from codex_oss.patch.folders import NEW, Folders
from codex_oss.patch.folders import Entry as Place

_ROOT = 0


def clean(temps: Sequence[bytes]) -> None:
    """Remove what a killed process has left of ``restore``."""
    for temp in temps:
        with suppress(OSError):
            at(path_of(temp), Place.remove)


def at(path: Path, act: Callable[[Place], object], *, missing_ok: bool = False) -> None:
    """Do something at a path, whose folders are opened without following links."""
    folders = Folders()
    try:
        act(folders.entry(path))
    except OSError as error:
        if not (missing_ok and isinstance(error, FileNotFoundError)):
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        folders.close()


def rename(old: Path, new: Path) -> None:
    """Give what is at a path another one, in place of what is there."""
    folders = Folders()
    try:
        folders.entry(old).rename(folders.entry(new))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(new)) from error
    finally:
        folders.close()


def write(place: Place, data: bytes, more: bytes, mode: int, like: Path) -> None:
    """Write a new file with the owner that ``like`` has, or its folder.

    ``more`` is its attributes.
    """
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
        attributes.write(file.fileno(), more)
        os.fchmod(file.fileno(), attributes.mode_for(file.fileno(), more, mode))


def link(old: Path, new: Path) -> None:
    """Give a file a second name."""
    folders = Folders()
    try:
        folders.entry(old).link(folders.entry(new))
    finally:
        folders.close()


def set_attributes(place: Place, more: bytes) -> None:
    """Give a folder these attributes and no others."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(place.name, flags, dir_fd=place.folder)
    try:
        attributes.write(fd, more)
    finally:
        os.close(fd)


def set_mode(place: Place, mode: int) -> None:
    """Set the permission bits of what is no link."""
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


def folder_above(path: bytes) -> Path:
    """Return the nearest folder above a path that is there."""
    above = path_of(path).parent
    while not is_folder(above):
        above = above.parent
    return above


def is_folder(path: Path) -> bool:
    """Return whether a folder, and no link to one, is at a path."""
    return path.is_dir() and not path.is_symlink()


def path_of(path: bytes) -> Path:
    """Return a path of the record for the calls that take no bytes."""
    return Path(os.fsdecode(path))
