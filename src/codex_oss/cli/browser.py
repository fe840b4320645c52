"""The person's browser, where there is one with a window."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from codex_oss.process.detached import start_unheard


def browser(env: Mapping[str, str]) -> Callable[[str], None] | None:
    """Return what shows a page in a browser; None on a machine without one."""
    return _show if _has_browser(env) else None


def _has_browser(env: Mapping[str, str]) -> bool:
    """Return whether a browser would have a window; one of text would take the page."""
    return sys.platform == "darwin" or any(
        env.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )


def _show(url: str) -> None:
    # In a process of its own: some browsers only return when they are closed, and some
    # write on our output, which may be lines of JSON.
    with contextlib.suppress(OSError):
        start_unheard(
            (sys.executable, "-I", "-m", "webbrowser", url),
            cwd=Path("/"),
            env=os.environ,
        )
