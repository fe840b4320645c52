"""One value of a TOML file set, and all the rest of it left as it is.

Comments, blank lines and the order stay. A file is replaced in one step, so that it is
never there half; through a symbolic link, the file that it leads to.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from codex_oss.config import toml
from codex_oss.config.keys import dotted, find_end, read_key
from codex_oss.config.locked import take
from codex_oss.config.tree import Key, Tree, leaves
from codex_oss.config.whole import write_whole
from codex_oss.errors import ConfigError

_MARK = "\ufeff"


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A change that can be written; ``line`` is where, from 1."""

    path: Path
    before: str
    after: str
    line: int

    @property
    def changes(self) -> bool:
        """Whether anything is different."""
        return self.before != self.after


def set_text(path: Path, shown: str, key: Key, value: str) -> Edit:
    """Return a file with a text at ``key``; nothing is written.

    ``shown`` is the path for people. Raises ``errors.ConfigError`` for a file that is
    not TOML, and where the value cannot be set without changing more.
    """
    mark, before = read(path, shown)
    lines = toml.key_lines(before)
    line, after = _placed(before, lines, key, encode(value))
    if not _only(key, value, toml.parse(before, path, shown), after, path):
        at = lines.get(key) or lines.get(key[:-1])
        place = f"{shown}:{at}" if at else shown
        raise ConfigError(
            f"{place}: cannot set `{dotted(key)}` without changing more than that",
            hint=f'Write it yourself: {key[-1]} = "{value}" in [{dotted(key[:-1])}].',
        )
    return Edit(path=path, before=mark + before, after=mark + after, line=line)


@contextmanager
def alone(path: Path) -> Generator[None]:
    """Let nobody else change a file between our reading of it and our writing.

    Raises ``errors.ConfigError`` when its folder cannot be used, or another process
    does not let go of it.
    """
    folder = path.resolve().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"Cannot write {path}: {error.strerror}") from error
    try:
        try:
            take(fd)
        except OSError as error:
            raise ConfigError(f"Cannot write {path}: {error.strerror}") from error
        yield
    finally:
        os.close(fd)


def write(edit: Edit) -> None:
    """Replace the file; a new one is for its owner's eyes only, as it may hold keys.

    Raises ``errors.ConfigError`` when it cannot be written.
    """
    try:
        write_whole(edit.path.resolve(), edit.after.encode(), lasting=True)
    except OSError as error:
        raise ConfigError(f"Cannot write {edit.path}: {error.strerror}") from error


def read(path: Path, shown: str) -> tuple[str, str]:
    """Return the mark of UTF-8 that a file may begin with, and its text."""
    if toml.read(path, shown) is None:  # and it tells what is wrong with it
        return "", ""
    text = path.read_bytes().decode("utf-8")
    body = text.removeprefix(_MARK)
    return text[: len(text) - len(body)], body


def encode(value: str) -> str:
    """Return a text as TOML writes it: as JSON, but for one character more."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _placed(text: str, at: dict[Key, int], key: Key, value: str) -> tuple[int, str]:
    """Return the line of ``key`` and the text with it: changed, added, or appended."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split("\n")
    new = f"{key[-1]} = {value}"
    if number := at.get(key):
        lines[number - 1] = _changed(lines[number - 1], value)
        return number, "\n".join(lines)
    number = at.get(key[:-1], 0)
    if number and lines[number - 1].lstrip().startswith("["):
        lines.insert(number, new + end[:-1])
        return number + 1, "\n".join(lines)
    gap = "" if not text.strip() else end if text.endswith("\n") else end * 2
    after = f"{text}{gap}[{dotted(key[:-1])}]{end}{new}{end}"
    return after.count("\n"), after


def _changed(line: str, value: str) -> str:
    """Return a line with another value; what stands behind it stays."""
    found = read_key(line.lstrip())
    rest = found[1][1:].lstrip() if found else ""
    quote = rest[:1] if rest[:1] in ('"', "'") else ""
    close = find_end(rest, quote, 1) + 1 if quote else 0
    behind = rest[close:] if close else _comment(rest)
    return line[: len(line) - len(rest)] + value + behind


def _comment(rest: str) -> str:
    """Return the comment behind a value that is no text, with the blank before it."""
    _, mark, comment = rest.partition("#")
    return f"  #{comment}" if mark else "\r" * rest.endswith("\r")


def _only(key: Key, value: str, before: Tree, after: str, path: Path) -> bool:
    """Tell whether a text is what it was, but for one value."""
    try:
        tree = toml.parse(after, path, "")
    except ConfigError:
        return False
    wanted = values(before) | {key: value}
    return values(tree) == wanted


def values(tree: Tree) -> dict[Key, Any]:
    """Return every value by its key; empty tables do not count."""
    return {key: leaf.value for key, leaf in leaves(tree) if leaf.value != {}}
