"""The first place where a text does not parse."""

from typing import NamedTuple


class Fault(NamedTuple):
    """``line`` and ``column`` count from 1; ``by`` names who says so.

    ``unless``: when it may be right all the same, in words for the model.
    ``errors``: how many places there are; parsers that stop at the first say 1.
    """

    line: int
    column: int
    what: str
    by: str
    errors: int = 1
    unless: str = ""


UNKNOWN = Fault(0, 0, "", "", 0)
"""What a parser returns that gave up: too long, or nested too deep."""
