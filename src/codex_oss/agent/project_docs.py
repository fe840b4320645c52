"""AGENTS.md: what the user wants every session in a folder to know.

Source of the rules: the Codex CLI 0.169 (which files, in which order, what budget).
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from codex_oss.agent.doc_links import Links
from codex_oss.config.project import folders, project_root
from codex_oss.policy.permissions import KERNELS_OWN

NAMES = ("AGENTS.override.md", "AGENTS.md")
REMEDY = "raise `project_doc_max_bytes`"
SEPARATOR = "\n\n--- project-doc ---\n\n"


class ProjectDocs(msgspec.Struct, frozen=True):
    """The text for the model, empty if there is none, and what people should know."""

    text: str
    warnings: list[str]


class _File(msgspec.Struct, frozen=True):
    """A file's beginning; ``size`` is that of all of it."""

    path: Path
    data: bytes
    size: int


def read_project_docs(  # noqa: PLR0913  one for each thing that people may choose
    cwd: Path,
    home: Path,
    *,
    max_bytes: int = 32_768,
    fallback_names: Sequence[str] = (),
    markers: Sequence[str] = (".git",),
    denied: tuple[str, ...] = (),
    trusted: bool = False,
    remedy: str = REMEDY,
) -> ProjectDocs:
    """Read the global file and one file per folder from the project's root to ``cwd``.

    What lies at or below one of ``denied``, absolute real paths, or is the kernel's,
    counts as absent, and so do links that ``doc_links`` does not follow; of a
    ``trusted`` project it follows more. People are told.

    ``max_bytes`` counts the project's files only; the file that exceeds it is cut,
    and those after it are left out; 0 leaves out all of them. In a folder of the
    project the first name that is there counts, and nothing does when that file is
    blank; of the global ones the first that is not blank. ``remedy`` is what helps
    where more than ``max_bytes`` should be read.
    """
    found: list[_File] = []
    names = (*NAMES, *fallback_names)
    root = project_root(cwd, markers)
    own = Links(hidden=(*KERNELS_OWN, *denied))
    links = replace(
        own,
        top=os.path.realpath(root or cwd),
        home=os.path.realpath(home),
        trusted=trusted,
        names=names,
    )
    refused: list[str] = []
    for folder in folders(cwd, root) if max_bytes > 0 else ():
        first = next(_files(folder, names, links, refused, max_bytes), None)
        if first is not None and first.data.strip():
            found.append(first)
    parts, warnings = _within_budget(found, max_bytes, remedy)
    body = "\n\n".join(parts)
    general = (file.data.strip() for file in _files(home, NAMES, own, refused))
    if (data := next(filter(None, general), None)) is not None:
        text = data.decode("utf-8", "ignore")
        body = f"{text}{SEPARATOR}{body}" if body else text
    warnings = [*refused, *warnings]
    if not body:
        return ProjectDocs("", warnings)
    title = (
        f"# AGENTS.md instructions for {cwd}" if parts else "# AGENTS.md instructions"
    )
    return ProjectDocs(f"{title}\n\n<INSTRUCTIONS>\n{body}\n</INSTRUCTIONS>", warnings)


def _within_budget(
    found: list[_File], limit: int, remedy: str
) -> tuple[list[str], list[str]]:
    """Return as much of the files as may be read, and what people should know."""
    parts: list[str] = []
    left = limit
    why = f"the project's files may fill {limit} bytes. Shorten them, or {remedy}."
    warnings: list[str] = []
    for file in found:
        if not left:
            return parts, [*warnings, f"Left out {file.path} and what follows: {why}"]
        parts.append(file.data[:left].decode("utf-8", "ignore"))
        if file.size > left:
            cut = f"Loaded only {left} of {file.size} bytes from {file.path}"
            warnings, left = [f"{cut}: {why}"], 0
            continue
        left -= file.size
    return parts, warnings


def _files(
    folder: Path,
    names: Sequence[str],
    links: Links,
    refused: list[str],
    most: int = -1,
) -> Iterator[_File]:
    """Yield the files of these names, in this order, as far as they may be read.

    Why the others are not is added to ``refused``.
    """
    for name in names:
        path = folder / name
        try:
            real = Path(os.path.realpath(path))
            if not real.is_file():  # a pipe of that name would be waited for
                continue
            if why := links.refuses(str(path), str(real)):
                refused.append(why)
                continue
            with real.open("rb") as file:
                data = file.read(most)
                size = max(len(data), os.fstat(file.fileno()).st_size)
        except PermissionError as error:
            refused.append(f"{path} is left out: {error.strerror}.")
            continue
        except OSError:
            continue
        yield _File(path, data, size)
