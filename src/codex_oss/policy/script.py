"""Shell scripts, read by a grammar and taken apart into simple commands."""

from codex_oss.policy.commands import Script


def read(text: str) -> Script:
    """Return ``text`` taken apart. Never raises; the time it takes is bounded."""
    # The grammar is 20 ms to import, which exec pays at its first command.
    from codex_oss.policy.grammar import Budget, Reader, parsed  # noqa: PLC0415

    source = text.encode("utf-8", "replace")
    budget = Budget()
    root = parsed(source, budget)
    if root is None:
        return Script(text=text, unread=True)
    reader = Reader(source)
    reader.walk(root)
    broken = reader.broken or root.has_error
    if broken:
        reader.walk_lines(budget)
    return Script(
        text=text,
        commands=tuple(reader.commands),
        plain=reader.plain and not broken and _ordinary(text),
        broken=broken,
    )


def _ordinary(text: str) -> bool:
    """Return whether shell and grammar agree on what separates the words.

    Line ends of other systems and blanks of Unicode are letters to a shell.
    """
    return all(
        character in " \t\n" or (not character.isspace() and character >= " ")
        for character in text
    )
