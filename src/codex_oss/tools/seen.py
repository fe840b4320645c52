"""Which files a conversation has read or written: others are not written anew.

What a model has not read it would lose: small ones write a whole file from memory more
often than not. Known is what commands that print files name (`READERS`), what commands
write by ``>``, and what edits have left.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from codex_oss.errors import PatchError
from codex_oss.items import Call, CustomToolCall, FunctionCall, Item
from codex_oss.patch import foreign, heredoc
from codex_oss.patch.apply import MAX_FILE_BYTES
from codex_oss.patch.parse import AddFile, ReplaceText, UpdateFile, WriteFile, parse
from codex_oss.policy.commands import Command
from codex_oss.policy.runners import everything
from codex_oss.policy.script import read
from codex_oss.ports import Output, Scope, Tool
from codex_oss.wire.json_text import NOT_JSON
from codex_oss.wire.responses import CustomTool, FunctionTool

READERS = frozenset(
    (
        *("cat", "head", "tail", "sed", "nl", "less", "more", "bat", "batcat"),
        *("tac", "view", "awk", "pr", "fold", "expand", "xxd", "od"),
    )
)
"""Programs that print the files they are given."""
MAX_FILES = 2000
MAX_MATCHES = 100
"""Files of one wildcard that are looked at."""
_WRITES = (">", ">>", ">|", "&>", "&>>")
_SIZE = 16


class Seen:
    """The files of one conversation, and what they held when they were last known.

    ``earlier`` are the items of a conversation that goes on: its calls are read when
    somebody asks, without knowing what the files held then.
    """

    def __init__(self, cwd: Path, earlier: Sequence[Item] = ()) -> None:
        self._cwd = cwd
        self._earlier = earlier
        self._known: dict[Path, bytes] = {}

    def command(self, text: str, cwd: Path) -> None:
        """Note what a command has read and written; called after it ran."""
        for path in named(text, cwd):
            self._note(path, _digest_of(path))

    def wrote(self, path: Path, content: bytes) -> None:
        """Note what an edit has left at an absolute real path."""
        self._note(path, _digest(content))

    def knows(self, path: Path) -> bool:
        """Return whether the file at an absolute real path was read or written."""
        if self._earlier:
            earlier, self._earlier = self._earlier, ()
            for each in _paths_of(earlier, self._cwd):
                self._known.setdefault(each, b"")
        return path in self._known

    def changed(self, path: Path, content: bytes) -> bool:
        """Return whether a known file held something else when it was last known."""
        was = self._known.get(path, b"")
        return bool(was) and was != _digest(content)

    def _note(self, path: Path, digest: bytes) -> None:
        self._known.pop(path, None)
        self._known[path] = digest
        if len(self._known) > MAX_FILES:
            del self._known[next(iter(self._known))]


class Watched:
    """A tool that runs commands; the files they name are noted (`ports.Tool`)."""

    def __init__(self, tool: Tool, seen: Seen) -> None:
        self._tool = tool
        self._seen = seen

    @property
    def spec(self) -> FunctionTool | CustomTool:
        """Name, description and parameters, as the model gets them."""
        return self._tool.spec

    async def run(self, call: Call, scope: Scope) -> Output:
        """Run the call and note the files that its command names."""
        output = await self._tool.run(call, scope)
        command = _command(call)
        if command is not None:
            cmd, workdir = command
            await asyncio.to_thread(self._seen.command, cmd, scope.cwd / workdir)
        return output

    def end_turn(self, scope: Scope) -> None:
        """Pass it on."""
        self._tool.end_turn(scope)

    async def close(self) -> None:
        """Pass it on."""
        await self._tool.close()


# --- commands -------------------------------------------------------------------------


def named(text: str, cwd: Path) -> Iterator[Path]:
    """Yield the real paths of the files that a command prints, or writes by ``>``."""
    at = cwd
    for command in everything(read(text)):
        words = command.words
        if words and words[0].text == "cd" and not command.scope:
            at = at / words[1].text if len(words) > 1 and words[1].literal else at
        yield from _files(_operands(command), at)


def _operands(command: Command) -> list[tuple[str, bool]]:
    """Return words that may be files, and whether they stand for themselves."""
    found = [
        (redirect.target.text, redirect.target.literal)
        for redirect in command.redirects
        if redirect.target is not None and redirect.operator in ("<", *_WRITES)
    ]
    words = [word.text for word in command.words]
    name = words[0].rpartition("/")[2] if words else ""
    in_place = name == "sed" and any(word.startswith("-i") for word in words)
    if name in READERS and not in_place:
        found += [(word.text, word.literal) for word in command.words[1:]]
    return found


def _files(words: Iterable[tuple[str, bool]], cwd: Path) -> Iterator[Path]:
    for text, literal in words:
        if "\0" in text:
            continue
        matches = [text] if literal else _matches(text, cwd)
        for match in matches:
            path = cwd / match
            # `Path.is_file` raises for names that are too long.
            if os.path.isfile(path):  # noqa: PTH113
                yield Path(os.path.realpath(path))


def _matches(pattern: str, cwd: Path) -> list[str]:
    from glob import iglob  # noqa: PLC0415  few commands have wildcards

    text = os.path.expanduser(pattern)  # noqa: PTH111  no error for unknown users
    found = iglob(text, root_dir=cwd)  # noqa: PTH207  also takes absolute patterns
    return list(islice(found, MAX_MATCHES))


def _digest_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _digest(file.read(MAX_FILE_BYTES))
    except OSError:
        return b""


def _digest(content: bytes) -> bytes:
    from hashlib import blake2b  # noqa: PLC0415  not before the first request

    return blake2b(content, digest_size=_SIZE).digest()


# --- earlier calls --------------------------------------------------------------------


def _paths_of(items: Sequence[Item], cwd: Path) -> Iterator[Path]:
    for item in items:
        if not isinstance(item, FunctionCall | CustomToolCall):
            continue
        command = _command(item)
        if command is None:
            names = _edited(item)
        else:
            cmd, workdir = command
            yield from named(cmd, cwd / workdir)
            patch = heredoc.recognise(cmd)
            names = _in_patch(patch.patch) if patch else []
        for name in names:
            yield Path(os.path.realpath(cwd / name))


class _Fields(msgspec.Struct):
    cmd: str = ""
    workdir: str | None = None
    path: str = ""
    input: str = ""


def _command(call: Call) -> tuple[str, str] | None:
    """Return the command of a call and where it ran; None for any other call."""
    if not isinstance(call, FunctionCall) or call.name != "exec_command":
        return None
    fields = _fields(call)
    return (fields.cmd, fields.workdir or "") if fields.cmd else None


def _fields(call: FunctionCall) -> _Fields:
    try:
        return msgspec.json.decode(call.arguments, type=_Fields)
    except NOT_JSON:
        return _Fields()


def _edited(call: Call) -> list[str]:
    """Return the paths that a call of an edit tool names and leaves there."""
    if isinstance(call, FunctionCall):
        fields = _fields(call)
        if call.name in ("edit_file", "write_file"):
            return [fields.path] if fields.path else []
        text = fields.input
    else:
        text = call.input
    return _in_patch(text) if call.name == "apply_patch" else []


def _in_patch(text: str) -> list[str]:
    try:
        patch = foreign.read(text) or parse(text)
    except PatchError:
        return []
    names: list[str] = []
    for hunk in patch.hunks:
        match hunk:
            case UpdateFile(path, move_to):
                names.append(move_to or path)
            case AddFile(path) | WriteFile(path) | ReplaceText(path):
                names.append(path)
            case _:
                pass
    return names
