"""What is wanted of engines, what was found of them, and what answers in the end."""

from typing import TYPE_CHECKING

import msgspec

from codex_oss.engines import choose
from codex_oss.engines.base import Found, Installed, Ready
from codex_oss.engines.choose import Choice

if TYPE_CHECKING:
    from codex_oss.engines.revival import Revival


class Wanted(msgspec.Struct, frozen=True):
    """Which local provider, with which model; None: the best there is."""

    provider_id: str
    model: str | None


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and what is taken of it.

    ``found`` has the servers that answer, and an Ollama that stands still.
    """

    found: list[Found] = []
    choice: Choice

    @property
    def taken(self) -> Found | None:
        """The server that is taken; None: one that is to be started."""
        choice = self.choice
        for found in self.found:
            if (found.server, found.url or None) == (choice.engine, choice.url):
                return found
        return None

    @property
    def installed(self) -> Installed | None:
        """What that server says of the model that is taken."""
        choice, taken = self.choice, self.taken
        return choose.find(taken, choice.model) if taken and choice.model else None


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """An engine whose model answers."""

    survey: Survey
    ready: Ready
    reviver: "Revival | None" = None
    """Who starts it again when it has ended; None: it is not ours."""
