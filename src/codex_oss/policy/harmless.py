"""Commands that only read and print: nobody needs to be asked about them."""

import re

from codex_oss.policy.script import Lexer, Script

_HARMLESS = frozenset(
    (
        *("cat", "cd", "cut", "echo", "expr", "false", "grep", "head", "id", "ls"),
        *("nl", "numfmt", "paste", "pwd", "rev", "seq", "stat", "tac", "tail", "tr"),
        *("true", "uname", "uniq", "wc", "which", "whoami"),
    )
)
_NEVER_HARMLESS = {
    "base64": ("-o", "--output"),
    "find": (
        *("-exec", "-execdir", "-ok", "-okdir", "-delete"),
        *("-fls", "-fprint", "-fprint0", "-fprintf"),
    ),
    "rg": ("--pre", "--hostname-bin", "--search-zip", "-z"),
}
_SED_WORDS = 4
# Expansions, redirections, groups, comments, escapes and lines. Also inside quotes,
# where some are harmless: such a command asks once too often.
_NOT_PLAIN = frozenset("$`\\<>(){}*?[]~!#^\n\r")


def known_safe(script: Script) -> bool:
    """Return whether ``command`` only reads and prints.

    True for plain words joined by ``&& || ; |`` where each command is on a short
    list (Codex CLI 0.148).
    """
    command = script.text
    if _NOT_PLAIN & set(command):
        return False
    if "&" in command.replace("&&", ""):
        return False
    if command.count("'") % 2 or command.count('"') % 2:
        return False
    commands = Lexer(command).commands()
    return bool(commands) and all(_harmless(words) for words in commands)


def _harmless(words: list[str]) -> bool:
    name, *arguments = words
    if name in _NEVER_HARMLESS:
        bad = _NEVER_HARMLESS[name]
        return not any(_is_option(word, bad) for word in arguments)
    if name == "sed":
        return (
            len(words) <= _SED_WORDS
            and words[1:2] == ["-n"]
            and re.fullmatch(r"\d+(,\d+)?p", "".join(words[2:3])) is not None
            and not any(word.startswith("-") for word in words[3:])
        )
    return name in _HARMLESS


def _is_option(word: str, options: tuple[str, ...]) -> bool:
    """Return whether ``word`` may be one of ``options``, also cut short or joined."""
    name = word.partition("=")[0]
    if name.startswith("--"):
        return any(option.startswith(name) for option in options)
    letters = {option[1] for option in options if len(option) == len("-o")}
    return word.startswith("-") and (name in options or not letters.isdisjoint(word))
