"""What a command prints for a shell that reads from it."""

import re

from codex_oss.policy.words import Word

SHELLS = frozenset(("sh", "bash", "zsh", "dash", "ksh", "ash", "fish"))
SOURCES = frozenset((".", "source"))
"""Commands that run a file in the shell itself."""
UNSEEN = Word("", literal=False)
"""A script that is not written out."""

STDIN = frozenset(("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"))
"""Names of what a program reads from a pipe."""

_DIRECTIVE = r"%%|%[-0-9.]*[sbqd]"
_MAX_ROUNDS = 100
"""How often printf's format is gone through."""


def may_read(words: tuple[Word, ...]) -> bool:
    """Return whether a shell, or ``source``, is among the words of a command."""
    names = {word.text.rpartition("/")[2] for word in words}
    return not names.isdisjoint(SHELLS | SOURCES)


def printed(words: tuple[Word, ...]) -> Word | None:
    """Return what a command prints for a shell to read.

    None: files of this machine, as ``bash FILE`` reads. ``UNSEEN``: nobody knows.
    """
    name = words[0].text.rpartition("/")[2] if words else ""
    rest = list(words[1:])
    while rest and re.fullmatch("-[neE]+|--", rest[0].text):
        del rest[0]
    if name == "cat" and rest:
        return UNSEEN if any(_is_brought(word) for word in rest) else None
    texts = [word.text for word in rest]
    if name == "echo":
        text = " ".join(texts)
    elif name == "printf" and texts:
        text = _formatted(texts[0], texts[1:])
    else:
        return UNSEEN
    # Of `echo "$x"` nothing is known; of `echo "cd $x && make"` enough.
    if not all(word.literal for word in rest) and text.startswith(("$", "`")):
        return UNSEEN
    return Word(text.replace("\\n", "\n"))


def _is_brought(word: Word) -> bool:
    """Return whether an operand is not a file but what a command prints."""
    begins = word.text.startswith(("<(", "$(", "`"))
    return word.text in STDIN or (begins and not word.literal)


def _formatted(form: str, values: list[str]) -> str:
    """Return what printf makes of a format and values: as often as these last."""
    left = list(reversed(values))
    done = ""
    for _ in range(_MAX_ROUNDS):
        count = len(left)
        done += re.sub(_DIRECTIVE, lambda found: _next(found[0], left), form)
        if len(left) in {0, count}:
            break
    return done


def _next(directive: str, left: list[str]) -> str:
    if directive == "%%":
        return "%"
    return left.pop() if left else ""
