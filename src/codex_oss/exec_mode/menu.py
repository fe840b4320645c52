"""A list to choose from: arrows move, letters narrow it down, Enter takes."""

from codex_oss.exec_mode import keystrokes as key
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap

SHOWN_ROWS = 15
"""Rows that are shown at the same time."""
_OTHER_ROWS = 3
"""The title, the search and the help: what scrolls away is not erased."""
_HELP = "↑↓ choose · type to search · enter: take · esc: none"
_STEPS = {
    key.UP: -1,
    "\x10": -1,  # Ctrl-P
    key.DOWN: 1,
    "\x0e": 1,  # Ctrl-N
    key.PAGE_UP: -SHOWN_ROWS,
    key.PAGE_DOWN: SHOWN_ROWS,
}
_LEAVE = (key.ESCAPE, "\x03", "\x04")
_CLEAR = "\x15"
"""Ctrl-U."""


class Menu:
    """Rows of text; each is chosen by its index."""

    def __init__(self, title: str, rows: list[str]) -> None:
        self._title = title
        self._rows = [visible(row) for row in rows]
        self._folded = [row.casefold() for row in self._rows]
        self._search = ""
        self._left = list(range(len(rows)))
        self._at = 0
        self._drawn = 0
        self.chosen: int | None = None
        self.over = False

    def feed(self, typed: str) -> None:
        """Take a key; ``over`` says when it was the last."""
        if step := _STEPS.get(typed):
            self._move(step)
        elif typed == key.ENTER:
            if self._left:
                self.chosen, self.over = self._left[self._at], True
        elif typed in _LEAVE:
            self.over = True
        elif typed == key.BACKSPACE:
            self._narrow(self._search[:-1])
        elif typed == _CLEAR:
            self._narrow("")
        elif typed.isprintable():
            self._narrow(self._search + typed)

    def draw(self, columns: int, rows: int) -> str:
        """Return what brings the terminal from the last drawing to this one."""
        width = max(columns - 1, 4)
        most = max(1, min(SHOWN_ROWS, rows - _OTHER_ROWS))
        top = max(0, min(self._at - most // 2, len(self._left) - most))
        shown = self._left[top : top + most]
        count = f"{len(self._left)} of {len(self._rows)}"
        lines = [f"{self._title} ({count})", f"search: {self._search}"]
        for number, index in enumerate(shown, start=top):
            mark = "→ " if number == self._at else "  "
            lines.append(mark + self._rows[index])
        lines.append(_HELP)
        cut = [wrap(line, width)[0] for line in lines]
        text = self.erase() + "\n".join(cut)
        self._drawn = len(cut)
        return text

    def erase(self) -> str:
        """Return what takes the last drawing away."""
        up = self._drawn - 1
        self._drawn = 0
        return "\r" + (f"\x1b[{up}A" if up > 0 else "") + "\x1b[J"

    def _move(self, step: int) -> None:
        self._at = max(0, min(self._at + step, len(self._left) - 1))

    def _narrow(self, search: str) -> None:
        """Keep the rows that hold all words of the search."""
        self._search, self._at = search, 0
        words = search.casefold().split()
        self._left = [
            index
            for index, row in enumerate(self._folded)
            if all(word in row for word in words)
        ]
