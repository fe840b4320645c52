"""AGENTS.md: what the user wants every session in a folder to know.

Source of the rules: the Codex CLI 0.169 (which files, in which order, what budget).
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from codex_oss.policy import within

NAMES = ("AGENTS.override.md", "AGENTS.md")
_KERNELS_OWN = ("/proc", "/sys", "/dev")
"""``/proc/self/environ`` would hold our keys."""
SEPARATOR = "\n\n--- project-doc ---\n\n"


class ProjectDocs(msgspec.Struct, frozen=True):
    """The text for the model, empty if there is none, and what people should know."""

    text: str
    warnings: list[str]


def project_root(cwd: Path, markers: Sequence[str] = (".git",)) -> Path | None:
    """Return the nearest folder at or above ``cwd`` that holds one of ``markers``."""
    for folder in (cwd, *cwd.parents):
        if any(os.path.exists(folder / marker) for marker in markers):  # noqa: PTH110  False, not an error, for what may not be read
            return folder
    return None


def read_project_docs(
    cwd: Path,
    home: Path,
    *,
    max_bytes: int = 32_768,
    fallback_names: Sequence[str] = (),
    markers: Sequence[str] = (".git",),
    denied: tuple[str, ...] = (),
) -> ProjectDocs:
    """Read the global file and one file per folder from the project's root to ``cwd``.

    A command may have left a link in the place of a file, and this program's reading
    is not confined. So what lies at or below one of ``denied``, absolute real paths,
    or is the kernel's, counts as absent.

    ``max_bytes`` counts the project's files only; the file that exceeds it is cut.
    Files of nothing but white space count as absent.
    """
    warnings: list[str] = []
    parts: list[str] = []
    left = max_bytes
    hidden = (*_KERNELS_OWN, *denied)
    for folder in _folders(cwd, project_root(cwd, markers)) if max_bytes > 0 else ():
        found = _read_first(folder, (*NAMES, *fallback_names), hidden)
        if found is None:
            continue
        path, data = found
        if len(data) > left:
            warnings.append(f"Loaded only {left} of {len(data)} bytes from {path}.")
            data = data[:left]
        left -= len(data)
        if text := data.decode("utf-8", "ignore").strip():
            parts.append(text)
    general = _read_first(home, NAMES, hidden)
    body = "\n\n".join(parts)
    if general is not None:
        text = general[1].decode("utf-8", "ignore").strip()
        body = f"{text}{SEPARATOR}{body}" if body else text
    if not body:
        return ProjectDocs("", warnings)
    title = (
        f"# AGENTS.md instructions for {cwd}" if parts else "# AGENTS.md instructions"
    )
    return ProjectDocs(f"{title}\n\n<INSTRUCTIONS>\n{body}\n</INSTRUCTIONS>", warnings)


def _folders(cwd: Path, root: Path | None) -> list[Path]:
    if root is None:
        return [cwd]
    below = cwd.relative_to(root).parts
    return [root.joinpath(*below[:depth]) for depth in range(len(below) + 1)]


def _read_first(
    folder: Path, names: Sequence[str], hidden: tuple[str, ...]
) -> tuple[Path, bytes] | None:
    for name in names:
        path = folder / name
        try:
            if within(os.path.realpath(path), hidden):
                continue
            # A pipe of that name would be waited for.
            data = path.read_bytes() if path.is_file() else b""
        except OSError:
            continue
        if data.strip():
            return path, data
    return None
