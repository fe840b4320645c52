"""Printable text as rows of a terminal, where some characters take two columns."""

from collections.abc import Iterator


def wrap(text: str, columns: int) -> list[str]:
    """Return text as rows of at most so many columns, at least one row."""
    if text.isascii():
        return [text[at : at + columns] for at in range(0, len(text), columns)] or [""]
    return list(_rows_of_wide(text, columns))


def wrap_words(text: str, columns: int) -> list[str]:
    """Return the same as ``wrap``, broken between words where that is possible."""
    rows, row = list[str](), ""
    for word in text.split(" "):
        joined = f"{row} {word}" if row else word
        if row and len(wrap(joined, columns)) > 1:
            rows.append(row)
            joined = word
        row = joined
    return [part for line in (*rows, row) for part in wrap(line, columns)]


def width(text: str) -> int:
    """Return the columns that text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _rows_of_wide(text: str, columns: int) -> Iterator[str]:
    row, used = "", 0
    for char in text:
        takes = _columns(char)
        if used + takes > columns:
            yield row
            row, used = "", 0
        row, used = row + char, used + takes
    yield row


def _columns(char: str) -> int:
    # A table of 700 kB that commands in other scripts alone need.
    from unicodedata import east_asian_width  # noqa: PLC0415

    return 2 if east_asian_width(char) in "WF" else 1
