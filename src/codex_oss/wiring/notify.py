"""``notify``: the program that a person wants to be run after each turn.

Source: the Codex CLI 0.169, by experiment. It gets one more argument, a JSON object;
it runs in the turn's folder with our own environment, its output goes nowhere, and
nobody waits for it. Turns that fail or are interrupted are not told of.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from codex_oss.agent.record import Turned
from codex_oss.process import detached

START_S = 1.0
"""How long the program's start may hold up the end of a turn, in seconds."""
MAX_TEXT_BYTES = 100_000
"""Of prompt and answer together: Linux takes 128 KiB for one argument."""


class Notification(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The argument, as Codex's has it."""

    type: str = "agent-turn-complete"
    thread_id: str
    turn_id: str
    cwd: str
    client: str
    input_messages: list[str]
    last_assistant_message: str | None


class Notify(msgspec.Struct, frozen=True, kw_only=True):
    """Runs a program after a turn (``agent.session.Parts.after_turn``).

    ``client`` is the front end's name. Warnings go to ``err``: the turn is over.
    """

    argv: tuple[str, ...]
    thread_id: str
    cwd: Path
    client: str
    env: Mapping[str, str]
    err: TextIO

    async def __call__(self, turned: Turned) -> None:
        """Start the program, unless the turn failed; its end is not waited for."""
        if turned.failure is not None:
            return
        argv = [*self.argv, self._argument(turned)]
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[str] = loop.create_future()

        def tell(failure: str) -> None:
            if not begun.done():
                begun.set_result(failure)

        def start(failure: str = "") -> None:
            try:
                detached.start_unheard(argv, cwd=self.cwd, env=self.env)
            except (OSError, ValueError) as error:
                failure = getattr(error, "strerror", None) or str(error)
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, failure)

        detached.beside(start)
        try:
            async with asyncio.timeout(START_S):
                failure = await begun
        except TimeoutError:
            failure = f"it has not started within {START_S:.0f} s"
        if failure:
            self.err.write(f"warning: `notify` cannot run {self.argv[0]}: {failure}\n")

    def _argument(self, turned: Turned) -> str:
        given = [*turned.prompts, turned.answer or ""]
        size = sum(len(msgspec.json.encode(text)) for text in given)
        texts = given if size <= MAX_TEXT_BYTES else [_shortened(t) for t in given]
        told = Notification(
            thread_id=self.thread_id,
            turn_id=turned.turn_id,
            cwd=str(self.cwd),
            client=self.client,
            input_messages=texts[:-1],
            last_assistant_message=None if turned.answer is None else texts[-1],
        )
        return msgspec.json.encode(told).decode()


def _shortened(text: str) -> str:
    """Return the beginning of a text; a character is up to six bytes of JSON."""
    most = MAX_TEXT_BYTES // 2 // 6
    return text if len(text) <= most else f"{text[:most]}…"
