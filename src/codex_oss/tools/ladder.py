"""Which form of edit a model is offered, and when it is offered a simpler one.

The rungs, from the richest form to the simplest, and the tools of each::

    patch     apply_patch                   several files and places in one call
    replace   edit_file and write_file      one text for another
    whole     write_file                    a file from its first line to its last

A model begins at the rung of its size, or lower, when its record says that what it
sends at that rung mostly does not land. Two failures in a row lead one rung down: the
next form is offered from then on, and the answer to the failed call shows how to send
the same change in it. Every form can be called at any time.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Form = Literal["patch", "replace", "whole"]
FORMS: tuple[Form, ...] = ("patch", "replace", "whole")
TOOLS: Mapping[Form, tuple[str, ...]] = {
    "patch": ("apply_patch",),
    "replace": ("edit_file", "write_file"),
    "whole": ("write_file",),
}
"""What a model at each rung is told of."""
FAILURES = 2
"""In a row, before the next form is offered."""
WEIGHT = 0.9
"""What an attempt still counts after the next one: the last ten decide."""
FORGET = 0.98
"""What is left of a richer form's record when a simpler one lands: after some forty
edits it is tried again."""
ENOUGH = 3.0
"""Attempts, so weighted, that say something: four."""
MANY = 6.0
POOR, GOOD = 0.5, 0.9
"""Shares of attempts that land."""


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Attempts in one form, and those that landed; newer ones weigh more."""

    tries: float = 0.0
    landed: float = 0.0

    def after(self, *, landed: bool) -> "Tally":
        """Return the tally with one more attempt."""
        return Tally(self.tries * WEIGHT + 1, self.landed * WEIGHT + landed)

    def faded(self) -> "Tally":
        """Return the tally as it is after a simpler form has landed."""
        return Tally(self.tries * FORGET, self.landed * FORGET)

    @property
    def poor(self) -> bool:
        """Most attempts of late have failed."""
        return self.tries >= ENOUGH and self.landed < POOR * self.tries

    @property
    def good(self) -> bool:
        """Nearly all attempts of late have landed, and there were many."""
        return self.tries >= MANY and self.landed >= GOOD * self.tries


Tallies = Mapping[Form, Tally]


def after(tallies: Tallies, form: Form, *, landed: bool) -> dict[Form, Tally]:
    """Return a model's tallies after one more attempt in ``form``."""
    result = dict(tallies)
    result[form] = result.get(form, Tally()).after(landed=landed)
    if landed:
        for richer in FORMS[: FORMS.index(form)]:
            if richer in result:
                result[richer] = result[richer].faded()
    return result


def rung(own: Form, tallies: Tallies) -> Form:
    """Return where a model begins: ``own`` is the rung of its size.

    Below it when that form mostly fails, above it when small files land all the time.
    """
    at = FORMS.index(own)
    while at < len(FORMS) - 1 and tallies.get(FORMS[at], Tally()).poor:
        at += 1
    climbs = own == "whole" and tallies.get("whole", Tally()).good
    if climbs and not tallies.get("replace", Tally()).poor:
        return "replace"
    return FORMS[at]


class Ladder:
    """The ladder of one session; ``offer`` is told of a form that the model shall know.

    None: a person has chosen the form, and no other is offered. ``keep`` counts
    attempts for later sessions. It may block.
    """

    def __init__(
        self,
        start: Form,
        *,
        offer: Callable[[Form], None] | None,
        keep: Callable[[Form, bool], None],
    ) -> None:
        self.keep = keep
        self._offered = {start}
        self._offer = offer
        self._failures: dict[Form, int] = {}

    def landed(self, form: Form) -> None:
        """Note an edit that was made."""
        self._failures.pop(form, None)

    def failed(self, form: Form) -> Form | None:
        """Note an edit that could not be made; return the form to try instead.

        None while the model may well mend what it sent.
        """
        count = self._failures[form] = self._failures.get(form, 0) + 1
        below = FORMS[FORMS.index(form) + 1 :]
        if count < FAILURES or not below or self._offer is None:
            return None
        if below[0] not in self._offered:
            self._offered.add(below[0])
            self._offer(below[0])
        return below[0]
