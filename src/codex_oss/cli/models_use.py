"""``codex-oss models use``: the model of profile ``oss``, in ``config.toml``."""

import argparse
import os
import sys
from difflib import unified_diff

from codex_oss.cli.settings import load_config
from codex_oss.config import edit, load
from codex_oss.config.builtin import OSS
from codex_oss.errors import ConfigError
from codex_oss.exec_mode.visible import visible

KEY = ("profiles", OSS, "model")


def run(
    name: str, options: argparse.Namespace, *, dry_run: bool, lacking: str | None
) -> int:
    """Set the model, or print what would be written; return the exit code.

    ``lacking`` is what to tell when the model is not here.
    """
    home = load.codex_home(os.environ)
    path = home / load.FILE_NAME
    shown = f"{load.shown(home, os.environ)}/{load.FILE_NAME}"
    _require_effect(options)
    made = edit.set_text(path, shown, KEY, name)
    if not made.changes:
        sys.stdout.write(f"It is set already: {shown}:{made.line}\n")
    elif dry_run:
        sys.stdout.write("".join(_diff(made, shown)))
    else:
        with edit.alone(path):
            made = edit.set_text(path, shown, KEY, name)
            edit.write(made)
        sys.stdout.write(f'{shown}:{made.line}: model = "{visible(name)}"\n')
    if lacking:
        sys.stderr.write(f"{lacking}\n")
    if not dry_run:
        _tell_when(options)
    return 0


def _require_effect(options: argparse.Namespace) -> None:
    """Raise ``ConfigError`` where another place outranks ``[profiles.oss]``."""
    options.oss = True
    loaded = load_config(options, os.environ)
    origin = loaded.origins.get("model", "")
    file = f"{OSS}.{load.FILE_NAME}"
    if file in origin or origin in ("-c", "--config"):
        raise ConfigError(
            f"`model` is set in {origin}, which outranks [profiles.{OSS}]",
            hint="Change it there." if file in origin else "Leave that out.",
        )


def _tell_when(options: argparse.Namespace) -> None:
    """Say it where the profile is not in effect unless it is asked for."""
    options.oss = False
    if not load_config(options, os.environ).oss:
        sys.stdout.write("It is used with --oss: another provider is configured.\n")


def _diff(made: edit.Edit, shown: str) -> list[str]:
    before = made.before.splitlines(keepends=True)
    after = made.after.splitlines(keepends=True)
    lines = unified_diff(before, after, shown, f"{shown} (not written)", n=2)
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]
