"""Whether colours are wanted."""

import os
from collections.abc import Mapping
from typing import TextIO


def colored(stream: TextIO, env: Mapping[str, str] | None = None) -> bool:
    """Tell whether a stream is a terminal whose person wants colours.

    ``NO_COLOR`` refuses them unless it is empty (https://no-color.org), and a terminal
    that is ``dumb`` would print their codes.
    """
    env = os.environ if env is None else env
    refused = env.get("NO_COLOR", "") or env.get("TERM", "") == "dumb"
    return stream.isatty() and not refused
