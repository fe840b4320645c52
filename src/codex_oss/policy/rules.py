"""Rules that people make: what begins with these words is allowed, asked or forbidden.

Source of format and meaning: ``rules/*.rules`` of the Codex CLI 0.169.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from codex_oss.policy.commands import Command, Script
from codex_oss.policy.harm import MOVES, harm
from codex_oss.policy.place import Ground
from codex_oss.policy.runners import (
    MAX_DEPTH,
    RUNNERS,
    SHELLS,
    behind,
    everything,
    name_of,
)
from codex_oss.policy.words import Word

MAX_MOVES = 100
"""How many changes of folder are followed in a script that rules allow."""

Decision = Literal["allow", "prompt", "forbidden"]


class PrefixRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: each element of ``pattern`` is a word, or the words it may be."""

    pattern: tuple[str | tuple[str, ...], ...]
    decision: Decision = "allow"
    justification: str = ""

    def matches(self, words: Sequence[str]) -> bool:
        """Return whether ``words`` begin with the pattern."""
        return len(words) >= len(self.pattern) and all(
            word == wanted if isinstance(wanted, str) else word in wanted
            for wanted, word in zip(self.pattern, words, strict=False)
        )


class Rules(msgspec.Struct, frozen=True):
    """All rules; of those that match a command the strictest counts."""

    rules: tuple[PrefixRule, ...] = ()

    def of(self, script: Script) -> PrefixRule | None:
        """Return the strictest rule that matches ``script``.

        A rule that forbids or asks matches when it matches one command, also one that
        another runs (``sudo git push``) or that is named by its path. One that allows
        counts only in a plain script, as it is written, and if every command is
        allowed.
        """
        strict = [rule for rule in self.rules if rule.decision != "allow"]
        if strict and (found := _strictest(strict, script)):
            return found
        if not script.plain:
            return None
        allowed = [self._allowing(command) for command in script.commands]
        return allowed[0] if allowed and all(allowed) else None

    def guarded(self, script: Script, ground: Ground) -> bool:
        """Return whether the guard stops a script that rules allow.

        It lets a command pass if a rule's own words say what is lost: ``rm -rf`` does,
        ``rm`` does not.
        """
        moves: list[Command] = []
        for command in script.commands:
            whole = [command.words]
            named = [command.words[: len(r.pattern)] for r in self._allow(command)]
            if _lost(whole, moves, ground) and not _lost(named, moves, ground):
                return True
            if name_of(command) in MOVES:
                moves.append(command)
            if len(moves) > MAX_MOVES:
                return True
        return False

    def _allowing(self, command: Command) -> PrefixRule | None:
        return next(iter(self._allow(command)), None)

    def _allow(self, command: Command) -> list[PrefixRule]:
        """Return the rules that allow a command."""
        words = [word.text for word in command.words]
        return [r for r in self.rules if r.decision == "allow" and r.matches(words)]


def _lost(
    commands: list[tuple[Word, ...]], moves: list[Command], ground: Ground
) -> bool:
    """Return whether one of ``commands`` destroys something, after ``moves``."""
    scripts = (
        Script(text="", commands=(*moves, Command(words=words))) for words in commands
    )
    return any(harm(script, ground) is not None for script in scripts)


def _strictest(rules: list[PrefixRule], script: Script) -> PrefixRule | None:
    found: PrefixRule | None = None
    for command in everything(script):
        words = [word.text for word in command.words]
        bare = [words[0].rpartition("/")[2], *words[1:]] if words else []
        for rule in rules:
            if rule.matches(words) or rule.matches(bare):
                if rule.decision == "forbidden":
                    return rule
                found = found or rule
    return found


# --- making one -----------------------------------------------------------------------

_INTERPRETERS = frozenset(
    (
        *("python", "pypy", "node", "nodejs", "deno", "bun", "perl", "ruby", "php"),
        *("lua", "osascript", "pwsh", "powershell", "awk", "gawk", "mawk", "tclsh"),
        *("ssh", "docker", "podman", "kubectl", "git", "npm", "npx", "pnpm", "yarn"),
        *("uv", "uvx", "pip", "cargo", "go"),
    )
)
"""Programs that do anything, depending on the words that follow."""
_OF_MANY_USES = frozenset(
    (
        *("make", "gmake", "ninja", "just", "task", "mage", "rake", "gradle", "mvn"),
        *("sed", "tee", "ed", "vi", "vim", "emacs", "tmux", "screen", "pytest", "tox"),
        *("nox", "poetry", "pipx", "bundle", "composer", "systemctl", "crontab", "at"),
        *("apt", "apt-get", "dnf", "brew", "helm", "terraform", "ansible", "curl"),
        *("wget", "rsync", "tar", "dotnet", "swift", "java", "psql", "sqlite3"),
    )
)
"""Programs of which a model's prefix must say more than options."""
_NEVER_OFFERED = frozenset(
    (
        *("find", "xargs", "parallel", "eval", "source", ".", "exec", "busybox"),
        *("rm", "unlink", "shred", "srm", "dd"),
    )
)
"""Programs that do anything, or destroy it, whatever words a rule begins with."""
_NOWHERE = Ground(cwd="/", roots=("/",), exists=lambda _: False)


def proposal(script: Script, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the prefix that a person is offered to allow from now on, or nothing.

    ``wanted`` is the model's own proposal; it counts if the script is one plain
    command that begins with it, and if it says more than the program's name; else all
    words of that command do. Nothing is offered that would allow everything, or what
    the guard stops.
    """
    if not script.plain or len(script.commands) != 1 or harm(script, _NOWHERE):
        return ()
    words = tuple(word.text for word in script.commands[0].words)
    chosen = tuple(wanted)
    if chosen and words[: len(chosen)] == chosen and _says_enough(chosen):
        return chosen
    return () if _too_wide(words) else words


def _says_enough(chosen: tuple[str, ...]) -> bool:
    """Return whether a part of a command says what it is about.

    One word does not, nor does ``make -j``.
    """
    name, rest = _behind_runners(chosen)
    if name in _OF_MANY_USES:
        rest = tuple(word for word in rest if not word.startswith("-"))
    return bool(rest) and not _too_wide(chosen)


def _too_wide(words: tuple[str, ...]) -> bool:
    """Return whether what begins with ``words`` could be anything.

    So could a runner without the command that it runs (``sudo -u root``), and an
    interpreter with nothing but options (``python -c``).
    """
    name, rest = _behind_runners(words)
    if not name or name in RUNNERS or name in _NEVER_OFFERED:
        return True
    anything = name in SHELLS or name.rstrip("0123456789.") in _INTERPRETERS
    return anything and all(word.startswith("-") for word in rest)


def _behind_runners(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the program that ``words`` run in the end, and its words."""
    name, rest = _program(words)
    for _ in range(MAX_DEPTH):
        if name not in RUNNERS or name in _NEVER_OFFERED:
            break
        inner = behind(name, tuple(Word(text) for text in rest))
        name, rest = _program(tuple(word.text for word in inner))
    return name, rest


def _program(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    return (words[0].rpartition("/")[2], words[1:]) if words else ("", ())
