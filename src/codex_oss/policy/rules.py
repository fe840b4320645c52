"""Rules that people make: what begins with these words is allowed, asked or forbidden.

Source of format and meaning: ``rules/*.rules`` of the Codex CLI 0.169.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from codex_oss.policy.script import Script

Decision = Literal["allow", "prompt", "forbidden"]


class PrefixRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: each element of ``pattern`` is a word, or the words it may be."""

    pattern: tuple[str | tuple[str, ...], ...]
    decision: Decision = "allow"
    justification: str = ""


class Rules(msgspec.Struct, frozen=True):
    """All rules; of those that match a command the strictest counts."""

    rules: tuple[PrefixRule, ...] = ()

    def of(self, script: Script) -> PrefixRule | None:
        """Return the strictest rule that matches ``script``.

        A rule that forbids or asks matches when it matches one command; one that
        allows counts only where every command is allowed and nothing else is in it.
        """
        del script
        return None


def parse(text: str, origin: str) -> tuple[list[PrefixRule], list[str]]:
    """Return the rules of a file, and warnings about lines that are not understood.

    Raises ``ConfigError`` that names ``origin`` and the line.
    """
    raise NotImplementedError


def line(prefix: Sequence[str]) -> str:
    """Return the line of a rules file that allows what begins with ``prefix``."""
    raise NotImplementedError


def proposal(script: Script, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the prefix that a person is offered to allow from now on, or nothing.

    ``wanted`` is the model's own proposal; it counts if it fits the script.
    """
    raise NotImplementedError
