"""A bridge that starts with every login: systemd on Linux, launchd on macOS."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from codex_oss.bridge.service import units
from codex_oss.bridge.service.state import write_private
from codex_oss.bridge.service.units import Unit
from codex_oss.errors import CodexOssError
from codex_oss.process.aside import ran

COMMAND_S = 30.0
"""For one call of systemctl or launchctl."""
Kind = Literal["systemd", "launchd"]


class Keeper(msgspec.Struct, frozen=True, kw_only=True):
    """The system's program that keeps others running, for one user."""

    kind: Kind
    home: Path
    user: int

    def file(self, name: str) -> Path:
        """Return the file of a unit."""
        if self.kind == "launchd":
            return self.home / "Library" / "LaunchAgents" / f"{name}.plist"
        return self.home / ".config" / "systemd" / "user" / f"{name}.service"

    def text(self, unit: Unit) -> bytes:
        """Return what stands in it."""
        if self.kind == "launchd":
            return units.launchd(unit)
        return units.systemd(unit).encode()

    def enable(self, name: str) -> list[list[str]]:
        """Return the commands that start a unit now and with every login."""
        if self.kind == "launchd":
            domain = f"gui/{self.user}"
            return [["launchctl", "bootstrap", domain, str(self.file(name))]]
        service = f"{name}.service"
        systemctl = ["systemctl", "--user"]
        return [
            [*systemctl, "daemon-reload"],
            [*systemctl, "enable", service],
            [*systemctl, "restart", service],
        ]

    def stop(self, name: str) -> str:
        """Return the command by which a person ends a unit until the next login."""
        if self.kind == "launchd":
            return f"launchctl bootout gui/{self.user}/{name}"
        return f"systemctl --user stop {name}"

    def disable(self, name: str) -> list[list[str]]:
        """Return the commands that end a unit and start it no more."""
        if self.kind == "launchd":
            return [["launchctl", "bootout", f"gui/{self.user}/{name}"]]
        return [["systemctl", "--user", "disable", "--now", f"{name}.service"]]


def check(keeper: Keeper) -> None:
    """Raise ``CodexOssError`` when nothing would keep a unit running here."""
    probe = {
        "systemd": ["systemctl", "--user", "show-environment"],
        "launchd": ["launchctl", "print", f"gui/{keeper.user}"],
    }[keeper.kind]
    code, why = _run(probe)
    if code:
        raise CodexOssError(
            f"there is no {keeper.kind} session of this user "
            f"(`{' '.join(probe)}`: {why})",
            hint="Use `codex-oss bridge start`: it needs none, and lasts until the "
            "machine is shut down.",
        )


def install(keeper: Keeper, unit: Unit) -> Path:
    """Write a unit and start it; one of the same name is replaced. Return the file."""
    file = keeper.file(unit.name)
    if keeper.kind == "launchd" and file.exists():
        for command in keeper.disable(unit.name):
            _run(command)  # fails when it is not loaded, which is as well
    # A word of the command may hold a password, as in the URL of a store.
    write_private(file, keeper.text(unit))
    for command in keeper.enable(unit.name):
        _must(command)
    return file


def uninstall(keeper: Keeper, name: str) -> Path | None:
    """End a unit and remove it; return its file, or None when there was none."""
    file = keeper.file(name)
    if not file.exists():
        return None
    for command in keeper.disable(name):
        _run(command)  # without a session nothing runs that could be ended
    file.unlink()
    if keeper.kind == "systemd":
        _run(["systemctl", "--user", "daemon-reload"])
    return file


def _must(command: Sequence[str]) -> None:
    code, why = _run(command)
    if code:
        raise CodexOssError(
            f"`{' '.join(command)}` failed: {why}",
            hint="The file is written; `codex-oss bridge uninstall` removes it.",
        )


def _run(command: Sequence[str]) -> tuple[int, str]:
    return ran(command, limit_s=COMMAND_S)
