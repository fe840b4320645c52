"""What all ways to edit files have in common: one road from a call to the disk.

The order is: read and match everything, guard what would be lost, ask the policy, tell
the front end, write; then the model is shown what has become of the file. How the model
puts its edits (`ladder.Form`) matters only before and after.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.apply import Change, Unreadable, plan, summary
from codex_oss.patch.meant import lost_by, lost_by_whole, numbered_content
from codex_oss.patch.parse import Patch
from codex_oss.ports import Output, Scope
from codex_oss.tools import making
from codex_oss.tools.changed_lines import MAX_BYTES, changed_lines
from codex_oss.tools.ladder import Form, Ladder
from codex_oss.tools.permit import Permit
from codex_oss.tools.readable import Read, reader
from codex_oss.tools.seen import Seen

MAX_SHOWN_FILES = 8
"""Of one patch; the lines of more would push the task out of a small window."""


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an edit tool.

    ``read`` returns the hunks or raises ``PatchError``; ``failing`` is how a refusal
    begins; ``source`` is what the model sent, for an example of what to send instead.
    """

    form: Form
    read: Callable[[], Patch]
    cwd: Path
    failing: str
    source: str | Patch


class Edits:
    """The edits of one session.

    Without ``seen`` and ``ladder`` files are changed and answers are written as by the
    Codex CLI 0.169, and nothing more is said.
    """

    def __init__(
        self,
        permit: Permit,
        *,
        seen: Seen | None = None,
        ladder: Ladder | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._permit = permit
        self._seen = seen
        self._ladder = ladder
        self._clock = clock
        self._refused: set[int] = set()

    async def make(self, edit: Edit, scope: Scope) -> Output:
        """Make an edit and return what the model reads."""
        start = self._clock()
        try:
            patch = edit.read()
            if not patch.hunks:
                return Output("patch rejected: empty patch", success=False)
            changes = await asyncio.to_thread(plan, patch, edit.cwd, self._read())
            await asyncio.to_thread(self._refuse_loss, changes)
        except PatchError as error:
            return await self._failed(edit, error)
        told = self._unread(changes)
        if told is None:
            told = await making.refusal(changes, self._permit, scope)
        if told is not None:
            return Output(told, success=False)
        stale = self._changed_meanwhile(changes)
        failure = await making.make(changes, scope)
        if failure is not None:
            return Output(self._framed(edit, f"{failure}\n", start, 1), success=False)
        self._note(changes)
        await self._count(edit.form, landed=True)
        shown = [*stale, *(await self._shown(changes) if self._seen else [])]
        text = self._framed(edit, summary(changes), start, 0)
        return Output(text + "".join(f"\n{each}\n" for each in shown if each))

    def _read(self) -> Read:
        return reader(self._permit.permissions.deny_read)

    def _framed(self, edit: Edit, told: str, start: float, code: int) -> str:
        """Return an answer to a patch as Codex words it; of other forms, the answer."""
        if edit.form != "patch":
            return told
        seconds = round(self._clock() - start, 1)
        return f"Exit code: {code}\nWall time: {seconds:g} seconds\nOutput:\n{told}"

    # --- guards -----------------------------------------------------------------------

    def _refuse_loss(self, changes: Sequence[Change]) -> None:
        """Raise for content that stands for something else; once for each content.

        Who sends the same again means it: such a line may well be a real comment.
        """
        if self._seen is None:
            return
        for change in changes:
            if change.after is None or change.before is None or change.kind == "move":
                continue
            before, after = _text(change.before), _text(change.after)
            if change.whole and numbered_content(after, before, change.name):
                raise PatchError(
                    f"the content of {change.name} has a line number in each line",
                    hint="Send it without: they are not part of the file.",
                )
            lost = (lost_by_whole if change.whole else lost_by)(before, after)
            content = hash((change.target, change.after))
            if lost and content not in self._refused:
                self._refused.add(content)
                raise PatchError(
                    f"`{lost}` would be written into {change.name} in place of lines",
                    hint=_WHOLE if change.whole else _PART,
                )

    def _unread(self, changes: Sequence[Change]) -> str | None:
        """Return why a file must be read first; None when all are known."""
        if self._seen is None:
            return None
        for change in changes:
            if change.target is None or not change.whole or change.before == b"":
                continue
            if not self._seen.knows(change.target):
                return (
                    f"{change.name} exists and you have not read it: what is in it "
                    f"would be lost. Nothing was written. Read it with exec_command "
                    f"(cat {change.name}), then send this again; or change a part of "
                    "it with edit_file."
                )
        return None

    def _changed_meanwhile(self, changes: Sequence[Change]) -> list[str]:
        seen = self._seen
        if seen is None:
            return []
        return [
            f"Note: {change.name} was changed by somebody else since you read it."
            for change in changes
            if change.whole
            and change.target is not None
            and seen.changed(change.target, change.before or b"")
        ]

    # --- afterwards -------------------------------------------------------------------

    async def _failed(self, edit: Edit, error: PatchError) -> Output:
        text = f"{edit.failing}: {error.report()}"
        if isinstance(error, Unreadable):
            return Output(text, success=False)
        await self._count(edit.form, landed=False)
        form = self._ladder.failed(edit.form) if self._ladder else None
        if form is not None:
            from codex_oss.tools.instead import instead  # noqa: PLC0415  seldom

            advice = await asyncio.to_thread(
                instead, form, edit.source, edit.cwd, self._read()
            )
            text = f"{text}\n\n{advice}"
        return Output(text, success=False)

    async def _count(self, form: Form, *, landed: bool) -> None:
        if self._ladder is not None:
            if landed:
                self._ladder.landed(form)
            await asyncio.to_thread(self._ladder.keep, form, landed)

    def _note(self, changes: Sequence[Change]) -> None:
        for change in changes if self._seen else ():
            if self._seen and change.target is not None and change.after is not None:
                self._seen.wrote(change.target, change.after)

    async def _shown(self, changes: Sequence[Change]) -> list[str]:
        # With the syntax it reads more than the first request should wait for.
        from codex_oss.tools.syntax.check import verdict  # noqa: PLC0415

        told: list[str] = []
        files = [c for c in changes if c.after is not None][:MAX_SHOWN_FILES]
        for change in files:
            assert change.after is not None
            lines = await asyncio.to_thread(_lines, change, MAX_BYTES // len(files))
            parses = await verdict(change.name, change.before, change.after)
            parts = [change.mended and f"({change.mended})", lines, parses]
            head = [change.name + ":"] if any(parts) and len(files) > 1 else []
            told.append("\n".join([*head, *filter(None, parts)]))
        return told


_WHOLE = (
    "Write every line of the file, or change a part of it with edit_file. If the line "
    "is meant as it is, send the same again."
)
_PART = (
    "Write all lines of the part, or change a smaller one. If the line is meant as it "
    "is, send the same again."
)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")


def _lines(change: Change, size: int) -> str:
    """Return the changed lines of a file; a new one's are those that were just sent."""
    if change.before is None:
        return ""
    return changed_lines(_text(change.before), _text(change.after or b""), size)
