"""The person's browser, where there is one with a window."""

import contextlib
import sys
import threading
from collections.abc import Callable, Mapping


def browser(env: Mapping[str, str]) -> Callable[[str], None] | None:
    """Return what shows a page in a browser; None on a machine without one."""
    return _show if _has_browser(env) else None


def _has_browser(env: Mapping[str, str]) -> bool:
    """Return whether a browser would have a window; one of text would take the page."""
    return sys.platform == "darwin" or any(
        env.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )


def _show(url: str) -> None:
    # Some browsers only return when they are closed.
    threading.Thread(target=_open, args=(url,), daemon=True).start()


def _open(url: str) -> None:
    import webbrowser  # noqa: PLC0415  only here

    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(url)
