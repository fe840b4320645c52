"""Keeps a conversation within the model's window, and proves that it gets on.

First old outputs are made short (``masking``); if that does not suffice, the model is
asked for a summary (``compact``). A compaction that frees too little ends the turn, and
so do compactions in a row without work between them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from codex_oss import errors, events
from codex_oss.agent import compact, context, handoff, masking, rounds, summary
from codex_oss.agent.history import History
from codex_oss.agent.summary import Asker
from codex_oss.agent.window import (
    OUTPUT_SHARE,
    Limits,
    Marks,
    Meter,
    answer_tokens,
    marks,
    prompt_tokens,
    thinking_tokens,
    weigh_all,
    weigh_text,
)
from codex_oss.items import CallOutput, Item, user
from codex_oss.ports import Model
from codex_oss.wire import responses

MAX_SUMMARY_TOKENS = 2000
"""Of a summary, thoughts before it included."""
MIN_SUMMARY_TOKENS = 200
ROUNDS_BETWEEN = 2
"""Fewer answers between two compactions are no progress."""
MAX_IN_VAIN = 3
"""Compactions without progress, one after the other, that end a turn."""
LEAST_FREED = 1000
"""What must be there to be freed for a compaction to be worth it: a weight."""
FULL_SHARE = (19, 20)
"""An answer that was cut when so much of the window was taken was cut by its end."""
SURELY = (3, 2)
"""Times the window: an estimate of so much is of a request that cannot fit."""
FAR_OFF = 3
"""Times an estimate: a window that is larger did not refuse the request."""
CUT = (
    "Your answer was cut off: the context window was full. Older parts have been left "
    "out. Go on in smaller steps."
)
How = Literal["masked", "summarised"]


class Room:
    """One session's window, and how much of it is taken."""

    def __init__(
        self,
        model: Model,
        frame: context.Frame,
        history: History,
        limits: Limits,
    ) -> None:
        self._model = model
        self._frame = frame
        self._history = history
        self._limits = limits
        self._meter = Meter()
        self._learned: int | None = None
        self._window = limits.window
        self._asked = 0
        self._tools: tuple[list[int], int] | None = None
        self._answers = ROUNDS_BETWEEN
        self._in_vain = 0
        self.changed: dict[str, None] = {}
        """Files that the session has changed, by path."""

    @property
    def tokens(self) -> int:
        """The size of the next request, estimated."""
        return self._meter.tokens(self._weight(self._history.weight))

    @property
    def thinking(self) -> int | None:
        """Tokens that the model may think before an answer; None: as it likes."""
        return thinking_tokens(self._limits, self._window)

    def begin(self) -> None:
        """Take note that a turn begins: what is asked for is new."""
        self._answers, self._in_vain = ROUNDS_BETWEEN, 0

    # --- what is learned --------------------------------------------------------------

    def asks(self) -> None:
        """Take note that a request goes out with the history as it is."""
        self._asked = self._weight(self._history.weight)

    def answered(self, usage: responses.Usage | None) -> None:
        """Learn from the answer to it."""
        self._answers += 1
        if usage is not None:
            self._meter.learn(self._asked, prompt_tokens(usage))

    def dropped(self, read: int) -> None:
        """Take note that the server read no more than so many tokens of a prompt."""
        self._narrow(read)

    def _narrow(self, window: int) -> None:
        self._learned = min(window, self._learned or window)

    async def _marks(self) -> Marks | None:
        known = self._limits.window or await self._model.window()
        if self._learned is not None:
            known = min(known or self._learned, self._learned)
        self._window = known
        base = self._weight(weigh_all(rounds.surroundings(self._history.head)))
        return marks(known, self._limits.compact_at, self._meter.count(base))

    def _weight(self, conversation: int) -> int:
        """Return the weight of a request for a conversation of that weight."""
        frame = self._frame
        ids = list(map(id, frame.tools))
        if self._tools is None or self._tools[0] != ids:
            size = weigh_text(responses.encode(frame.tools).decode())
            self._tools = (ids, size + weigh_text(frame.instructions))
        return self._tools[1] + conversation

    def trimmed(self, output: CallOutput) -> CallOutput:
        """Return an output that leaves room beside it, its middle left out if need be.

        Tools keep a limit in bytes; a log of numbers has several times the tokens.
        """
        if self._window is None:
            return output
        tokens = self._limits.output or self._window // OUTPUT_SHARE
        return compact.cut_output(output, self._meter.weight(tokens))

    # --- making room ------------------------------------------------------------------

    async def fit(self, asker: Asker) -> bool:
        """Make room for an answer, if there is too little; return whether it was.

        Raises ``ContextOverflow`` when none can be made.
        """
        at = await self._marks()
        if at is None or self.tokens < at.limit:
            return False
        if not self._can_free():
            if at.window is None or self.tokens * SURELY[1] <= at.window * SURELY[0]:
                return False  # it may fit: the server knows
            raise self._full(at)
        self._judge(at)
        await self._make_room(at, asker)
        return True

    async def overflowed(self, error: errors.ContextOverflow, asker: Asker) -> None:
        """Learn from a server's refusal, and make room; raises when that cannot be."""
        tokens = error.tokens or self._refused(error.window)
        self._meter.learn(self._asked, tokens)
        if error.window is not None:
            self._narrow(error.window)
        elif self._window is None or error.tokens is None:
            self._narrow(tokens)
        at = await self._marks()
        if at is None or not self._can_free():
            raise error if error.window is None or at is None else self._full(at)
        self._judge(at)
        await self._make_room(at, asker)

    def _refused(self, told: int | None) -> int:
        """Return the least size of a request of which a server says it is too large.

        A window that nothing but a list of models told may be the model's own, and the
        server's much smaller: an estimate is not wrong by so much.
        """
        mine = self.tokens
        believed = mine * FAR_OFF >= (self._window or 0)
        return max(mine, told or (self._window if believed else 0) or 0)

    async def cut_off(self, error: errors.Incomplete, asker: Asker) -> bool:
        """Make room if an answer was cut by the window's end; return whether it was.

        Raises ``ContextOverflow`` when there is nothing to leave out.
        """
        if not self.full(error.tokens):
            return False
        at = await self._marks()
        if at is None:
            return False
        if not self._can_free():
            raise self._full(at) from error
        self._judge(at)
        await self._make_room(at, asker)
        return True

    def full(self, tokens: int) -> bool:
        """Return whether a request and its answer have filled the window."""
        if self._window is None:
            return False
        return tokens * FULL_SHARE[1] >= self._window * FULL_SHARE[0]

    async def compact(self, asker: Asker) -> None:
        """Put a summary in the place of the conversation, unless it is short."""
        if not self._can_free():
            return
        at = await self._marks() or Marks(None, self._base(), self.tokens)
        await self._summarise(at, asker)

    def _can_free(self) -> bool:
        """Return whether there is anything but surroundings and open prompts."""
        items = self._history.items
        begins = rounds.starts(items)
        asked = rounds.prompts(items)
        rest = self._history.weight - weigh_all(rounds.surroundings(items))
        newest = [items[n] for n in asked if not begins or n > begins[-1]]
        spoken = weigh_all(newest or [items[n] for n in asked[-1:]])
        return rest - spoken >= LEAST_FREED

    def _judge(self, at: Marks) -> None:
        """End the turn when compactions bring nothing."""
        self._in_vain = 0 if self._answers >= ROUNDS_BETWEEN else self._in_vain + 1
        self._answers = 0
        if self._in_vain >= MAX_IN_VAIN:
            self._in_vain = 0
            raise self._full(at, again=True)

    async def _make_room(self, at: Marks, asker: Asker) -> None:
        before, items = self.tokens, self._history.items
        # What is full again at once has not much left that could be left out.
        for kept in () if self._in_vain else (masking.KEPT_ROUNDS, 1):
            excess = self._meter.weight(max(0, before - at.aim))
            masked = masking.sweep(items, excess, kept)
            if self._size(masked) < min(at.proof, before):
                self._replace(masked, "", before, "masked", asker)
                return
        await self._summarise(at, asker)

    async def _summarise(self, at: Marks, asker: Asker) -> None:
        before, items = self.tokens, self._history.items
        known = handoff.facts(items, self.changed)
        written = await self._summary(items, known, at, asker)
        short, told = compact.rebuilt(
            compact.Parts(
                surroundings=rounds.surroundings(items),
                items=items,
                known=known,
                summary=written,
                room=self._meter.weight(max(0, at.rebuilt - at.base)),
            )
        )
        if self._size(short) >= max(at.proof, 1):
            raise self._full(at)
        self._replace(short, told, before, "summarised", asker)

    def _replace(
        self, items: Sequence[Item], written: str, before: int, how: How, asker: Asker
    ) -> None:
        self._history.replace(items, written)
        asker.emit(events.Compacted(before=before, after=self.tokens, how=how))

    def _size(self, items: Iterable[Item]) -> int:
        return self._meter.tokens(self._weight(weigh_all(items)))

    def _base(self) -> int:
        items = rounds.surroundings(self._history.items)
        return self._meter.count(self._weight(weigh_all(items)))

    # --- the summary ------------------------------------------------------------------

    async def _summary(
        self, items: Sequence[Item], known: handoff.Facts, at: Marks, asker: Asker
    ) -> str:
        """Return the model's summary, or the program's own where it writes none.

        It is asked twice at most. A summary that was cut off is better than none: the
        program knows no reasons.
        """
        window = at.window or self.tokens + 2 * MAX_SUMMARY_TOKENS
        most = min(MAX_SUMMARY_TOKENS, answer_tokens(window) // 2)
        most = max(most, MIN_SUMMARY_TOKENS)
        cut = ""
        for request in self._requests(items, known, window, most):
            try:
                said = await summary.listen(self._model, request, asker)
            except errors.Unreachable:
                break
            if said.usable and said.whole:
                return said.text
            cut = cut or (said.text if said.usable else "")
        return cut or handoff.without_model(items)

    def _requests(
        self, items: Sequence[Item], known: handoff.Facts, window: int, most: int
    ) -> Iterator[responses.Request]:
        """Yield what asks for a summary: with the conversation, then without it."""
        whole = self._whole_request(items, window, most)
        if whole is not None:
            yield whole
        effort = self._limits.least_effort
        short = summary.short_request(self._frame, items, known, effort, most)
        weight = weigh_text(short.instructions or "") + weigh_all(short.input)
        if self._meter.count(weight) + most <= window:
            yield short

    def _whole_request(
        self, items: Sequence[Item], window: int, most: int
    ) -> responses.Request | None:
        """Return the request with the conversation, or as much of it as fits."""
        prompt = self._limits.compact_prompt or summary.PROMPT.read_text("utf-8")
        wanted = user(prompt)

        def fits(some: Sequence[Item]) -> bool:
            return self._size((*some, wanted)) + most <= window

        if not fits(items):
            items = masking.sweep(items, self._weight(self._history.weight), 1)
            items = compact.without_oldest(items, fits)
            if not fits(items):
                return None
        return summary.whole_request(self._frame, items, wanted, most)

    # --- the end ----------------------------------------------------------------------

    def _full(self, at: Marks, *, again: bool = False) -> errors.ContextOverflow:
        """Return the error that says what fills the window and what to do about it."""
        items = self._history.items
        asked = rounds.prompts(items)
        prompt = self._meter.count(weigh_all(items[n] for n in asked[-1:]))
        whole = f"{at.window:,} tokens" if at.window else f"{at.limit:,} tokens (limit)"
        why = "was full again after every step" if again else "is too small"
        return errors.ContextOverflow(
            f"The model's context window of {whole} {why}: instructions, tools and "
            f"AGENTS.md take about {at.base:,}, your last message {prompt:,}.",
            hint="Give the model a larger context (`engine.context_length`, or your "
            "server's own setting; `model_context_window` if it is larger than the "
            "server says), shorten AGENTS.md and the message, or offer fewer tools.",
            window=at.window,
        )
