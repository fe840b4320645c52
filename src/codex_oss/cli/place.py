"""Folders that the command line names, and whether git guards them."""

import os
from pathlib import Path

from codex_oss.errors import CodexOssError


def folder(given: str | None) -> Path:
    """Return a folder that was named, or this one; it exists and has no links."""
    path = Path(given or ".")
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CodexOssError(f"cannot use folder `{path}`: {why}") from error
    if not resolved.is_dir():
        raise CodexOssError(f"cannot use folder `{path}`: it is not a folder")
    return resolved


def told_folder(given: str | None) -> Path:
    """Return a folder as ``folder`` does, if models and session files can name it."""
    found = folder(given)
    try:
        str(found).encode()
    except UnicodeEncodeError:
        from codex_oss.exec_mode.visible import visible  # noqa: PLC0415  hardly ever

        raise CodexOssError(
            f"cannot work in {visible(str(found))}: its name is not UTF-8",
            hint="Rename it, or work in another folder.",
        ) from None
    return found


def in_repository(cwd: Path) -> bool:
    """Tell whether git works here; an empty ``.git`` does not make a repository."""
    marks = [str(path / ".git") for path in (cwd, *cwd.parents)]
    isfile = os.path.isfile  # unlike Path.is_file, False for what may not be read
    return any(isfile(mark) or isfile(f"{mark}/HEAD") for mark in marks)
