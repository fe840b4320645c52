"""Changes that a call wants, made: the policy asked, the front end told, then written.

What the call was, a patch or anything else, makes no difference here.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import assert_never

import msgspec

from codex_oss import events, policy
from codex_oss.errors import PatchError
from codex_oss.patch.apply import Change
from codex_oss.patch.write import write
from codex_oss.ports import Scope
from codex_oss.process.threads import to_its_end
from codex_oss.tools.permit import BY_USER, Permit

_REJECTED = "patch rejected by user"


async def refusal(
    changes: Sequence[Change], permit: Permit, scope: Scope
) -> str | None:
    """Return why ``changes`` may not be made, or None when they may."""
    paths = [path for c in changes for path in (c.target, c.removed) if path]
    action = policy.WriteFiles(paths=tuple(str(path) for path in paths))
    verdict = await permit.decide(action, scope, diffs=partial(_diffs, changes))
    match verdict:
        case policy.Allow():
            return None
        case policy.Deny(reason):
            return _REJECTED if reason == BY_USER else reason
        case _:
            assert_never(verdict)


def _diffs(changes: Sequence[Change]) -> tuple[policy.Diff, ...]:
    from codex_oss.tools.diff import diffs  # noqa: PLC0415  only where one is asked

    return diffs(changes)


async def make(changes: Sequence[Change], scope: Scope) -> PatchError | None:
    """Write ``changes``, tell the front end, and return what went wrong.

    Before the front end is told nothing has been written.
    """
    await scope.changing([p for c in changes for p in (c.target, c.removed) if p])
    item = events.FileChange(id=scope.new_item_id(), changes=_updates(changes))
    scope.emit(events.ItemStarted(item=item))
    try:
        # A cancelled turn waits for the disk: half a patch would be worse.
        await to_its_end(lambda: write(changes))
    except PatchError as error:
        failure = error
    except asyncio.CancelledError as cancelled:
        _tell_end(item, scope, failed=cancelled.__cause__ is not None)
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
