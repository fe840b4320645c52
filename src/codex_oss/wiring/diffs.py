"""The last diff of a conversation, or of a text: what ``codex-oss apply`` applies."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from codex_oss.errors import CodexOssError, PatchError, ToolError
from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    is_prompt,
    text_of,
    text_of_output,
)
from codex_oss.patch import foreign, heredoc
from codex_oss.patch.parse import (
    BEGIN,
    END,
    UPDATED,
    AddFile,
    DeleteFile,
    Hunk,
    Patch,
    UpdateFile,
    WriteFile,
    parse,
)
from codex_oss.policy import within
from codex_oss.tools import apply_patch, edit_file, write_file
from codex_oss.tools.spec import arguments

_FENCED = re.compile(r"^```(?:diff|patch)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_STARTS = re.compile(r"^(?:diff --git |--- \S|Index: )", re.MULTILINE)
_HUNK = re.compile(
    r"^@@ -\d+(?:,(?P<old>\d+))? \+\d+(?:,(?P<new>\d+))? @@", re.MULTILINE
)
_UNSUPPORTED = {
    r"rename to .*(?!\n(?:index |--- ))$": "renames a file without changing it",
    "copy from ": "copies a file",
    "GIT binary patch": "changes a binary file",
    "Binary files ": "changes a binary file and does not say how",
}


class Diff(msgspec.Struct, frozen=True):
    """A patch, and whose work it is, in a few words."""

    patch: Patch
    source: str
    gone: dict[str, str] = {}
    """What files held that are deleted, as far as the diff says it."""


def in_text(text: str, source: str, *, counted: bool = True) -> Diff:
    """Return the diff that a text is, or that stands in it.

    Unified diffs and the patches of ``apply_patch`` are known. Raises ``PatchError``,
    also for a diff of git's that was cut off, if its lines are ``counted`` right, which
    models do not do.
    """
    found = _diff_in(text)
    if found is None:
        raise PatchError(
            f"there is no diff in {source}",
            hint="It begins with `diff --git`, `--- a/file` or `*** Begin Patch`.",
        )
    for mark, what in _UNSUPPORTED.items():
        if re.search(f"^{mark}", found, re.MULTILINE):
            raise PatchError(
                f"the diff in {source} {what}", hint="`git apply` can do that."
            )
    if counted and found.startswith("diff --git ") and _cut_off(found):
        raise PatchError(
            f"the diff in {source} ends within its last hunk",
            hint="Take the whole diff; nothing was changed.",
        )
    return Diff(foreign.read(found) or parse(found), source, _gone(found))


def _cut_off(diff: str) -> bool:
    """Return whether the last hunk has fewer lines than its head says."""
    heads = list(_HUNK.finditer(diff))
    if not heads:
        return False
    lines = diff[heads[-1].end() :].splitlines()[1:]
    counts = (int(heads[-1][n] or 1) for n in ("old", "new"))
    have = (sum(line[:1] in ("", " ", sign) for line in lines) for sign in "-+")
    return any(there < told for told, there in zip(counts, have, strict=True))


def in_conversation(items: Sequence[Item], begun_in: Path) -> Diff:
    """Return what the last turn with a diff changed, or proposed to change.

    Paths become relative to ``begun_in``, the folder it was at work in. Raises
    ``CodexOssError`` when no turn has one.
    """
    for turn in _turns(items):
        prompt = turn[0]
        told = text_of(prompt.content) if isinstance(prompt, Message) else ""
        source = f"the turn {told.strip().splitlines()[0][:60]!r}" if told else "it"
        if hunks := list(_made(turn, begun_in)):
            return Diff(Patch(hunks), source)
        for item in reversed(turn):
            if isinstance(item, Message) and item.role == "assistant":
                if _diff_in(text_of(item.content)) is not None:
                    return in_text(text_of(item.content), source, counted=False)
                break
    raise CodexOssError("no turn of that session has a diff")


def conflicts(diff: Diff, folder: Path) -> list[str]:
    """Return what a diff may only do if a person says so.

    That is to destroy files, because it does not know them, and to write what agents
    follow. ``patch.apply`` finds all other conflicts: it compares what is changed.
    """
    told = [
        f"{path} is followed by agents"
        for path in _paths(diff)
        if {".codex", ".agents"} & set(_below(path, folder))
    ]
    for hunk in diff.patch.hunks:
        path = folder / hunk.path
        match hunk:
            case AddFile(content=content) | WriteFile(content=content):
                if path.is_file() and path.read_bytes() != content.encode():
                    told.append(f"{hunk.path} is there already, with other content")
            case DeleteFile() if not _holds(path, diff.gone.get(hunk.path)):
                told.append(f"{hunk.path} would be deleted, whatever it holds")
            case _:
                pass
    return told


def outside(diff: Diff, folder: Path) -> list[str]:
    """Return the paths of a diff that lie outside of a folder, or in a ``.git``."""
    return [path for path in _paths(diff) if ".git" in _below(path, folder)]


def _paths(diff: Diff) -> Iterator[str]:
    for hunk in diff.patch.hunks:
        yield hunk.path
        if isinstance(hunk, UpdateFile) and hunk.move_to:
            yield hunk.move_to


def _below(path: str, folder: Path) -> tuple[str, ...]:
    """Return the names that lead to a path, in small letters; outside: ``.git``."""
    real, top = os.path.realpath(folder / path), os.path.realpath(folder)
    if not within(real, (top,)):
        return (".git",)
    return Path(os.path.relpath(real, top).lower()).parts


def _turns(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield the turns, the last one first; each begins with its prompt."""
    end = len(items)
    for at in range(len(items) - 1, -1, -1):
        if is_prompt(items[at]):
            yield list(items[at:end])
            end = at


