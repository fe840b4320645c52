"""What a shell reads as its script when a pipe, or ``<(…)``, brings it."""

from collections.abc import Iterator

from codex_oss.policy.commands import Command
from codex_oss.policy.printed import STDIN, UNSEEN, printed
from codex_oss.policy.script import read
from codex_oss.policy.words import Word

_FETCHERS = frozenset(("curl", "wget"))


def scripts(
    words: tuple[Word, ...], command: Command, *, stdin: bool
) -> Iterator[Word]:
    """Yield what a shell or ``source`` with these operands reads as its script.

    ``stdin``: it reads its input, whatever its operands are.
    """
    first = words[0] if words else None
    if first is not None and not stdin and first.text not in STDIN:
        if first.text.startswith("<(") and not first.literal:
            brought = _of_substitution(first.text)
            yield from () if brought is None else (brought,)
        return
    texts = [redirect.text for redirect in command.redirects if redirect.text]
    yield from texts
    brought = command.piped
    if not texts and brought is not None and not command.fed:
        yield brought


def fetched(text: str) -> bool:
    """Return whether ``$(…)`` or ``<(…)`` brings whatever a server sends."""
    if not text.startswith(("$(", "<(")) or not text.endswith(")"):
        return False
    return any(
        command.words and command.words[0].text in _FETCHERS
        for command in read(text[2:-1]).commands
    )


def _of_substitution(text: str) -> Word | None:
    commands = read(text[2:].removesuffix(")")).commands
    return printed(commands[0].words) if len(commands) == 1 else UNSEEN
