"""Keeps what the SDK logs from the person's terminal.

It tells its log of what servers send. Nobody reads that, and what has no reader goes to
standard error.
"""

import logging

_NOBODY = logging.NullHandler()


def quiet() -> None:
    """Let the log be read by nobody, however often this is called."""
    logging.getLogger().addHandler(_NOBODY)
