"""The bridge's event loop: uvloop, and no OpenSSL where nothing speaks TLS.

asyncio and uvloop import ``ssl`` for everybody. A bridge in front of plain http, as
nearly all are, would pay for it 6 ms of the 95 of its start and 4.5 MB of 44, and have
nothing from it. Both get along without: asyncio because Pythons without OpenSSL exist,
uvloop because it only looks up names.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class _NoTls(ModuleType):
    """Stands for ``ssl`` while uvloop takes from it what connections in TLS need."""

    def __getattr__(self, name: str) -> object:
        """Return a number for a constant, else a class, whose use fails."""
        return 0 if name.startswith("SSL_") else type(name, (OSError,), {})


def import_asyncio() -> None:
    """Import asyncio without ``ssl``, which can still be imported afterwards.

    Its own loop cannot make connections in TLS then, so not where there is no uvloop.
    """
    if "ssl" in sys.modules or find_spec("uvloop") is None:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]  "there is none"
    try:
        import_module("asyncio")
    finally:
        del sys.modules["ssl"]


def fast_loop(*, tls: bool) -> "Callable[[], AbstractEventLoop] | None":
    """Return uvloop's loop; None, asyncio's own, where there is none.

    ``tls`` says whether any of its connections may be in TLS.
    """
    hidden = not tls and "ssl" not in sys.modules
    if hidden:
        sys.modules["ssl"] = _NoTls("ssl")
    try:
        import uvloop  # noqa: PLC0415  Windows has none, and other commands need none
    except ImportError:
        return None
    finally:
        if hidden:
            del sys.modules["ssl"]
    return uvloop.new_event_loop
