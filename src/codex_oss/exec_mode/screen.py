"""What all that draws on a terminal goes by: its size, and how a line goes away."""

import os
from typing import TextIO

COLUMNS, ROWS = 80, 24
"""The size of a terminal that does not tell its own."""
MIN_COLUMNS = 20
"""A narrower terminal is written to as if it had so many."""
ERASE = "\r\x1b[K"
"""Takes away the line that the cursor is in."""


def size(fd: int) -> tuple[int, int]:
    """Return a terminal's columns and rows."""
    try:
        told = os.get_terminal_size(fd)
    except OSError:
        return COLUMNS, ROWS
    return told.columns or COLUMNS, told.lines or ROWS


def columns(stream: TextIO) -> int:
    """Return the width of the terminal that a stream leads to."""
    try:
        return size(stream.fileno())[0]
    except OSError:  # it has no descriptor
        return COLUMNS
