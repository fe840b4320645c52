"""The machine's side of the ports: time, ids, places, and nobody to ask."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

from codex_oss.config.home import user_home
from codex_oss.policy import Answer, Question

SHELLS = ("bash", "zsh", "sh", "dash", "ksh")
"""Shells that take ``-lc``; other users' shells are replaced by bash or sh."""


class SystemClock:
    """The machine's time (``ports.Clock``)."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Nobody:
    """An approver that is never there: ``exec`` asks nobody (``ports.Approver``)."""

    async def ask(self, question: Question) -> Answer:  # noqa: ARG002  the port
        """Refuse."""
        return "no"


def uuid7(now: float) -> str:
    """Return a UUID of version 7: sortable by time (RFC 9562, section 5.7)."""
    stamp = int(now * 1000).to_bytes(6, "big")
    noise = bytearray(os.urandom(10))
    noise[0] = 0x70 | noise[0] & 0x0F
    noise[2] = 0x80 | noise[2] & 0x3F
    digits = (stamp + bytes(noise)).hex()
    ends = (8, 12, 16, 20, 32)
    return "-".join(digits[a:b] for a, b in zip((0, *ends), ends, strict=False))


def state_home(env: Mapping[str, str]) -> Path:
    """Return the folder of models, logs and what was learned: ``~/.codex-oss``."""
    named = env.get("CODEX_OSS_HOME", "")
    return Path(named).absolute() if named else user_home(env) / ".codex-oss"


def shell_path(env: Mapping[str, str]) -> str:
    """Return the user's shell if commands can be given to it, else bash or sh."""
    shell = Path(env.get("SHELL", ""))
    known = [shell] if shell.is_absolute() and shell.name in SHELLS else []
    choices = (*known, Path("/bin/bash"), Path("/bin/sh"))
    return str(next((path for path in choices if path.exists()), choices[-1]))
