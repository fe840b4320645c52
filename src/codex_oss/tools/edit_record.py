"""How edits of each model went, kept from one session to the next: ``edits.json``.

Several processes may write at the same time: each reads, counts and replaces the file
under a lock. It is for convenience only: what cannot be read begins anew, with a
warning, and what cannot be written is forgotten.
"""

from pathlib import Path

import msgspec

from codex_oss.config.locked import locked
from codex_oss.config.whole import write_whole
from codex_oss.tools.ladder import Form, Tallies, Tally, after
from codex_oss.wire.json_text import NOT_JSON

MAX_FILE_BYTES = 256 * 1024
"""A larger file is not ours."""
MAX_MODELS = 200
"""Those that were not used for longest are dropped."""


class _File(msgspec.Struct):
    models: dict[str, dict[Form, Tally]] = {}


class EditRecord:
    """What one model got right so far. ``name`` is the model's."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self.warning = ""

    def read(self) -> Tallies:
        """Return the model's tallies; ``warning`` says what was wrong with the file."""
        return self._file().models.get(self._name, {})

    def add(self, form: Form, *, landed: bool) -> None:
        """Count one attempt. Takes the lock for some milliseconds."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._path.with_suffix(".lock")):
                file = self._file()
                tallies = file.models.pop(self._name, {})
                file.models[self._name] = after(tallies, form, landed=landed)
                for name in list(file.models)[:-MAX_MODELS]:
                    del file.models[name]
                write_whole(self._path, msgspec.json.encode(file))
        except OSError:
            return

    def _file(self) -> _File:
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
            return msgspec.json.decode(data[: MAX_FILE_BYTES + 1], type=_File)
        except FileNotFoundError:
            return _File()
        except (OSError, *NOT_JSON) as error:
            why = getattr(error, "strerror", None) or error
            self.warning = (
                f"{self._path} cannot be read and is begun anew: {why}. It only says "
                "which form of edits each model gets right."
            )
            return _File()