def _made(turn: Sequence[Item], begun_in: Path) -> Iterator[Hunk]:
    """Yield the edits of a turn that were made, in order."""
    outputs = {
        item.call_id: text_of_output(item.output)
        for item in turn
        if isinstance(item, FunctionCallOutput | CustomToolCallOutput)
    }
    for item in turn:
        if not isinstance(item, FunctionCall | CustomToolCall):
            continue
        if UPDATED not in outputs.get(item.call_id, ""):
            continue
        try:
            hunks, workdir = _edits(item)
        except (ToolError, PatchError):
            continue  # what was made of it by then is not known
        for hunk in hunks:
            yield _moved(hunk, begun_in / (workdir or ""), begun_in)


def _edits(call: FunctionCall | CustomToolCall) -> tuple[Sequence[Hunk], str | None]:
    text = call.arguments if isinstance(call, FunctionCall) else call.input
    match call.name:
        case apply_patch.NAME:
            found = apply_patch.unwrap(text)
        case "exec_command" if isinstance(call, FunctionCall):
            given = arguments(call, _Command)
            invocation = heredoc.recognise(given.cmd)
            if invocation is None:
                return [], None
            beside = os.path.join(given.workdir or "", invocation.workdir or "")  # noqa: PTH118  texts
            found = heredoc.Invocation(invocation.patch, beside)
        case edit_file.NAME:
            edits = arguments(call, edit_file.EditArguments)
            return edit_file.hunks(edits, edit_file.spec()), None
        case write_file.NAME:
            written = arguments(call, write_file.WriteArguments)
            return [WriteFile(written.path, written.content)], None
        case _:
            return [], None
    patch = foreign.read(found.patch) or parse(found.patch)
    return patch.hunks, found.workdir


class _Command(msgspec.Struct, frozen=True):
    cmd: str
    workdir: str | None = None


def _moved(hunk: Hunk, place: Path, begun_in: Path) -> Hunk:
    """Return an edit whose paths begin where the conversation did."""
    path = _relative(hunk.path, place, begun_in)
    if isinstance(hunk, UpdateFile) and hunk.move_to:
        moved = _relative(hunk.move_to, place, begun_in)
        return replace(hunk, path=path, move_to=moved)
    return replace(hunk, path=path)


def _relative(path: str, place: Path, begun_in: Path) -> str:
    whole = os.path.normpath(place / path)
    below = os.path.relpath(whole, begun_in)
    return whole if below.startswith("..") else below


def _holds(path: Path, text: str | None) -> bool:
    """Return whether a file holds just what a diff takes away."""
    if text is None or not path.is_file():
        return not path.exists()  # that it is missing is told when it is read
    return path.read_bytes().decode("utf-8", "replace").splitlines() == (
        text.splitlines()
    )


def _gone(text: str) -> dict[str, str]:
    """Return what each file held that a unified diff deletes."""
    patch = foreign.read(text)
    deleted = [h for h in patch.hunks if isinstance(h, DeleteFile)] if patch else []
    gone = {hunk.path: "" for hunk in deleted}
    before = name = ""
    for line in text.splitlines():
        if line.startswith("+++ /dev/null") and before.startswith("--- "):
            name = foreign.name_in(before).removeprefix("a/")
            gone[name] = ""
        elif line.startswith(("diff --git ", "+++ ")):
            name = ""
        elif name and line.startswith("-"):
            gone[name] += f"{line[1:]}\n"
        before = line
    return gone


def _diff_in(text: str) -> str | None:
    """Return the part of a text that is a diff."""
    if fenced := _FENCED.findall(text):
        return "\n".join(fenced)
    if BEGIN in text:
        start = text.index(BEGIN)
        end = text.find(END, start)
        return text[start:] if end < 0 else text[start : end + len(END)]
    if start := _STARTS.search(text):
        return text[start.start() :]
    return None
