"""A command ready to start, and what must be let go of after its end."""

from collections.abc import Callable, Sequence

import msgspec

from codex_oss.policy import Isolation
from codex_oss.process import FREE, Confined


class Guarantee(msgspec.Struct, frozen=True, kw_only=True):
    """What isolates commands here, and how well."""

    isolation: Isolation
    backend: str = ""
    """Its name for people, such as ``bubblewrap 0.8.0``; empty if there is none."""
    why: str = ""
    """Why the isolation is not full, and what to do about it."""


def nothing() -> bool | None:
    """Let go of nothing; whether the command was reached is not known."""
    return None


class Prepared:
    """What to start with ``process.start``, and what is held until its end.

    ``end`` must be called once the process has ended or could not be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: dict[str, str],
        *,
        confined: Confined = FREE,
        let_go: Callable[[], bool | None] = nothing,
    ) -> None:
        self.argv = tuple(argv)
        self.env = env
        self.confined = confined
        self._let_go: Callable[[], bool | None] | None = let_go
        self._reached: bool | None = None

    def end(self) -> bool | None:
        """Let go of what was held; a second call does nothing more.

        Returns whether the command itself was started: False when the sandbox failed
        before it, None when the backend does not tell.
        """
        let_go, self._let_go = self._let_go, None
        if let_go is not None:
            self._reached = let_go()
        return self._reached
