"""Runs the program as a module: ``python -m codex_oss``."""

import sys

from codex_oss.cli import main

if __name__ == "__main__":
    sys.exit(main())
