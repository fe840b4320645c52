"""Commands that only read and print: nobody needs to be asked about them.

Source of the list: the Codex CLI 0.148.
"""

import re

from codex_oss.policy.commands import Script

HARMLESS = frozenset(
    (
        *("cat", "cd", "cut", "echo", "expr", "false", "grep", "head", "id", "ls"),
        *("nl", "numfmt", "paste", "pwd", "rev", "seq", "stat", "tac", "tail", "tr"),
        *("true", "uname", "uniq", "wc", "which", "whoami"),
    )
)
"""Programs that are harmless whatever their arguments."""
HARMLESS_WITHOUT = {
    "base64": ("-o", "--output"),
    "find": (
        *("-exec", "-execdir", "-ok", "-okdir", "-delete"),
        *("-fls", "-fprint", "-fprint0", "-fprintf"),
    ),
    "rg": ("--pre", "--hostname-bin", "--search-zip", "-z"),
}
"""Programs that are harmless without these options."""
_SED_WORDS = 4
_SED_PRINTS = r"[0-9]+(,[0-9]+)?p"


def known_safe(script: Script) -> bool:
    """Return whether ``script`` only reads and prints.

    True for plain scripts (see ``Script``) where each command is on the list.
    """
    return script.plain and all(
        _harmless([word.text for word in command.words]) for command in script.commands
    )


def _harmless(words: list[str]) -> bool:
    name, *arguments = words or [""]
    if name in HARMLESS_WITHOUT:
        bad = HARMLESS_WITHOUT[name]
        return not any(_is_option(word, bad) for word in arguments)
    if name == "sed":
        return (
            len(words) <= _SED_WORDS
            and words[1:2] == ["-n"]
            and re.fullmatch(_SED_PRINTS, "".join(words[2:3])) is not None
            and not any(word.startswith("-") for word in words[3:])
        )
    return name in HARMLESS


def _is_option(word: str, options: tuple[str, ...]) -> bool:
    """Return whether ``word`` may be one of ``options``, also cut short or joined."""
    name = word.partition("=")[0]
    if name.startswith("--"):
        return any(option.startswith(name) for option in options)
    letters = {option[1] for option in options if len(option) == len("-o")}
    return word.startswith("-") and (name in options or not letters.isdisjoint(word))
