"""The `apply_patch` tool: change files by a patch, whole or not at all."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, assert_never, cast

import msgspec

from codex_oss import events, policy
from codex_oss.errors import PatchError, ToolError
from codex_oss.items import Call, FunctionCall
from codex_oss.patch import heredoc
from codex_oss.patch.apply import Change, plan, summary
from codex_oss.patch.parse import parse
from codex_oss.patch.write import write
from codex_oss.ports import Output, Scope
from codex_oss.tools.permit import BY_USER, Permit
from codex_oss.wire.responses import CustomTool, FunctionTool

NAME = "apply_patch"

_REJECTED = "patch rejected by user"
_TEXT_KEYS = ("input", "patch", "content", "diff", "command", "cmd")
"""Where models put the patch: ours, then names that they know from elsewhere."""
_LAYERS = 3
"""How many layers of JSON and shell are taken off an argument."""


class ApplyPatch:
    """The tool, as a function with one argument or, ``freeform``, as plain text."""

    def __init__(
        self,
        permit: Permit,
        *,
        freeform: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._permit = permit
        self._freeform = freeform
        self._clock = clock

    @property
    def spec(self) -> FunctionTool | CustomTool:
        """Name, description and parameters, as the model gets them."""
        description = _beside(".md").rstrip()
        if self._freeform:
            grammar = {
                "type": "grammar",
                "syntax": "lark",
                "definition": _beside(".lark"),
            }
            return CustomTool(name=NAME, description=description, format=grammar)
        return FunctionTool(
            name=NAME, description=description, parameters=_PARAMETERS, strict=False
        )

    async def run(self, call: Call, scope: Scope) -> Output:
        """Apply the patch of ``call``, however the model has wrapped it."""
        text = call.arguments if isinstance(call, FunctionCall) else call.input
        found = _unwrap(text)
        cwd = scope.cwd / found.workdir if found.workdir else scope.cwd
        return await apply_text(
            found.patch, cwd, scope, self._permit, clock=self._clock
        )

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole patch"}},
    "required": ["input"],
    "additionalProperties": False,
}


def _beside(suffix: str) -> str:
    return Path(__file__).with_suffix(suffix).read_text(encoding="utf-8")


# --- the argument ---------------------------------------------------------------------


def _unwrap(text: str) -> heredoc.Invocation:
    """Return the patch inside ``text``: JSON of any known shape, a command, or itself.

    Raises ``ToolError`` when ``text`` is JSON that holds no patch.
    """
    workdir = None
    for _ in range(_LAYERS):
        invocation = heredoc.recognise(text)
        if invocation is not None:
            return heredoc.Invocation(invocation.patch, invocation.workdir or workdir)
        if not text.lstrip().startswith(("{", "[", '"')):
            break
        text, given = _take(_decode(text))
        workdir = given or workdir
    return heredoc.Invocation(text, workdir)


def _decode(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        import json  # noqa: PLC0415  only for JSON with raw newlines in its strings

        try:
            return json.loads(text, strict=False)
        except ValueError:
            raise ToolError(f"failed to parse function arguments: {error}") from error


def _take(value: object) -> tuple[str, str | None]:
    """Return the patch text in a decoded argument, and the directory beside it."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, list):
        words = cast("list[object]", value)
        if words and isinstance(words[-1], str):
            return words[-1], None
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        named = next((fields[key] for key in _TEXT_KEYS if key in fields), None)
        if isinstance(named, str | list):
            text, _ = _take(cast("object", named))
            workdir = fields.get("workdir")
            return text, workdir if isinstance(workdir, str) else None
    raise ToolError("failed to parse function arguments: missing field `input`")


# --- the work -------------------------------------------------------------------------


async def apply_text(
    text: str,
    cwd: Path,
    scope: Scope,
    permit: Permit,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Output:
    """Apply a patch text under ``cwd`` and return what the model reads.

    The order is: read and match everything, ask the policy, tell the front end, write.
    Before the front end is told nothing has been written.
    """
    start = clock()
    try:
        patch = parse(text)
        if not patch.hunks:
            return Output("patch rejected: empty patch", success=False)
        changes = await asyncio.to_thread(plan, patch, cwd)
    except PatchError as error:
        words = f"apply_patch verification failed: {error.report()}"
        return Output(words, success=False)
    refusal = await _refusal(changes, permit, scope)
    if refusal is not None:
        return Output(refusal, success=False)
    await scope.changing([p for c in changes for p in (c.target, c.removed) if p])
    failure = await _write(changes, scope)
    told = summary(changes) if failure is None else f"{failure}\n"
    code = 0 if failure is None else 1
    seconds = round(clock() - start, 1)
    return Output(
        f"Exit code: {code}\nWall time: {seconds:g} seconds\nOutput:\n{told}",
        success=failure is None,
    )


async def _refusal(
    changes: Sequence[Change], permit: Permit, scope: Scope
) -> str | None:
    """Return why ``changes`` may not be made, or None when they may."""
    paths = [path for c in changes for path in (c.target, c.removed) if path]
    action = policy.WriteFiles(paths=tuple(str(path) for path in paths))
    verdict = await permit.decide(action, scope)
    match verdict:
        case policy.Allow():
            return None
        case policy.Deny(reason):
            return _REJECTED if reason == BY_USER else reason
        case _:
            assert_never(verdict)


async def _write(changes: Sequence[Change], scope: Scope) -> PatchError | None:
    """Write ``changes``, tell the front end, and return what went wrong."""
    item = events.FileChange(id=scope.new_item_id(), changes=_updates(changes))
    scope.emit(events.ItemStarted(item=item))
    writing = asyncio.ensure_future(asyncio.to_thread(write, changes))
    try:
        # A cancelled turn waits for the disk: half a patch would be worse.
        await asyncio.shield(writing)
    except PatchError as error:
        failure = error
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        _tell_end(item, scope, failed=writing.exception() is not None)
        raise
    else:
        failure = None
    _tell_end(item, scope, failed=failure is not None)
    return failure


def _tell_end(item: events.FileChange, scope: Scope, *, failed: bool) -> None:
    status: events.Status = "failed" if failed else "completed"
    ended = msgspec.structs.replace(item, status=status)
    scope.emit(events.ItemCompleted(item=ended))


def _updates(changes: Sequence[Change]) -> list[events.FileUpdate]:
    updates = [
        events.FileUpdate(
            path=str(change.path),
            kind="update" if change.kind == "move" else change.kind,
        )
        for change in changes
    ]
    return sorted(updates, key=lambda update: update.path)
