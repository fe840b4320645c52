"""Commands that destroy what cannot be had back."""

from collections.abc import Callable

import msgspec

from codex_oss.policy.script import Lexer, Script

FORCED_REMOVAL = "rm -f style commands are not permitted. Use a safer approach"


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command would run: its folder, what may be written, what is there."""

    cwd: str
    roots: tuple[str, ...]
    exists: Callable[[str], bool]


class Harm(msgspec.Struct, frozen=True):
    """What a script would destroy: in words for a person, and for the model."""

    asked: str
    told: str


def harm(script: Script, ground: Ground) -> Harm | None:
    """Return what ``script`` destroys that cannot be had back, if anything."""
    del ground
    if removes_by_force(script.text):
        return Harm("it removes files by force", FORCED_REMOVAL)
    return None


_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_KEYWORDS = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{"})
# A command that runs the rest of its words, and its options that take a value.
_RUNNERS = {
    "sudo": "CDRTUghprtu",
    "doas": "Cu",
    "env": "CSu",
    "command": "",
    "exec": "a",
    "nohup": "",
    "time": "fo",
    "nice": "n",
}
_NESTED_SCRIPTS = 4


def removes_by_force(script: str, depth: int = _NESTED_SCRIPTS) -> bool:
    """Return whether a command of ``script`` is ``rm`` with ``-f`` or ``--force``.

    Seen through ``sudo``, ``env`` and their like, absolute paths and nested
    ``bash -c``. It catches habits, not cunning: ``xargs rm -f``, ``find -delete`` and
    ``$(echo rm) -f`` are not seen. The sandbox is the wall.
    """
    for command in Lexer(script).commands():
        words = _without_runners(command)
        if not words:
            continue
        name = words[0].rpartition("/")[2]
        if name == "rm" and _has_force(words[1:]):
            return True
        nested = _script_of(words) if name in _SHELLS and depth else None
        if nested is not None and removes_by_force(nested, depth - 1):
            return True
    return False


def _without_runners(words: list[str]) -> list[str]:
    """Return the words of the program that in the end runs."""
    at, with_value = 0, ""
    runs = False
    while at < len(words):
        word = words[at]
        name = word.rpartition("/")[2]
        if _assigns(word) or (not runs and word in _KEYWORDS):
            at += 1
        elif runs and word.startswith("-") and word != "-":
            takes_next = len(word) == len("-u") and word[1] in with_value
            at += 2 if takes_next else 1
        elif name in _RUNNERS:
            with_value, runs = _RUNNERS[name], True
            at += 1
        else:
            break
    return words[at:]


def _assigns(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _has_force(arguments: list[str]) -> bool:
    for word in arguments:
        if word == "--":
            return False
        if word.startswith("--f") and "--force".startswith(word):
            return True
        if word.startswith("-") and not word.startswith("--") and "f" in word:
            return True
    return False


def _script_of(words: list[str]) -> str | None:
    """Return the script in ``bash -lc SCRIPT``."""
    for at, word in enumerate(words[1:], start=1):
        if not word.startswith("-"):
            return None
        if not word.startswith("--") and word.endswith("c"):
            return words[at + 1] if at + 1 < len(words) else None
    return None
