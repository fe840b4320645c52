"""What a script may destroy, in words, and how a row about it looks."""

from collections.abc import Callable

import msgspec

from codex_oss.policy.call import Call

FORCED_REMOVAL = "rm -f style commands are not permitted. Use a safer approach"
"""What the model is told, in the words of the Codex CLI 0.169."""


class Harm(msgspec.Struct, frozen=True):
    """What a script would destroy: in words for a person, and for the model."""

    asked: str
    told: str


class Loss(msgspec.Struct, frozen=True):
    """One row: programs, how they are shown, what they destroy, and when.

    ``when`` returns what is lost, which takes the place of ``{}`` in the words; None
    if nothing is.
    """

    names: tuple[str, ...]
    shown: str
    harm: Harm
    when: Callable[[Call], str | None]
