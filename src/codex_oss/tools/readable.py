"""Files as edits may read them: not those that commands may not read either.

What does not match is shown to the model with the file's own lines; so a secret must
not be opened at all.
"""

import os
from collections.abc import Callable
from pathlib import Path

from codex_oss.errors import PatchError
from codex_oss.patch.apply import MAX_FILE_BYTES, read_file
from codex_oss.policy.permissions import within

Read = Callable[[Path], bytes]


def reader(denied: tuple[str, ...]) -> Read:
    """Return what reads a file, or raises ``OSError`` or ``PatchError``.

    ``denied`` are absolute real paths; what is below them is denied too.
    """

    def read(path: Path) -> bytes:
        if not path.is_file():
            return read_file(path)  # says what is wrong
        with path.open("rb") as file:
            real = os.path.realpath(path)
            # A command in the background may change links between two looks at them.
            is_it = os.path.samestat(os.stat(real), os.fstat(file.fileno()))  # noqa: PTH116
            if within(real, denied) or not is_it:
                raise PatchError("it may not be read: `sandbox_deny_read`")
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise PatchError(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
        return data

    return read if denied else read_file
