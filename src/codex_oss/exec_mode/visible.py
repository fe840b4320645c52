"""Text of models and commands for a terminal: it may be read, not obeyed.

A terminal does what the characters in it say: it clears the screen, writes over what
stands there, hides text. What stands on the screen must be what happened.
"""

import re

_COLOR = re.compile(r"\x1b\[[0-9;:]*m")
_ESCAPES = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))
    if chr(code) not in "\n\t"
}


def visible(text: str) -> str:
    """Return ``text`` with all that does not print as itself shown by its code.

    That is what moves the cursor, turns the direction of writing, takes no room, or
    looks like a blank and is none (``str.isprintable``). For one line that somebody
    decides on.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def shown(text: str) -> str:
    """Return ``text`` with what a terminal would obey shown by its code.

    Colours are left out. Of a line that was written over, as progress bars are, the
    last state is kept.
    """
    if text.isascii() and text.isprintable():
        return text
    lines = _COLOR.sub("", text).replace("\r\n", "\n").split("\n")
    final = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return final.translate(_ESCAPES)
