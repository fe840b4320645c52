"""Where calls are announced and handed out, or kept back to be asked for again.

A call beyond mending is kept back while the model may still be asked. If it was
announced, its item stays open and nothing else can open: good calls behind it wait,
and the second answer completes it.
"""

from codex_oss.translate.again import Rejected
from codex_oss.translate.stream.call_items import OpenCall, open_call
from codex_oss.translate.stream.draft import Draft
from codex_oss.translate.stream.mend import Mender
from codex_oss.translate.stream.output import Output
from codex_oss.translate.tools import Target
from codex_oss.wire import chat


class Desk:
    """The calls of one response.

    ``taken`` holds the call ids of the conversation: some servers count from zero in
    every answer. ``asks``: the model may be asked once more.
    """

    def __init__(
        self, output: Output, mender: Mender, taken: set[str], *, asks: bool = False
    ) -> None:
        self.rejected: list[Rejected] = []
        self.said: list[chat.ToolCall] = []
        """The calls of the first answer, good and bad, as the model sees them again."""
        self._output = output
        self._mender = mender
        self._taken = taken
        self._asks = asks
        self._stuck: Draft | None = None
        self._quiet: list[Draft] = []
        self._waiting: list[Draft] = []
        self._second = 0
        self._accepted: set[tuple[str | None, str, str]] = set()
        self._told_before = 0

    @property
    def stuck(self) -> bool:
        """Whether the item of a rejected call is open."""
        return self._stuck is not None

    def stream(self, draft: Draft, added: str) -> None:
        """Show more of a call that is not whole yet."""
        if self._stuck:
            self.nudge()
        elif draft.item:
            draft.item.write(added)
        elif self._accepted and not self._asks:
            pass  # it may be a call that the model need not have sent again
        elif target := self._mender.target_of(draft.name):
            self._announce(draft, target).write(draft.arguments)

    def nudge(self) -> None:
        """Show that the stream is alive while a rejected call's item is open."""
        if self._stuck and self._stuck.item:
            self._stuck.item.write("")

    def finish(self, draft: Draft) -> None:
        """Hand out a whole call, or keep it back."""
        if not draft.name:
            return
        self._name(draft)
        meant = draft.meant = self._mender.mend(draft.name, draft.arguments)
        key = (meant.target.namespace, meant.target.name, meant.text)
        if self._asks:
            self._remember(draft, meant.fault)
            if meant.fault:
                self._reject(draft)
                return
            self._accepted.add(key)
        elif key in self._accepted:
            return  # was fine, but the model sent all calls again
        if self._stuck:
            self._waiting.append(draft)
        else:
            self._hand_out(draft, meant.target)

    # --- the second answer -------------------------------------------------------

    def again(self) -> None:
        """Begin the second answer: what is rejected from here on goes out as it is."""
        self._asks = False
        self.rejected.clear()
        self.said.clear()
        self._second = len(self._waiting)
        self._told_before = len(self._output.items)

    def resolve(self, *, silent: bool, cut: bool) -> None:
        """Close what the first answer left open; the second is over.

        ``silent``: it has no text. Of a ``cut`` one without the call, the open item
        stays open: the response ends as incomplete, and nobody runs a bad call.
        """
        fresh = self._waiting[self._second :]
        silent = silent and not fresh and len(self._output.items) == self._told_before
        stuck = self._stuck
        if stuck and stuck.item and stuck.meant:
            if cut and not fresh:
                return
            chosen = _replacement(stuck.meant.target, fresh)
            if chosen:
                self._waiting.remove(chosen)
            stuck.item.close((chosen or stuck).meant or stuck.meant)
        self._stuck = None
        left = [*self._waiting, *(self._quiet if silent and not cut else ())]
        self._waiting.clear()
        self._quiet.clear()
        for draft in left:
            if draft.meant:
                self._hand_out(draft, draft.meant.target)

    # --- one call ----------------------------------------------------------------

    def _name(self, draft: Draft) -> None:
        """Give a call its id: a new one when it has none, or one that is taken."""
        if draft.named:
            return
        if not draft.call_id or draft.call_id in self._taken:
            draft.call_id = self._output.new_id("call_")
        self._taken.add(draft.call_id)
        draft.named = True

    def _announce(self, draft: Draft, target: Target) -> OpenCall:
        self._name(draft)
        draft.item = open_call(self._output, target, draft.call_id)
        return draft.item

    def _hand_out(self, draft: Draft, target: Target) -> None:
        if draft.meant is None:
            return
        item = draft.item
        if item is None:
            item = self._announce(draft, target)
            item.write(draft.meant.text)
        item.close(draft.meant)

    def _remember(self, draft: Draft, fault: str) -> None:
        shown = chat.ToolFunction(draft.name, draft.arguments)
        self.said.append(chat.ToolCall(draft.call_id, shown))
        if fault:
            self.rejected.append(
                Rejected(draft.call_id, draft.name, draft.arguments, fault)
            )

    def _reject(self, draft: Draft) -> None:
        if draft.item:
            self._stuck = draft
        else:
            self._quiet.append(draft)


def _replacement(target: Target, drafts: list[Draft]) -> Draft | None:
    """Return the call that is what was announced, or at least of its kind."""
    known = [(draft, draft.meant) for draft in drafts if draft.meant]
    same = (draft for draft, meant in known if meant.target == target)
    alike = (draft for draft, meant in known if meant.target.kind == target.kind)
    return next(same, None) or next(alike, None)
