"""``codex-oss config``: every value and where it comes from."""

import argparse
import os
import sys

from codex_oss.cli.colors import colored
from codex_oss.cli.place import folder
from codex_oss.cli.settings import load_config
from codex_oss.config import project, show


def run(options: argparse.Namespace) -> int:
    """Print the configuration."""
    loaded = load_config(options, os.environ, cwd=folder(None))
    blocked = [project.UNTRUSTED] if loaded.blocked else []
    for warning in [*blocked, *loaded.warnings]:
        sys.stderr.write(f"warning: {warning}\n")
    sys.stdout.write(show.render(loaded, color=colored(sys.stdout)))
    return 0
