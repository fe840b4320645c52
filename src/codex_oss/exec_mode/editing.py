"""A prompt while it is typed: its text, the cursor, and prompts from before.

``feed`` takes keys (``keystrokes``), ``draw`` returns what a terminal shows then.
"""

from codex_oss.exec_mode import keystrokes as key
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import width, wrap

SHOWN_ROWS = 12
"""Rows of a long prompt that are shown around the cursor."""
FIRST, NEXT = "> ", "  "
"""What stands before the first line of a prompt and before the others."""


class Editor:
    """One prompt after the other; ``before`` are the ones that arrows bring back.

    ``goes_on``: a backslash at the end takes Enter's meaning from it.
    """

    def __init__(self, before: list[str], *, goes_on: bool = True) -> None:
        self.before = list(before)
        self._goes_on = goes_on
        self._text = ""
        self._at = 0
        self._shown = len(self.before)
        self._draft = ""
        self._row = 0
        self._done: str | None = None
        self.ended = False
        """Whether Ctrl-D was pressed where there is no text."""
        self._keys = {
            key.ENTER: self._enter,
            key.NEW_LINE: lambda: self._insert("\n"),
            key.BACKSPACE: lambda: self._cut(self._at - 1, self._at),
            key.DELETE: lambda: self._cut(self._at, self._at + 1),
            key.LEFT: lambda: self._move(self._at - 1),
            key.RIGHT: lambda: self._move(self._at + 1),
            key.HOME: lambda: self._move(self._line_start()),
            key.END: lambda: self._move(self._line_end()),
            key.UP: lambda: self._up(-1),
            key.DOWN: lambda: self._up(1),
            "\x01": lambda: self._move(self._line_start()),  # Ctrl-A and so on
            "\x02": lambda: self._move(self._at - 1),
            "\x03": self._interrupt,
            "\x04": self._end,
            "\x05": lambda: self._move(self._line_end()),
            "\x06": lambda: self._move(self._at + 1),
            "\x0b": lambda: self._cut(self._at, self._line_end()),
            "\x0e": lambda: self._recall(self._shown + 1),
            "\x10": lambda: self._recall(self._shown - 1),
            "\x15": lambda: self._cut(self._line_start(), self._at),
            "\x17": lambda: self._cut(self._word_start(), self._at),
        }

    @property
    def text(self) -> str:
        """What is typed so far."""
        return self._text

    def feed(self, typed: str) -> str | None:
        """Take a key; return the prompt when it is finished."""
        if typed.startswith(key.PASTED):
            pasted = typed.removeprefix(key.PASTED)
            self._insert(pasted.replace("\r\n", "\n").replace("\r", "\n"))
        elif act := self._keys.get(typed):
            act()
        elif typed.isprintable() or typed == "\t":
            self._insert(typed)
        done, self._done = self._done, None
        if done is not None:
            if done.strip() and self.before[-1:] != [done]:
                self.before.append(done)
            self._set("")
            self._shown, self._draft = len(self.before), ""
        return done

    def draw(self, columns: int, height: int) -> str:
        """Return what brings the terminal from the last drawing to this one."""
        rows, row, column = self._rows(max(columns - 1, 4))
        most = max(1, min(SHOWN_ROWS, height))
        top = max(0, min(row - most // 2, len(rows) - most))
        rows, row = rows[top : top + most], row - top
        clear = self._to_top() + "\x1b[J"
        up, self._row = len(rows) - 1 - row, row
        back = (f"\x1b[{up}A" if up else "") + "\r"
        return clear + "\n".join(rows) + back + (f"\x1b[{column}C" if column else "")

    def leave(self, text: str, columns: int) -> str:
        """Return what shows a finished prompt as it stays on the terminal."""
        begin = self._to_top() + "\x1b[J"
        self._row = 0
        rows, _, _ = _laid_out(text, 0, max(columns - 1, 4))
        return begin + "\n".join(rows) + "\n"

    def _to_top(self) -> str:
        return "\r" + (f"\x1b[{self._row}A" if self._row else "")

    def _rows(self, columns: int) -> tuple[list[str], int, int]:
        return _laid_out(self._text, self._at, columns)

    def _enter(self) -> None:
        continued = self._goes_on and self._text.endswith("\\")
        if continued and self._at == len(self._text):
            self._set(self._text[:-1] + "\n")
        else:
            self._done = self._text

    def _end(self) -> None:
        if self._text:
            self._cut(self._at, self._at + 1)
        else:
            self.ended = True

    def _interrupt(self) -> None:
        self._set("")
        self._shown = len(self.before)

    def _insert(self, text: str) -> None:
        text = "".join(c for c in text if c.isprintable() or c in "\n\t")
        self._text = self._text[: self._at] + text + self._text[self._at :]
        self._at += len(text)

    def _cut(self, begin: int, end: int) -> None:
        begin = max(begin, 0)
        self._text, self._at = self._text[:begin] + self._text[end:], begin

    def _move(self, to: int) -> None:
        self._at = max(0, min(to, len(self._text)))

    def _set(self, text: str) -> None:
        self._text, self._at = text, len(text)

    def _line_start(self) -> int:
        return self._text.rfind("\n", 0, self._at) + 1

    def _line_end(self) -> int:
        end = self._text.find("\n", self._at)
        return len(self._text) if end < 0 else end

    def _word_start(self) -> int:
        said = self._text[: self._at].rstrip()
        return max(said.rfind(" "), said.rfind("\n")) + 1

    def _up(self, step: int) -> None:
        """Go to the line above or below; from the first and last, to other prompts."""
        column = self._at - self._line_start()
        if step < 0 and (start := self._line_start()):
            above = self._text.rfind("\n", 0, start - 1) + 1
            self._move(min(above + column, start - 1))
        elif step > 0 and (end := self._line_end()) < len(self._text):
            below = self._text.find("\n", end + 1)
            last = len(self._text) if below < 0 else below
            self._move(min(end + 1 + column, last))
        else:
            self._recall(self._shown + step)

    def _recall(self, to: int) -> None:
        if not 0 <= to <= len(self.before):
            return
        if self._shown == len(self.before):
            self._draft = self._text
        self._shown = to
        self._set(self._draft if to == len(self.before) else self.before[to])


def _laid_out(text: str, at: int, columns: int) -> tuple[list[str], int, int]:
    """Return the rows of a text, and the cursor's row and column among them."""
    rows: list[str] = []
    row = column = 0
    for number, line in enumerate(text.split("\n")):
        before = NEXT if number else FIRST
        if 0 <= at <= len(line):
            up_to = wrap(before + visible(line[:at]), columns)
            row, column = len(rows) + len(up_to) - 1, width(up_to[-1])
        at -= len(line) + 1
        rows += wrap(before + visible(line), columns)
    return rows, row, column
