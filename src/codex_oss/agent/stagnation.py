"""Notices a model that gets nowhere: the same calls again, or only refused calls."""

import msgspec

REPEATS_BEFORE_LAST_CHANCE = 3
LONGEST_CYCLE = 3
"""Rounds after which a model that goes in circles is back where it was."""
WAITS_BEFORE_LAST_CHANCE = 30
"""The same for looks at a command that still runs: waiting is work."""
REFUSALS_BEFORE_STOP = 4


class Outcome(msgspec.Struct, frozen=True):
    """One call and what it brought: the same twice in a row means no progress.

    ``waits``: it looked at a command that still runs.
    """

    name: str
    arguments: str
    output: str
    refused: bool
    waits: bool = False


class Stagnation:
    """Counts rounds of calls that bring nothing new.

    ``note`` returns None while there is progress, ``"answer"`` when the model should
    be asked once to answer without tools, and the reason to stop after that.
    """

    def __init__(self) -> None:
        self._rounds: list[list[Outcome]] = []
        self._refusals = 0
        self._warned = False
        self.reason = ""
        """Why the model was told to answer."""

    def note(self, outcomes: list[Outcome]) -> str | None:
        """Take the outcomes of one round, in order, and say how it stands."""
        most = LONGEST_CYCLE * WAITS_BEFORE_LAST_CHANCE
        self._rounds = [*self._rounds[1 - most :], outcomes]
        all_refused = all(outcome.refused for outcome in outcomes)
        self._refusals = self._refusals + 1 if all_refused else 0
        if self._refusals >= REFUSALS_BEFORE_STOP:
            return self._escalate(
                f"{self._refusals} rounds of tool calls in a row could not be run"
            )
        for length in range(1, LONGEST_CYCLE + 1):
            if times := self._repeats(length):
                calls = "call" if length == 1 else f"{length} calls in turn"
                results = "result" if length == 1 else "results"
                return self._escalate(
                    f"the model sent the same {calls} {times} times and got the same "
                    f"{results}"
                )
        return None

    def _repeats(self, length: int) -> int:
        """Return how often the last rounds are the same cycle; 0: not too often."""
        cycle = self._rounds[-length:]
        waits = any(outcome.waits for outcomes in cycle for outcome in outcomes)
        times = WAITS_BEFORE_LAST_CHANCE if waits else REPEATS_BEFORE_LAST_CHANCE
        return times if self._rounds[-length * times :] == cycle * times else 0

    def _escalate(self, reason: str) -> str:
        if self._warned:
            return reason
        self._warned = True
        self._rounds, self._refusals, self.reason = [], 0, reason
        return "answer"
