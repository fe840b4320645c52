"""Notices a model that gets nowhere: the same call again, or only refused calls."""

import msgspec

REPEATS_BEFORE_LAST_CHANCE = 3
REFUSALS_BEFORE_STOP = 4


class Outcome(msgspec.Struct, frozen=True):
    """One call and what it brought: the same twice in a row means no progress."""

    name: str
    arguments: str
    output: str
    refused: bool


class Stagnation:
    """Counts rounds of calls that bring nothing new.

    ``note`` returns None while there is progress, ``"answer"`` when the model should
    be asked once to answer without tools, and the reason to stop after that.
    """

    def __init__(self) -> None:
        self._last: list[Outcome] = []
        self._repeats = 0
        self._refusals = 0
        self._warned = False

    def note(self, outcomes: list[Outcome]) -> str | None:
        """Take the outcomes of one round, in order, and say how it stands."""
        self._repeats = self._repeats + 1 if outcomes == self._last else 1
        self._last = outcomes
        all_refused = all(outcome.refused for outcome in outcomes)
        self._refusals = self._refusals + 1 if all_refused else 0
        if self._refusals >= REFUSALS_BEFORE_STOP:
            return self._escalate(
                f"{self._refusals} rounds of tool calls in a row could not be run"
            )
        if self._repeats >= REPEATS_BEFORE_LAST_CHANCE:
            return self._escalate(
                f"the model sent the same call {self._repeats} times and got the "
                "same result"
            )
        return None

    def _escalate(self, reason: str) -> str:
        if self._warned:
            return reason
        self._warned = True
        self._repeats = self._refusals = 0
        return "answer"
