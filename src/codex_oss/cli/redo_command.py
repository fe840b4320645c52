"""``codex-oss redo``: make turns again that were taken back."""

import argparse

from codex_oss.cli import undo_command


def run(options: argparse.Namespace) -> int:
    """Do what ``options`` say and return the exit code."""
    return undo_command.run(options, "redo")
