"""A session from a configuration: permissions, tools, prompt, journal."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from codex_oss import __version__
from codex_oss.agent import context
from codex_oss.agent.record import Turned
from codex_oss.agent.session import Parts, Session
from codex_oss.errors import ToolError
from codex_oss.items import Message
from codex_oss.net import Client
from codex_oss.policy import Permissions
from codex_oss.ports import Model
from codex_oss.sessions.rollout import Rollout
from codex_oss.tools.permit import Permit
from codex_oss.tools.sessions import Sessions
from codex_oss.tools.view_image import data_url
from codex_oss.wiring import journal, prompt, thinking
from codex_oss.wiring.editing import Editing
from codex_oss.wiring.ending import Endings, end_all
from codex_oss.wiring.limits import limits
from codex_oss.wiring.model import open_model
from codex_oss.wiring.permissions import (
    Job,
    approval_summary,
    permissions,
    rules_file,
    sandbox,
    sandbox_summary,
)
from codex_oss.wiring.skills import skills
from codex_oss.wiring.tools import reviewing, tools
from codex_oss.wiring.undo import Remembering
from codex_oss.wiring.world import Nobody, SystemClock, uuid7

if TYPE_CHECKING:
    from codex_oss.wiring.mcp import Remote

TITLE = f"codex-oss v{__version__}"


class Opened(msgspec.Struct, frozen=True):
    """A session ready for its first prompt, and what people should know of it."""

    session: Session
    description: list[tuple[str, str]]
    warnings: list[str]
    end: Endings
    permit: Permit
    """What decides; its permissions may be replaced between two turns."""
    commands: Sessions
    """The commands that run in the background."""
    rollout: Path | None = None
    """The session's file; None where none is kept."""
    permissions: Permissions = Permissions()
    window: int | None = None
    """Tokens of the model's context, if they are known."""
    file: Rollout | None = None
    """What writes ``rollout``."""

    def prompt(self, text: str, images: list[str]) -> Message:
        """Return the user's message with the images at the given paths."""
        return context.prompt(text, [(path, self._shown(path)) for path in images])

    def _shown(self, path: str) -> str:
        """Return an image as a URL; an empty one, and a warning, if it is none."""
        try:
            return data_url(Path(path))
        except ToolError as error:
            self.warnings.append(f"image {path} is not shown to the model: {error}")
            return ""

    async def close(self) -> None:
        """End everything that was started for the session, last first."""
        await end_all(self.end)


async def open_session(job: Job, err: TextIO) -> Opened:
    """Return a session that is ready for a prompt.

    Starts an engine when the provider leaves that to us; its progress goes to
    ``err``. Raises ``CodexOssError``; nothing is left running then.
    """
    client, allowed = Client(), permissions(job)
    end: Endings = [client.close]
    remote = _remote(job, end)
    try:
        opened = await open_model(job, client, err, end)
        made = await _session(job, allowed, opened.model, opened.name, end, remote)
    except BaseException:
        await end_all(end)
        raise
    description = [
        ("workdir", str(job.cwd)),
        ("model", opened.name),
        *opened.rows,
        *made.rows,
        ("approval", approval_summary(allowed)),
        ("sandbox", sandbox_summary(allowed, job.cwd)),
    ]
    file = made.file
    return Opened(
        made.session,
        description,
        [*job.loaded.warnings, *opened.notes, *made.notes],
        end,
        made.permit,
        made.commands,
        file.path if file is not None else None,
        allowed,
        made.window,
        file,
    )


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """A session, what people should know of it, and what belongs to it."""

    session: Session
    notes: list[str]
    rows: list[tuple[str, str]]
    file: Rollout | None
    permit: Permit
    commands: Sessions
    window: int | None


async def _session(
    job: Job,
    allowed: Permissions,
    model: Model,
    name: str,
    end: Endings,
    remote: "Remote | None",
) -> _Made:
    config, clock, kept = job.loaded.config, SystemClock(), job.kept
    thread_id = kept.thread_id if kept else uuid7(clock.now())
    window = config.model_context_window or await model.window()
    profile = config.prompt_profile
    if profile == "auto":
        profile = context.choose_profile(name, window)
    confining, rules = sandbox(job), rules_file(job)
    permit = Permit(allowed, job.approver or Nobody(), rules=rules)
    editing = Editing(job, name, profile, permit)
    offered, commands = tools(job, profile, thread_id, editing, confining, window)
    if job.reviews:
        offered = reviewing(offered, profile)
    named = {tool.spec.name: tool for tool in offered}
    frame = prompt.frame(job, name, profile, editing, offered, thread_id)
    editing.join(frame.tools)
    joined = await remote.join(named, frame.tools, permit, window) if remote else []
    docs = prompt.docs(job, allowed, name, window)
    found, listed = skills(job, allowed, name, window, profile)
    place = journal.place(
        job,
        thread_id,
        clock,
        window=window,
        instructions=frame.instructions,
        surroundings=prompt.surroundings(job, allowed, name, docs, listed),
    )
    if place.rollout is not None:
        end.append(place.rollout.close)
    set_by_people = limits(job, name)
    remembering = Remembering(job, allowed, thread_id, clock.now)
    parts = Parts(
        thread_id=thread_id,
        model=model,
        tools=named,
        frame=frame,
        surroundings=place.missing,
        cwd=job.cwd,
        journal=place.journal,
        clock=clock,
        stream_retries=job.loaded.provider.stream_max_retries,
        meta=place.meta,
        history=place.history,
        usage=place.usage,
        limits=set_by_people,
        turn_context=journal.turn_context(job, allowed, name),
        new_turn_id=lambda: uuid7(clock.now()),
        undo=remembering,
        beside=found.beside,
        form=prompt.form(job, frame),
        after_turn=_notify(job, thread_id),
    )
    session = Session(parts)
    remembering.remark = session.remark
    end.append(session.close)
    notes = [
        *docs.warnings,
        *found.warnings,
        *editing.warnings,
        *rules.warnings,
        *confining.remarks(allowed),
        *filter(None, [thinking.remark(job.loaded, name)]),
        *joined,
    ]
    notes += kept.warnings if kept else []
    return _Made(
        session=session,
        notes=notes,
        rows=[
            *([] if job.reviews else [editing.row]),
            *thinking.rows(job.loaded, name, set_by_people, window),
        ],
        file=place.rollout,
        permit=permit,
        commands=commands,
        window=window,
    )


def _notify(job: Job, thread_id: str) -> Callable[[Turned], Awaitable[None]] | None:
    """Return what runs the person's program after each turn, if there is one."""
    if not (argv := job.loaded.config.notify):
        return None
    from codex_oss.wiring.notify import Notify  # noqa: PLC0415  few have one

    return Notify(
        argv=argv,
        thread_id=thread_id,
        cwd=job.cwd,
        client=job.front.client,
        env=job.env,
        err=sys.stderr,
    )


def _remote(job: Job, end: Endings) -> "Remote | None":
    """Start the MCP servers, if there are any."""
    if not job.loaded.config.mcp_servers:
        return None
    from codex_oss.wiring.mcp import Remote  # noqa: PLC0415  few have servers

    return Remote(job, end)
