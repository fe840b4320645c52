"""What ``codex-oss doctor`` finds out: what is here, what is amiss, what to do next.

Nothing beyond this machine is asked, nothing is started for good, and no part is
waited for longer than ``WITHIN_S``.
"""

import asyncio
from collections.abc import Awaitable, Callable

from codex_oss import __version__
from codex_oss.errors import CodexOssError, ConfigError
from codex_oss.wiring.doctor import serving, system
from codex_oss.wiring.doctor.check import Check, Page, todo
from codex_oss.wiring.permissions import Job

WITHIN_S = 5.0
"""For each part; they are looked at together."""

__all__ = ["Check", "Page", "examine"]

_Part = tuple[str, Callable[[Job], Awaitable[list[Check]]], str]
"""Its name, what looks at it, and what to type to know more."""
_CONFIGURATION: _Part = (
    "configuration",
    system.configuration,
    "Correct it, then: codex-oss config",
)
_PARTS: tuple[_Part, ...] = (
    ("program", system.program, "codex-oss --version"),
    _CONFIGURATION,
    ("sandbox", system.sandbox, "codex-oss sandbox --explain"),
    ("machine", system.machine, "codex-oss models"),
    ("models", serving.models, "codex-oss engines"),
    ("bridge", serving.bridge, "codex-oss bridge status"),
    ("Codex CLI", system.codex, "codex --version"),
)


async def examine(job: Job, broken: ConfigError | None = None) -> Page:
    """Return the page about this machine and the configuration of ``job``.

    ``broken`` is why the configuration cannot be read; ``job`` has the defaults then.
    """
    found = await asyncio.gather(
        *(
            _within(part, job, broken if part is _CONFIGURATION else None)
            for part in _PARTS
        )
    )
    checks = tuple(check for part in found for check in part)
    return Page(version=__version__, checks=checks)


async def _within(part: _Part, job: Job, broken: ConfigError | None) -> list[Check]:
    """Return what a part says; a part that fails or takes long says that."""
    name, look, command = part
    try:
        if broken is not None:
            raise broken
        async with asyncio.timeout(WITHIN_S):
            return await look(job)
    except TimeoutError:
        return [todo(name, f"no answer within {WITHIN_S:g} s", command)]
    except CodexOssError as error:
        return [todo(name, str(error), error.hint or command)]
    except OSError as error:
        what = f"{error.filename or 'looking'}: {error.strerror or error}"
        return [todo(name, what, command)]
