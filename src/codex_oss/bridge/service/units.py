"""The texts by which systemd and launchd keep a bridge running."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

SYSTEMD_RESTART_S = 5
"""Before a bridge that failed is started again."""
STOP_S = 20
"""How long a bridge may take to end."""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is to run with every login."""

    name: str
    description: str
    argv: Sequence[str]
    cwd: Path
    log: Path


def systemd(unit: Unit) -> str:
    """Return a user unit (systemd.unit(5), systemd.service(5))."""
    command = " ".join(_systemd_word(word) for word in unit.argv)
    return f"""\
# Made by `codex-oss bridge install`; `codex-oss bridge uninstall` removes it.
[Unit]
Description={unit.description.replace("%", "%%")}
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
ExecStart={command}
WorkingDirectory={_systemd_path(unit.cwd)}
Restart=on-failure
RestartSec={SYSTEMD_RESTART_S}
TimeoutStopSec={STOP_S}

[Install]
WantedBy=default.target
"""


def launchd(unit: Unit) -> bytes:
    """Return a property list (launchd.plist(5))."""
    import plistlib  # noqa: PLC0415  only macOS needs it

    return plistlib.dumps(
        {
            "Label": unit.name,
            "ProgramArguments": list(unit.argv),
            "WorkingDirectory": str(unit.cwd),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": SYSTEMD_RESTART_S,
            "ExitTimeOut": STOP_S,
            "ProcessType": "Interactive",
            "StandardOutPath": str(unit.log),
            "StandardErrorPath": str(unit.log),
        },
        sort_keys=False,
    )


def _systemd_word(word: str) -> str:
    """Return a word of a command line, quoted so that systemd reads it as it is."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    text = text.replace("%", "%%").replace("$", "$$")
    plain = text.replace("-", "").replace("/", "").replace(".", "").replace("_", "")
    return text if plain.isalnum() and plain.isascii() else f'"{text}"'


def _systemd_path(path: Path) -> str:
    """Return a path as the whole value of a setting: no quotes, only specifiers."""
    return str(path).replace("%", "%%")
