"""One line of the page, and the page."""

from typing import Literal

import msgspec

State = Literal["ok", "note", "todo"]
"""``note``: worth knowing; ``todo``: somebody should do something about it."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and how it is."""

    name: str
    state: State
    value: str
    next: str = ""
    """What to type, or to do, next; never empty for ``todo``."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at."""

    version: str
    checks: tuple[Check, ...]

    @property
    def todo(self) -> tuple[Check, ...]:
        """What somebody should do something about."""
        return tuple(check for check in self.checks if check.state == "todo")


def ok(name: str, value: str) -> Check:
    """Return a line about something that is as it should be."""
    return Check(name=name, state="ok", value=value)


def note(name: str, value: str, following: str = "") -> Check:
    """Return a line about something that may stay as it is."""
    return Check(name=name, state="note", value=value, next=following)


def todo(name: str, value: str, following: str) -> Check:
    """Return a line about something that should not stay as it is."""
    return Check(name=name, state="todo", value=value, next=following)
