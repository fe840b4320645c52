"""The check of an answer by its schema, where that may take for ever.

A pattern can need longer than anybody waits for one text, and references can fan out.
Nothing in our own process could end such a check, so it is made in another one.
"""

import os
import sys

import msgspec

from codex_oss.agent import conforms
from codex_oss.process.aside import asked

LIMIT_S = 5.0
TOO_LONG = f"it cannot be checked within {LIMIT_S:.0f} s"
_SLOW = (b'"pattern', b'"$ref"')
_CODE = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from codex_oss.agent.conforms import main; main()"
)


def faults(value: object, schema: object) -> list[str]:
    """Return what is wrong with a value; blocks for ``LIMIT_S`` at most."""
    question = msgspec.json.encode([value, schema])
    if not any(word in question for word in _SLOW):
        return conforms.faults(value, schema)
    folders = [folder for folder in sys.path if os.path.isabs(folder)]  # noqa: PTH117
    argv = (sys.executable, "-I", "-c", _CODE, *folders)
    told = asked(argv, question, env={}, limit_s=LIMIT_S)
    return [TOO_LONG] if told is None else msgspec.json.decode(told, type=list[str])
