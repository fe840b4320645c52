"""Installing Ollama by its makers' own way: what would be run, and running it.

Nothing here runs without consent. The installer has the terminal, for it may ask for
the password of ``sudo``, and a person may end it with Ctrl-C. Source: Ollama's
documentation and installers, 0.33 (``install.sh``, ``install.ps1``).
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from codex_oss.engines import at_hand, room
from codex_oss.engines.base import Consent, Question
from codex_oss.errors import EngineError
from codex_oss.process import foreground

BY_HAND = "https://ollama.com/download"
LINUX_ARCHIVE = 1_400_000_000
"""Bytes of the archive, roughly: releases and processors differ."""
UNPACKED = 2.5
"""Disk wanted, as a multiple of the archive."""

_PIPE = "curl -fsSL https://ollama.com/install.sh | sh"
_POWERSHELL = "irm https://ollama.com/install.ps1 | iex"
_TO_STDERR = "exec 1>&2\n"
"""What an installer prints is not what this program was asked for."""
_UNIT = (
    "yes: systemd's ollama.service, from now on, as user ollama, who keeps models in "
    "/usr/share/ollama"
)
_REMOVE_UNIT = (
    "sudo systemctl disable --now ollama; sudo rm -r /usr/local/bin/ollama "
    "/usr/local/lib/ollama /usr/share/ollama /etc/systemd/system/ollama.service; "
    "sudo userdel ollama"
)
_REMOVE_APP = (
    "quit the app; rm -r /Applications/Ollama.app ~/.ollama; "
    "sudo rm /usr/local/bin/ollama"
)
_ARCHIVES = {"x86_64": "amd64", "aarch64": "arm64"}


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How Ollama is installed on a kind of system."""

    argv: tuple[str, ...]
    shown: str
    """What people type for the same."""
    needs: tuple[str, ...]
    """Programs that the installer calls."""
    root: bool
    """Whether it wants to be root, by ``sudo`` if it is not."""
    folder: str
    """On whose disk it lands."""
    archive: int | None = None
    """Bytes that are downloaded, roughly; None: not known."""
    facts: tuple[tuple[str, str], ...]


WAYS: dict[str, Way] = {
    "linux": Way(
        argv=("/bin/sh", "-c", _TO_STDERR + _PIPE),
        shown=_PIPE,
        needs=("curl", "zstd"),
        root=True,
        folder="/usr/local",
        archive=LINUX_ARCHIVE,
        facts=(
            ("to", "/usr/local/bin/ollama and /usr/local/lib/ollama"),
            ("service", _UNIT),
            ("drivers", "those of NVIDIA's cards may be installed too"),
            ("remove", _REMOVE_UNIT),
        ),
    ),
    "darwin": Way(
        argv=("/bin/sh", "-c", _TO_STDERR + _PIPE),
        shown=_PIPE,
        needs=("curl",),
        root=True,
        folder="/Applications",
        facts=(
            ("to", "/Applications/Ollama.app, linked as /usr/local/bin/ollama"),
            ("service", "yes: the app in the menu bar, which answers on port 11434"),
            ("remove", _REMOVE_APP),
            ("instead", "brew install ollama, without root"),
        ),
    ),
    "win32": Way(
        argv=("powershell", "-NoProfile", "-Command", _POWERSHELL),
        shown=_POWERSHELL,
        needs=("powershell",),
        root=False,
        folder="~",
        facts=(
            ("to", r"%LOCALAPPDATA%\Programs\Ollama"),
            ("service", "yes: the app in the tray, which answers on port 11434"),
            ("remove", "Settings, Apps, Ollama, Uninstall"),
        ),
    ),
}


async def install(
    env: Mapping[str, str], consent: Consent | None, *, platform: str = sys.platform
) -> Path:
    """Install Ollama, if that is consented to, and return its program.

    Must be called in the main thread; nothing else runs meanwhile. Raises
    ``errors.EngineError`` with what to do instead.
    """
    way = way_of(platform)
    _require(way, env)
    if way.archive is not None:
        room.require_disk(
            Path(way.folder),
            way.archive,
            "Ollama",
            times=UNPACKED,
            hint="Free some space there, or take the embedded engine: "
            "--local-provider embedded",
        )
    await room.need(consent, question(way))
    try:
        code = foreground.run(way.argv, cwd=Path("/"), env=env)
    except OSError as error:
        raise _failed(way, f"{way.argv[0]}: {error.strerror}") from error
    program = at_hand.ollama_program(env, platform=platform)
    if code:
        raise _failed(way, f"it ended with exit code {code}")
    if program is None:
        raise _failed(way, "it left no program `ollama` on PATH or at its usual places")
    return program


def way_of(platform: str) -> Way:
    """Return how a platform installs it; raises ``errors.EngineError`` for others."""
    if platform not in WAYS:
        raise EngineError(
            f"Ollama has no installer for {platform}", hint=f"By hand: {BY_HAND}"
        )
    return WAYS[platform]


def question(way: Way) -> Question:
    """Return what a person is asked before it is run."""
    facts = [("from", "https://ollama.com")]
    if way.archive is not None:
        left = room.free(Path(way.folder))
        there = f"; {room.gigabytes(left)} are free there" if left is not None else ""
        size = f"about {room.gigabytes(way.archive)}"
        facts += [("size", size), ("disk", f"about {_disk(way.archive)}{there}")]
    root = "needed: it calls sudo, which may ask for your password"
    if not way.root:
        root = "not needed"
    elif _is_root():
        root = "needed, and you are"
    return Question(
        kind="install",
        what="Ollama",
        facts=(*facts, *way.facts[:1], ("root", root), *way.facts[1:]),
        command=way.shown,
    )


def _disk(archive: int) -> str:
    return room.gigabytes(archive * UNPACKED)


def _require(way: Way, env: Mapping[str, str]) -> None:
    """Raise ``errors.EngineError`` for what the installer would fail for want of."""
    from shutil import which  # noqa: PLC0415  who installs nothing does without

    path = env.get("PATH")
    missing = [name for name in way.needs if which(name, path=path) is None]
    if missing:
        raise EngineError(
            f"Ollama's installer needs {' and '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed",
            hint="Install that with the system's packages, and try again. By hand: "
            f"{BY_HAND}",
        )
    if way.root and not _is_root() and which("sudo", path=path) is None:
        raise EngineError(
            "Ollama's installer needs root, and there is no sudo here",
            hint=_without_root(way),
        )


def _without_root(way: Way) -> str:
    archive = _ARCHIVES.get(os.uname().machine)
    if way.folder != "/usr/local" or archive is None:
        return f"By hand: {BY_HAND}"
    url = f"https://ollama.com/download/ollama-linux-{archive}.tar.zst"
    return (
        "For yourself alone, without root:\n"
        f"  mkdir -p ~/.local && curl -fsSL {url} | tar --zstd -xC ~/.local\n"
        "and put ~/.local/bin on PATH."
    )


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _failed(way: Way, why: str) -> EngineError:
    return EngineError(
        f"Ollama's installer has not installed it: {why}",
        hint=f"What it says stands above. To try again: {way.shown}\n"
        f"By hand: {BY_HAND}",
    )
