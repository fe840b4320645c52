"""The check of an answer by its schema, where that may take for ever.

A pattern can need longer than anybody waits for one text, and references can fan out.
Nothing in our own process could end such a check, so it is made in another one.
"""

import msgspec

from codex_oss.agent import conforms
from codex_oss.process.aside import asked, of_ours

LIMIT_S = 5.0
TOO_LONG = f"it cannot be checked within {LIMIT_S:.0f} s"
_SLOW = (b'"pattern', b'"$ref"')


def faults(value: object, schema: object) -> list[str]:
    """Return what is wrong with a value; blocks for ``LIMIT_S`` at most."""
    question = msgspec.json.encode([value, schema])
    if not any(word in question for word in _SLOW):
        return conforms.faults(value, schema)
    told = asked(of_ours(conforms.__name__), question, env={}, limit_s=LIMIT_S)
    return [TOO_LONG] if told is None else msgspec.json.decode(told, type=list[str])
