"""Lines that a person types at a terminal, one after the other."""

from typing import Literal

import msgspec

from codex_oss.exec_mode.editing import Editor
from codex_oss.exec_mode.keys import Keys
from codex_oss.exec_mode.keystrokes import ESCAPE, Keystrokes

_INTERRUPT, _END = "\x03", "\x04"


class Left(msgspec.Struct, frozen=True):
    """No line: Escape; Ctrl-C, or Ctrl-D where nothing is typed; nobody is there."""

    how: Literal["escape", "leave", "gone"]


class Lines:
    """Reads from keys that ``begin`` was called for, Ctrl-C among them."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._strokes = Keystrokes()
        self._typed: list[str] = []
        self._editor = Editor([])

    async def next(self) -> str | Left:
        """Return a line as soon as Enter is pressed."""
        keys, self._editor = self._keys, Editor([], goes_on=False)
        while True:
            while self._typed:
                done = self._take(self._typed.pop(0))
                if done is not None:
                    told = done if isinstance(done, str) else self._editor.text
                    keys.write(self._editor.leave(told, keys.columns()))
                    return done
            self.draw()
            data = await keys.read()
            if not data:
                return Left("gone")
            self._typed += self._strokes.feed(data)

    def forget(self) -> None:
        """Let what was typed ahead not count."""
        self._keys.forget()
        self._strokes, self._typed = Keystrokes(), []

    def draw(self) -> None:
        """Show what is typed so far."""
        keys = self._keys
        keys.write(self._editor.draw(keys.columns(), keys.rows()))

    def _take(self, key: str) -> str | Left | None:
        if key == ESCAPE:
            return Left("escape")
        if key == _INTERRUPT or (key == _END and not self._editor.text):
            return Left("leave")
        return self._editor.feed(key)
