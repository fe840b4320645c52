"""One tool call while its pieces come."""

import msgspec

from codex_oss.translate.stream.call_items import OpenCall
from codex_oss.translate.stream.mend import Meant
from codex_oss.wire.chat import CallDelta
from codex_oss.wire.json_text import NOT_JSON


class Draft:
    """A call as far as it has come.

    ``item`` is there once it was announced, ``meant`` once it is whole. ``call_id`` is
    the model's until ``named``.
    """

    __slots__ = ("_pieces", "call_id", "item", "meant", "name", "named")

    def __init__(self) -> None:
        self.call_id = ""
        self.name = ""
        self.named = False
        self.item: OpenCall | None = None
        self.meant: Meant | None = None
        self._pieces: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether there are arguments: from here on the name is whole."""
        return bool(self._pieces)

    @property
    def arguments(self) -> str:
        """All of the arguments' text so far."""
        return "".join(self._pieces)

    @property
    def complete(self) -> bool:
        """Whether the arguments are a whole JSON value."""
        try:
            msgspec.json.decode(self.arguments)
        except NOT_JSON:
            return False
        return True

    def add(self, delta: CallDelta) -> str:
        """Take a piece and return its part of the arguments."""
        name, arguments = delta.function.name, delta.function.arguments or ""
        if name and name != self.name and not self.begun:
            self.name += name
        if not self.call_id and delta.id:
            self.call_id = delta.id
        if arguments:
            self._pieces.append(arguments)
        return arguments

    def continued_by(self, delta: CallDelta) -> bool:
        """Whether a piece with this call's index is more of it, not another call."""
        name = delta.function.name
        if not name or (delta.id and delta.id == self.call_id):
            return True
        if not self.begun:
            return not (delta.id and self.call_id)
        return name == self.name and not self.complete
