"""What was learned about servers, kept from one start to the next.

A file of JSON, for convenience only: when it cannot be read or written, the question
is asked again.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from codex_oss.config.whole import write_whole
from codex_oss.wire.json_text import NOT_JSON

MAX_ENTRIES = 128
"""The oldest are dropped."""
MAX_FILE_BYTES = 256 * 1024
"""A larger file is not ours."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A model on a server that was seen to get the tools that are sent.

    ``version`` is the server's when it was asked: another version is asked again.
    """

    base_url: str
    model: str
    server: str
    version: str


class _File(msgspec.Struct, frozen=True):
    known: list[Known] = []


class ProbeMemory:
    """The kept answers; without a path, for this process only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: list[Known] | None = None

    def recall(self, base_url: str, model: str) -> Known | None:
        """Return what is known of a model on a server."""
        for known in self._entries():
            if (known.base_url, known.model) == (base_url, model):
                return known
        return None

    def keep(self, known: Known) -> None:
        """Replace what is known of a model on a server."""
        if self.recall(known.base_url, known.model) == known:
            return
        key = (known.base_url, known.model)
        others = [k for k in self._entries() if (k.base_url, k.model) != key]
        self._known = [known, *others][:MAX_ENTRIES]
        if self._path is not None:
            _write(self._path, _File(self._known))

    def _entries(self) -> list[Known]:
        if self._known is None:
            self._known = _read(self._path).known if self._path else []
        return self._known


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        return msgspec.json.decode(data, type=_File)
    except (OSError, *NOT_JSON):
        return _File()


def _write(path: Path, content: _File) -> None:
    with suppress(OSError):
        write_whole(path, msgspec.json.encode(content))
