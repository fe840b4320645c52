"""What undo and redo tell: people in lines, the model in a remark."""

import os
from pathlib import Path
from typing import Literal

import msgspec

from codex_oss.undo.entries import (
    Absent,
    Entry,
    Folder,
    Gap,
    Link,
    Record,
)

Action = Literal["undo", "redo"]
NAMED = 40
"""How many paths the model is told by name."""
SHOWN = 200
"""How many a person is."""
_PROMPT = 100

_LETTERS = {"A": "added", "M": "changed", "D": "deleted"}


class Line(msgspec.Struct, frozen=True):
    """One path that is restored: what is there now, and what it becomes."""

    path: bytes
    before: Entry
    after: Entry

    @property
    def letter(self) -> str:
        """A, M or D: whether the path comes, changes or goes."""
        if isinstance(self.before, Absent):
            return "A"
        return "D" if isinstance(self.after, Absent) else "M"

    @property
    def mark(self) -> str:
        """What stands behind a path that is no file."""
        here = self.before if isinstance(self.after, Absent) else self.after
        if isinstance(here, Folder):
            return "/"
        return "@" if isinstance(here, Link) else ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, or would be done, or why nothing was done."""

    action: Action
    workspace: bytes
    turns: list[Record]
    lines: list[Line]
    """Paths that are restored, or would be."""
    conflicts: list[Gap] = []
    """Paths that somebody else changed since."""
    left: list[Gap] = []
    """Paths that cannot be restored, or stay for another reason."""
    overwritten: bool = False
    """Whether paths in conflict were restored too."""
    done: bool = True
    """False: nothing was changed."""

    def words(self) -> str:
        """Return lines for a person."""
        back = self.action == "undo"
        would = "" if self.done else "would be "
        lines = [f"{'taken back' if back else 'made again'}: {_quoted(self.turns)}"]
        if not self.done:
            lines = [f"{self.action} of {_quoted(self.turns)}"]
        paths = [f"  {e.letter} {self.shown(e.path)}{e.mark}" for e in self.lines]
        lines += paths[:SHOWN]
        if len(paths) > SHOWN:
            lines.append(f"  and {len(paths) - SHOWN} more")
        if not self.lines:
            lines.append("  nothing is to be changed")
        if self.conflicts:
            how = f"{would}overwritten" if self.overwritten else "left as they are"
            lines.append(f"changed by somebody else since, and {how}:")
            lines += [f"  ! {self.shown(e.path)}  {e.why}" for e in self.conflicts]
        if self.left:
            lines.append("not restored:")
            lines += [f"  - {self.shown(e.path)}  {e.why}" for e in self.left]
        return "\n".join(lines)

    def shown(self, path: bytes) -> str:
        """Return a path as people know it, without characters that act."""
        below = os.fsdecode(path.removeprefix(self.workspace + b"/"))
        return below if below.isprintable() else ascii(below)[1:-1]

    def remark(self) -> str:
        """Return what the model should know."""
        paths = [f"{_LETTERS[e.letter]}: {self.shown(e.path)}" for e in self.lines]
        if len(paths) > NAMED:
            paths = [*paths[:NAMED], f"and {len(paths) - NAMED} more"]
        file = "undone.md" if self.action == "undo" else "redone.md"
        text = Path(__file__).with_name(file).read_text("utf-8")
        return text.format(
            turns="turn" if len(self.turns) == 1 else f"{len(self.turns)} turns",
            prompts="\n".join(f"- {_short(turn.prompt)}" for turn in self.turns),
            paths="\n".join(f"- {path}" for path in paths),
        ).rstrip()


def _quoted(turns: list[Record]) -> str:
    prompts = [f'"{_short(turn.prompt)}"' for turn in turns]
    return f"turn {prompts[0]}" if len(prompts) == 1 else f"turns {', '.join(prompts)}"


def _short(prompt: str) -> str:
    clean = "".join(c if c.isprintable() else " " for c in prompt)
    return clean if len(clean) <= _PROMPT else f"{clean[: _PROMPT - 1]}…"
