"""How often a server that breaks down is started again, and after how long."""

import msgspec

RESTARTS = 3
"""How often a server is started again within ``WITHIN_S``."""
WITHIN_S = 600.0
"""After so long a breakdown is forgotten."""
BACKOFF_S = 1.0
"""Before the second restart; the first is at once, each further one takes twice as
long."""


class Patience(msgspec.Struct, frozen=True):
    """How much is borne with a server."""

    restarts: int = RESTARTS
    within_s: float = WITHIN_S
    backoff_s: float = BACKOFF_S


PATIENCE = Patience()


class Breakdowns:
    """When a server broke down. Times are of one clock that never goes back."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._times: list[float] = []

    def add(self, now: float) -> float | None:
        """Take note of one; return the seconds until a restart, None: not soon."""
        patience = self._patience
        self._times = [at for at in self._times if now - at < patience.within_s]
        before = len(self._times)
        self._times.append(now)
        if before >= patience.restarts:
            return None
        return patience.backoff_s * 2 ** (before - 1) if before else 0.0

    def rest(self, now: float) -> float:
        """Return the seconds until the oldest is forgotten."""
        return max(0.0, self._times[0] + self._patience.within_s - now)
