"""What comes back from ``POST /api/chat``: the lines of a stream.

A field that this program does not read is not here.
"""

import msgspec

_NO_ARGUMENTS = msgspec.Raw(b"{}")


class CalledLine(msgspec.Struct, frozen=True):
    """What a call calls. ``arguments`` is the JSON text of an object."""

    name: str = ""
    arguments: msgspec.Raw = _NO_ARGUMENTS


class CallLine(msgspec.Struct, frozen=True):
    """One call. It always comes whole, in one line."""

    function: CalledLine
    id: str | None = None


class Said(msgspec.Struct, frozen=True):
    """More of what the model says and thinks."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[CallLine] | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the stream.

    The last has ``done``, and why: ``stop``, ``length``, or ``load`` and ``unload``
    when nothing was asked. ``prompt_eval_count`` counts the whole prompt,
    ``prompt_eval_cached_count``, which newer servers send, what of it was cached.
    """

    message: Said | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    prompt_eval_cached_count: int | None = None
    eval_count: int | None = None


class Fault(msgspec.Struct, frozen=True):
    """An error, in the server's words: a body of its own, or a line of a stream.

    The words may be another server's whole error as JSON text: that of the
    ``llama-server`` which runs the model.
    """

    message: str
