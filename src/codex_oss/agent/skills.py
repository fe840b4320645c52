"""Skills: instructions for certain tasks, in files named ``SKILL.md``.

A model is told their names and descriptions, and reads the file when a task fits; a
prompt that says ``$name`` brings the file along. Source of places, file format and of
what is brought along: experiments with the Codex CLI 0.169.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from codex_oss.agent.frontmatter import frontmatter
from codex_oss.items import Item, Message, text_of, user
from codex_oss.policy.permissions import KERNELS_OWN, within

FILE_NAME = "SKILL.md"
MAX_DEPTH = 4
"""Folders below a place of skills that are looked into."""
MAX_FOLDERS = 500
"""Folders of one place that are looked into."""
MAX_NAME = 64
MAX_FILE_BYTES = 64 * 1024
"""A larger file would fill the window of most local models."""
FEW = 8
"""Skills that a model with the lite prompt is told of; of more it is told nothing."""
UNKNOWN_WINDOW_BYTES = 8_000
SHARE = 50
"""The list may fill this part of a window; a token is 4 bytes."""
SHORTEST = 20
"""Characters of a description below which it says nothing."""
_OF_NAMES = frozenset("-_:")


class Skill(msgspec.Struct, frozen=True):
    """A skill; ``text`` is its whole file."""

    name: str
    description: str
    path: Path
    text: str


class Found(msgspec.Struct, frozen=True):
    """The skills of all places, and what was left out and why."""

    skills: list[Skill]
    warnings: list[str]

    def beside(self, prompt: Item) -> list[Item]:
        """Return what goes with a prompt: the files of the skills that it names."""
        if not isinstance(prompt, Message):
            return []
        named = _named(text_of(prompt.content))
        once = [s for s in self.skills if _is_named(s, named, self.skills)]
        return [user(_brought(skill)) for skill in once]


def find_skills(
    places: Iterable[Path],
    *,
    denied: tuple[str, ...] = (),
    disabled: frozenset[str] = frozenset(),
) -> Found:
    """Read the skills below each of ``places``, by name in each.

    What leads to ``denied``, absolute real paths, or to the kernel counts as absent.
    ``disabled`` are paths of files and names that the person does not want.
    """
    skills: list[Skill] = []
    warnings: list[str] = []
    hidden = (*KERNELS_OWN, *denied)
    seen: set[str] = set()  # places are often links to each other
    for place in places:
        here: list[Skill] = []
        for path in _files(place):
            real = os.path.realpath(path)
            if real in seen or str(path) in disabled or within(real, hidden):
                continue
            seen.add(real)
            read = _read(path)
            if isinstance(read, str):
                warnings.append(f"skill {path} is left out: {read}")
            elif read.name not in disabled:
                here.append(read)
        skills += sorted(here, key=lambda skill: skill.name)
    return Found(skills, warnings)


def listing(
    skills: Sequence[Skill], intro: str, window: int | None, *, lite: bool
) -> tuple[str, str]:
    """Return what a model is told of the skills there are, and a warning.

    Descriptions are shortened to what fits; either may be empty.
    """
    if not skills or (lite and len(skills) > FEW):
        return "", ""
    limit = UNKNOWN_WINDOW_BYTES if window is None else window * 4 // SHARE
    longest = max(len(skill.description) for skill in skills)
    while len(text := _list(skills, intro, longest).encode()) > limit:
        if longest <= SHORTEST:
            told = f"{len(skills)} skills are not listed: the list would fill too much"
            return "", f"{told} of the model's window. They can still be named: $NAME."
        longest = max(SHORTEST, longest * limit // len(text))
    return text.decode(), ""


def _list(skills: Sequence[Skill], intro: str, longest: int) -> str:
    lines = "".join(
        f"- {skill.name}: {_cut(skill.description, longest)} (file: {skill.path})\n"
        for skill in skills
    )
    return f"<skills>\n{intro}{lines}</skills>"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _brought(skill: Skill) -> str:
    name, path = skill.name, skill.path
    return f"<skill>\n<name>{name}</name>\n<path>{path}</path>\n{skill.text}\n</skill>"


def _named(text: str) -> set[str]:
    """Return the words that follow a ``$``, and the paths of ``[$word](path)``."""
    named: set[str] = set()
    for part in text.split("$")[1:]:
        end = next(
            (i for i, c in enumerate(part) if not (c.isalnum() or c in _OF_NAMES)),
            len(part),
        )
        link = part[end:].startswith("](") and part[end + 2 :].partition(")")[0]
        named.add(link or part[:end])
    return named


def _is_named(skill: Skill, named: set[str], skills: Sequence[Skill]) -> bool:
    """Return whether a skill is meant; a name that two have means neither."""
    alike = sum(1 for other in skills if other.name == skill.name)
    return str(skill.path) in named or (skill.name in named and alike == 1)


def _files(place: Path) -> Iterator[Path]:
    """Yield the files below a place; a folder whose name begins with a dot is none."""
    depth = len(place.parts)
    walk = os.walk(place, followlinks=True)
    for number, (folder, folders, names) in enumerate(walk):
        if number >= MAX_FOLDERS:
            return
        deep = len(Path(folder).parts) - depth >= MAX_DEPTH
        folders[:] = [] if deep else sorted(f for f in folders if f[0] != ".")
        if FILE_NAME in names:
            yield Path(folder) / FILE_NAME


def _read(path: Path) -> Skill | str:
    """Return a skill, or what is wrong with its file."""
    try:
        if not path.is_file():  # a pipe of that name would be waited for
            return "it is no file"
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return error.strerror or str(error)
    if len(data) > MAX_FILE_BYTES:
        return f"it is larger than {MAX_FILE_BYTES:,} bytes"
    text = data.decode("utf-8", "replace")
    fields = frontmatter(text)
    if fields is None:
        return "missing YAML frontmatter delimited by ---"
    name = fields.get("name") or path.parent.name
    description = " ".join(fields.get("description", "").split())
    if not description:
        return "missing field `description`"
    if len(name) > MAX_NAME:
        return f"invalid name: exceeds maximum length of {MAX_NAME} characters"
    return Skill(" ".join(name.split()), description, path, text)
