"""What a login shell makes of the environment: learned once, not at every command.

A person's profile costs tens to hundreds of milliseconds, and what it prints would
stand in every output that the model reads. So the first command asks a login shell
for its environment, and commands then run in a plain shell with that. The profile's
exported variables and functions are kept; aliases and unexported functions, which
other shells would not have seen either, are not.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from codex_oss import process
from codex_oss.sandbox.prepared import Prepared

PROFILE_S = 10.0
"""The most that a profile may take; after that, commands run in login shells."""
MAX_BYTES = 1024 * 1024
"""The most of an environment that is read."""

LOGIN, PLAIN = "-lc", "-c"
"""How a shell is started: it reads the person's profile, or it does not."""

_MARK = b"\0--environment--\0"
_ASK = "exec 2>/dev/null; printf '\\0--environment--\\0'; env -0"
_OF_A_SHELL = frozenset({"_", "SHLVL", "PWD", "OLDPWD", "CODEX_TOOL_CALL_ID"})


class Prepare(Protocol):
    """Puts a command where the model's commands run: a profile gets no more."""

    async def __call__(self, argv: Sequence[str], *, tty: bool) -> Prepared:
        """Return what to start."""
        ...


class LoginEnvironments:
    """The environments of login shells, by the shell's path."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[str, str] | None] = {}
        self._learning = asyncio.Lock()

    async def of(
        self, shell: str, cwd: Path, prepare: Prepare
    ) -> Mapping[str, str] | None:
        """Return what ``shell -l`` has in its environment; None if it does not tell."""
        async with self._learning:
            if shell not in self._known:
                asking = await prepare((shell, LOGIN, _ASK), tty=False)
                told = await _ask(asking, cwd)
                if told is None:
                    return None
                self._known[shell] = _parse(told)
            return self._known[shell]


async def _ask(prepared: Prepared, cwd: Path) -> bytes | None:
    try:
        return await _run(prepared, cwd)
    except OSError:  # such as a folder that is not there: the command will say so
        return None
    finally:
        prepared.end()


async def _run(prepared: Prepared, cwd: Path) -> bytes:
    told = bytearray()
    child = await process.start(
        prepared.argv,
        cwd=cwd,
        env=prepared.env,
        on_output=lambda data: told.extend(data[: MAX_BYTES - len(told)]),
        confined=prepared.confined,
    )
    try:
        async with asyncio.timeout(PROFILE_S):
            code = await child.wait()
    except TimeoutError:
        return b""
    finally:
        await child.kill(grace_s=0)
    return bytes(told) if code == 0 else b""


def _parse(told: bytes) -> Mapping[str, str] | None:
    _, found, listing = told.rpartition(_MARK)
    if not found or not listing.endswith(b"\0"):
        return None
    entries = (entry.partition(b"=") for entry in listing.split(b"\0") if entry)
    env = {name.decode("utf-8", "surrogateescape"): value for name, _, value in entries}
    return {
        name: value.decode("utf-8", "surrogateescape")
        for name, value in env.items()
        if name not in _OF_A_SHELL
    }
