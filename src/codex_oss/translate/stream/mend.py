"""What a model meant by a call: the tool, and arguments that fit its schema."""

from collections.abc import Callable
from typing import Literal

import msgspec

from codex_oss.facts import Fact, Mended
from codex_oss.translate.freeform import BEGIN, input_of, mend_command
from codex_oss.translate.names import mend_name
from codex_oss.translate.quirks import Mending
from codex_oss.translate.repair import explain, mend_arguments, missing
from codex_oss.translate.tools import Target, ToolMap
from codex_oss.wire.json_text import NOT_JSON

TOLD_LIMIT = 2000
"""Characters of a call that are told to people."""
SHELL = "exec_command"
"""The tool that plays those that are not offered."""

What = Literal["name", "arguments", "text", "tool"]
Note = Callable[[Fact], None]


def ignore(fact: Fact) -> None:
    """Take note of nothing."""


class Meant(msgspec.Struct, frozen=True):
    """A call as it goes out.

    ``text`` is the arguments' JSON or a freeform tool's input; ``fault`` says what is
    wrong with a call that could not be mended, and is empty for all others.
    """

    target: Target
    text: str
    fault: str = ""


class Mender:
    """Mends the calls of one answer, and tells what it mended."""

    def __init__(self, tools: ToolMap, mending: Mending, note: Note) -> None:
        self._tools = tools
        self._mending = mending
        self._note = note

    def target_of(self, name: str) -> Target | None:
        """Return the offered tool that ``name`` means; None when that is not plain."""
        if target := self._tools.resolve(name):
            return target
        meant = mend_name(name, self._tools.schemas) if self._mending.repair else None
        return self._tools.resolve(meant) if meant else None

    def mend(self, name: str, arguments: str) -> Meant:
        """Return the call that was meant; with a ``fault``, it stays as it was."""
        target = self.target_of(name)
        if target is None:
            played = self._played(name, arguments) if self._mending.emulate else None
            return played or self._faulty(name, arguments)
        if self._tools.resolve(name) is None:
            shown = self._tools.chat_name(target.name, target.namespace)
            self.tell("name", name, shown)
        if not self._mending.repair and target.kind == "function":
            return Meant(target, arguments or "{}")
        if target.kind == "custom":
            return self._freeform(target, name, arguments)
        return self._function(target, name, arguments)

    def tell(self, what: What, was: str, now: str) -> None:
        """Tell what was mended, when it is another thing now."""
        if was != now:
            shown = (was[:TOLD_LIMIT], now[:TOLD_LIMIT])
            self._note(Mended(what=what, was=shown[0], now=shown[1]))

    def _freeform(self, target: Target, name: str, arguments: str) -> Meant:
        text = input_of(arguments)
        if not text:
            return Meant(target, text, self._explain(name, arguments))
        if not _wraps(arguments, text):
            self.tell("arguments", arguments, text)
        return Meant(target, text)

    def _function(self, target: Target, name: str, arguments: str) -> Meant:
        mended = mend_arguments(arguments, target.schema)
        if mended is None:
            return Meant(target, arguments, self._explain(name, arguments))
        mended = _with_whole_patch(mended)
        if arguments.strip():  # no arguments are an empty object
            self.tell("arguments", arguments, mended)
        lacking = missing(mended, target.schema)
        return Meant(target, mended, self._explain(name, mended) if lacking else "")

    def _played(self, name: str, arguments: str) -> Meant | None:
        """Return the command that does what a tool would, if it were offered."""
        from codex_oss.translate.emulate import emulated  # noqa: PLC0415  rarely used

        shell = self._tools.resolve(SHELL)
        command = emulated(name, arguments)
        if shell is None or command is None:
            return None
        text = msgspec.json.encode({"cmd": command}).decode()
        self.tell("tool", f"{name} {arguments}", f"{SHELL} {text}")
        return Meant(shell, text)

    def _faulty(self, name: str, arguments: str) -> Meant:
        return Meant(Target(name), arguments or "{}", self._explain(name, arguments))

    def _explain(self, name: str, arguments: str) -> str:
        return explain(name, arguments, self._tools.schemas)


def _wraps(arguments: str, text: str) -> bool:
    """Return whether ``arguments`` are what was asked for: ``{"input": text}``."""
    try:
        return msgspec.json.decode(arguments) == {"input": text}
    except NOT_JSON:
        return False


def _with_whole_patch(arguments: str) -> str:
    """Return the arguments with the patch in a command's text made whole."""
    if BEGIN not in arguments:
        return arguments
    fields = msgspec.json.decode(arguments, type=dict[str, object])
    command = fields.get("cmd")
    if not isinstance(command, str) or (mended := mend_command(command)) == command:
        return arguments
    return msgspec.json.encode(fields | {"cmd": mended}).decode()
