"""What ``codex-oss doctor`` finds out: what is here, what is amiss, what to do next.

Nothing beyond this machine is asked, nothing is started for good, and no part is
waited for longer than ``WITHIN_S``.
"""

import asyncio
from collections.abc import Awaitable, Callable

from codex_oss import __version__
from codex_oss.errors import CodexOssError
from codex_oss.wiring.doctor import serving, system
from codex_oss.wiring.doctor.check import Check, Page, todo
from codex_oss.wiring.permissions import Job

WITHIN_S = 0.8
"""For each part; they are looked at together."""

__all__ = ["Check", "Page", "examine"]


async def examine(job: Job) -> Page:
    """Return the page about this machine and the configuration of ``job``."""
    parts: tuple[tuple[str, Callable[[Job], Awaitable[list[Check]]]], ...] = (
        ("program", system.program),
        ("configuration", system.configuration),
        ("sandbox", system.sandbox),
        ("machine", system.machine),
        ("models", serving.models),
        ("bridge", serving.bridge),
        ("Codex CLI", system.codex),
    )
    found = await asyncio.gather(*(_within(name, look(job)) for name, look in parts))
    checks = tuple(check for part in found for check in part)
    return Page(version=__version__, checks=checks)


async def _within(name: str, looking: Awaitable[list[Check]]) -> list[Check]:
    """Return what a part says; a part that fails or takes long says that."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return await looking
    except TimeoutError:
        return [todo(name, f"no answer within {WITHIN_S:g} s", "codex-oss doctor")]
    except CodexOssError as error:
        return [todo(name, str(error), error.hint)]
