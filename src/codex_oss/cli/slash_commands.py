"""The slash commands of line mode: one row each."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from codex_oss import events
from codex_oss.cli import background
from codex_oss.config.schema import Undo
from codex_oss.errors import CodexOssError
from codex_oss.exec_mode.prompting import Slash, Talk
from codex_oss.exec_mode.visible import visible
from codex_oss.sessions.names import names, rename
from codex_oss.sessions.rollout import utc
from codex_oss.tools.sessions import Sessions

if TYPE_CHECKING:
    from codex_oss.undo.report import Action, Report

STOPPED = (
    "The user stopped the command of session {id}: {command}\n"
    "Do not start it again unless the user asks for it."
)
"""What the model is told."""
FORK = "fork"
QUIT = "quit"


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What commands know besides the conversation itself."""

    home: Path
    cwd: Path
    description: list[tuple[str, str]]
    rollout: Path | None
    undo: Undo
    """How much is remembered of what turns change."""
    commands: Sessions
    """What runs in the background."""


def slashes(around: Around) -> Mapping[str, Slash]:
    """Return the commands by name."""
    found = {
        "/undo": Slash(
            "take back what the last turn changed", _taking_back(around, "undo")
        ),
        "/redo": Slash("do again what /undo took back", _taking_back(around, "redo")),
        "/ps": Slash("list the commands in the background", _show(around.commands)),
        "/stop": Slash("ID or all: end them, with all they started", _stop(around)),
        "/compact": Slash("put a summary in the place of what was said", _compact),
        "/status": Slash("show model, permissions, tokens and file", _status(around)),
        "/rename": Slash("NAME: give this conversation a name", _name(around)),
        "/fork": Slash("go on in a copy of this conversation", _leave(FORK)),
        "/quit": Slash("leave; Ctrl-D does too", _leave(QUIT)),
        "/exit": Slash("the same", _leave(QUIT)),
    }

    async def show(talk: Talk, rest: str) -> None:  # noqa: ARG001  takes nothing
        for name, slash in found.items():
            talk.say(f"  {name:<9} {slash.about}")
        talk.say("  A line that ends in \\ goes on in the next; Ctrl-C interrupts.")

    return found | {"/help": Slash("this list", show)}


Run = Callable[[Talk, str], Any]


def _taking_back(around: Around, action: "Action") -> Run:
    async def run(talk: Talk, rest: str) -> None:
        await _take_back(talk, rest, around, action)

    return run


async def _take_back(talk: Talk, rest: str, around: Around, action: "Action") -> None:
    flags = {word.removeprefix("--").replace("-", "_"): True for word in rest.split()}
    if not flags.keys() <= {"force", "skip_conflicts"}:
        talk.say("It takes --force or --skip-conflicts, or nothing.")
        return
    thread_id = talk.session.thread_id
    from codex_oss.wiring import undo  # noqa: PLC0415  only who takes back pays

    def work() -> "Report":
        place = undo.workspace(os.environ, around.cwd, around.undo)
        return undo.take_back(place, action, thread_id, **flags)

    try:
        report = await asyncio.to_thread(work)
    except CodexOssError as error:
        talk.say(error.report())
        return
    talk.say(report.words())
    if not report.done:
        talk.say("Nothing was changed: say --skip-conflicts or --force behind it.")


def _show(commands: Sessions) -> Run:
    async def run(talk: Talk, rest: str) -> None:  # noqa: ARG001  takes nothing
        for line in background.listed(commands.list()):
            talk.say(line)

    return run


def _stop(around: Around) -> Run:
    async def run(talk: Talk, rest: str) -> None:
        await _end(talk, rest, around.commands)

    return run


async def _end(talk: Talk, rest: str, commands: Sessions) -> None:
    """End a command in the background, or with no word as in Codex all of them."""
    running = [each for each in commands.list() if each.running]
    wanted = [each for each in running if rest in ("", "all", str(each.id))]
    if not running:
        talk.say("No commands run in the background.")
    elif not wanted:
        talk.say(f"No command with the id {visible(rest)} runs; /ps lists them.")
    await asyncio.gather(*(commands.stop(each.id) for each in wanted))
    for each in wanted:
        talk.say(f"  ended: {each.id}  {background.one_line(each.command)}")
        talk.session.remark(STOPPED.format(id=each.id, command=each.command))


async def _compact(talk: Talk, rest: str) -> None:  # noqa: ARG001  takes nothing
    seen: list[type[events.Event]] = []

    async def happened() -> AsyncGenerator[events.Event, None]:
        async with aclosing(talk.session.compact()) as compacting:
            async for event in compacting:
                seen.append(type(event))
                yield event

    await talk.watch(happened())
    if events.TurnCompleted in seen and events.Compacted not in seen:
        talk.say("Nothing was left out: what was said so far is short.")


def _status(around: Around) -> Run:
    async def run(talk: Talk, rest: str) -> None:  # noqa: ARG001  takes nothing
        thread_id, usage = talk.session.thread_id, talk.usage
        rows = [*around.description, ("session id", thread_id)]
        if name := names(around.home).get(thread_id):
            rows.append(("name", name))
        rows.append(("file", str(around.rollout or "none is kept")))
        inp, out = usage.input_tokens, usage.output_tokens
        cached = usage.cached_input_tokens
        rows.append(
            ("tokens", f"{inp:,} read ({cached:,} of a cache), {out:,} written")
        )
        for title, value in rows:
            talk.say(f"  {title}: {visible(value)}")

    return run


def _name(around: Around) -> Run:
    async def run(talk: Talk, rest: str) -> None:
        try:
            thread_id = talk.session.thread_id
            name = rename(around.home, thread_id, rest, utc(time.time()))
        except CodexOssError as error:
            talk.say(error.report())
        else:
            talk.say(f"This session is called {name!r} now.")

    return run


def _leave(how: str) -> Run:
    async def run(talk: Talk, rest: str) -> None:  # noqa: ARG001  takes nothing
        talk.leave(how)

    return run
