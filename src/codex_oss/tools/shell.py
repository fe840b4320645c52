"""The `exec_command` and `write_stdin` tools: run commands, and come back to them.

Source of parameters, limits and texts: the Codex CLI 0.169.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import Call
from codex_oss.patch import heredoc
from codex_oss.policy import RunCommand
from codex_oss.ports import Clock, Output, Scope
from codex_oss.sandbox import denial
from codex_oss.tools.apply_patch import apply_text
from codex_oss.tools.asked import (
    MAX_POLL_MS,
    MAX_YIELD_MS,
    MIN_POLL_MS,
    MIN_YIELD_MS,
    between,
    budget,
    joined,
    program,
)
from codex_oss.tools.edits import Edits
from codex_oss.tools.login import LOGIN, PLAIN
from codex_oss.tools.output import line, report
from codex_oss.tools.parameters import (
    ASK_PROPERTIES,
    RUN_PROPERTIES,
    WRITE_PROPERTIES,
    RunArguments,
    WriteArguments,
)
from codex_oss.tools.permit import Permit
from codex_oss.tools.placement import Argv, Hindsight, Place, Placement
from codex_oss.tools.sessions import Running, Sessions
from codex_oss.tools.spec import arguments, function_tool
from codex_oss.tools.starting import start
from codex_oss.wire.responses import FunctionTool

MAX_OUTPUT_BYTES = 10_000
"""Bytes of output that a model of unknown window reads at once."""

_BARE_PATCH = (
    "apply_patch verification failed: patch detected without explicit call to "
    "apply_patch. Send it as: apply_patch <<'EOF'\n<patch>\nEOF"
)
_NO_LOGIN = "login shell is disabled by config; omit `login` or set it to false."
CTRL_C = "\x03"
"""What can be typed without a terminal too: it becomes a signal."""

_ALLOWED_AGAIN = (
    "\n[The sandbox blocked the first run; the user allowed this one without it.]"
)
_NOT_REACHED = "\n[The sandbox could not be made, so the command was not started.]"
_NO_INPUT = (
    "write_stdin failed: stdin is closed for this session; rerun exec_command with "
    "tty=true to keep stdin open"
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How commands are run in one conversation."""

    shell: str = "/bin/bash"
    """The person's shell, by absolute path."""
    env: Mapping[str, str] = {}
    """The commands' environment (see ``environment.command_env``)."""
    allow_login: bool = True
    """Whether shells read the person's profile: ``-lc`` instead of ``-c``."""
    max_output_bytes: int = MAX_OUTPUT_BYTES
    """The most that the model reads at once, in bytes."""
    max_poll_ms: int = MAX_POLL_MS
    """The longest wait of a call that only waits, in milliseconds."""


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it was asked for."""

    argv: Argv
    action: RunCommand
    cwd: Path
    call_id: str
    tty: bool
    wait_ms: int


def random_below(limit: int) -> int:
    """Return a random number from 0 to ``limit`` - 1."""
    return int.from_bytes(os.urandom(8), "big") % limit


class Shell:
    """What the two tools share: the commands that run.

    ``below(n)`` returns a random number below n, for ids.
    """

    def __init__(
        self,
        permit: Permit,
        placement: Placement,
        settings: Settings,
        *,
        clock: Clock,
        below: Callable[[int], int] = random_below,
        edits: Edits | None = None,
    ) -> None:
        self._permit = permit
        self._edits = edits or Edits(permit)
        self._placement = placement
        self._settings = settings
        self._clock = clock
        self._below = below
        self._sessions = Sessions(below)
        self._places: dict[int, tuple[_Command, Place]] = {}
        self._interrupted: set[int] = set()

    def tools(self) -> "tuple[ExecCommand, WriteStdin]":
        """Return the tools; closing the first ends what still runs."""
        return ExecCommand(self), WriteStdin(self)

    @property
    def sessions(self) -> Sessions:
        """The commands that outlived their call."""
        return self._sessions

    @property
    def may_ask(self) -> bool:
        """Whether a person may be asked to let a command out of the sandbox."""
        return self._permit.permissions.approval != "never"

    async def run(self, wanted: RunArguments, call_id: str, scope: Scope) -> Output:
        """Run a command; answer when it ends or its time is over."""
        began = self._clock.now()
        cwd = joined(scope.cwd, wanted.workdir)
        if heredoc.is_bare_patch(wanted.cmd):
            return Output(_BARE_PATCH, success=False)
        patch = heredoc.recognise(wanted.cmd)
        if patch is not None:
            return await self._apply(patch, cwd, scope)
        command = self._command(wanted, call_id, cwd)
        place = await self._placement.find(command.action, line(command.argv), scope)
        if self._placement.may_write(command.action, place):
            await scope.changing(None)
        running = await self._run_at(place, command, scope)
        hindsight = await self._look_back(running, command, place, scope)
        note = "" if hindsight is None else hindsight.note
        if hindsight is not None and hindsight.again:
            place, note = Place(sandboxed=False), _ALLOWED_AGAIN
            if self._placement.may_write(command.action, place):
                await scope.changing(None)
            running = await self._run_at(place, command, scope)
        number = None
        if running.exit_code is None:
            number = await self._sessions.add(running)
            kept = self._places.items()
            self._places = {n: its for n, its in kept if n in self._sessions}
            self._places[number] = command, place
            if many := self._sessions.warning():
                note += f"\n[{many}]"
        told = self._report(running, number, began, wanted.max_output_tokens)
        return Output(told + note)

    async def _run_at(self, place: Place, command: _Command, scope: Scope) -> Running:
        """Start a command and return it when it has ended or its time is over."""
        prepared = await self._placement.prepare(
            command.argv, command.cwd, command.call_id, place=place, tty=command.tty
        )
        running = Running(
            scope.new_item_id(),
            line(command.argv),
            scope.emit,
            cwd=str(command.cwd),
        )
        try:
            await start(running, prepared, command.cwd, tty=command.tty)
            await self._wait(running, command.wait_ms)
        except asyncio.CancelledError:
            await running.kill()
            raise
        return running

    async def _look_back(
        self, running: Running, command: _Command, place: Place, scope: Scope
    ) -> Hindsight | None:
        """Return what the sandbox did to a command that has ended, if anything."""
        code = running.exit_code
        if code is None or not place.sandboxed:
            return None
        if running.reached is False:
            return Hindsight(_NOT_REACHED, again=False)
        ended = denial.Ended(
            exit_code=code,
            output=running.output,
            cwd=str(command.cwd),
            backend=place.backend,
            command=command.action.command,
        )
        return await self._placement.look_back(
            command.action, ended, running.item_id, scope
        )

    async def write(self, wanted: WriteArguments, scope: Scope) -> Output:
        """Type into a command, or only wait for it; answer as ``run`` does.

        Cancelling leaves the command alone: the person may want to keep it.
        """
        began = self._clock.now()
        running = self._sessions.use(wanted.session_id)
        if running is None:
            raise ToolError(self._unknown(wanted.session_id))
        running.attach(scope.emit)
        # It may be a command of an earlier turn, and this turn's first change.
        command, place = self._places[wanted.session_id]
        if running.exit_code is None and self._placement.may_write(
            command.action, place
        ):
            await scope.changing(None)
        wait_ms = await self._type(running, wanted)
        await self._wait(running, wait_ms)
        number, note = wanted.session_id, ""
        if running.exit_code is not None:
            self._sessions.forget(number)
            self._interrupted.discard(number)
            # Several calls may wait for one command: the first tells what was blocked.
            if self._places.pop(number, None) is not None:
                hindsight = await self._look_back(running, command, place, scope)
                note = "" if hindsight is None else hindsight.note
        told = self._report(running, number, began, wanted.max_output_tokens)
        return Output(told + note)

    def end_turn(self) -> None:
        """Let what still runs go on untold."""
        self._sessions.detach()

    async def close(self) -> None:
        """End all commands."""
        await self._sessions.close()

    # --- before -----------------------------------------------------------------------

    async def _apply(
        self, patch: heredoc.Invocation, cwd: Path, scope: Scope
    ) -> Output:
        where = joined(cwd, patch.workdir)
        done = await apply_text(patch.patch, where, scope, self._edits)
        if not done.success or not isinstance(done.content, str):
            return done
        return Output(f"Wall time: 0.0000 seconds\nOutput:\n{done.content}")

    def _argv(self, wanted: RunArguments) -> Argv:
        allowed = self._settings.allow_login
        if wanted.login and not allowed:
            raise ToolError(_NO_LOGIN)
        login = allowed if wanted.login is None else wanted.login
        path = self._settings.env.get("PATH", "")
        shell = program(wanted.shell or self._settings.shell, path)
        return shell, LOGIN if login else PLAIN, wanted.cmd

    def _command(self, wanted: RunArguments, call_id: str, cwd: Path) -> _Command:
        action = RunCommand(
            command=wanted.cmd,
            cwd=str(cwd),
            escalated=wanted.sandbox_permissions == "require_escalated",
            justification=wanted.justification or "",
            prefix=tuple(wanted.prefix_rule or ()),
        )
        return _Command(
            argv=self._argv(wanted),
            action=action,
            cwd=cwd,
            call_id=call_id,
            tty=bool(wanted.tty),
            wait_ms=between(MIN_YIELD_MS, wanted.yield_time_ms, MAX_YIELD_MS),
        )

    # --- meanwhile and after ----------------------------------------------------------

    def _unknown(self, number: int) -> str:
        """Return the refusal of an id that nothing has, with those that there are."""
        open_now = [each for each in self._sessions.list() if each.running]
        listed = "".join(f"\n{each.id}: {each.command}" for each in open_now)
        known = f"\nThese still run:{listed}" if listed else ""
        return f"write_stdin failed: Unknown process id {number}{known}"

    async def _type(self, running: Running, wanted: WriteArguments) -> int:
        """Write the characters and return how long to wait, in milliseconds."""
        if not wanted.chars:
            longest = max(self._settings.max_poll_ms, MIN_POLL_MS)
            return between(MIN_POLL_MS, wanted.yield_time_ms or 0, longest)
        if running.exit_code is None:
            if running.tty:
                if not running.write(wanted.chars):
                    raise ToolError("write_stdin failed: the process does not read")
            elif wanted.chars == CTRL_C:
                await self._interrupt(running, wanted.session_id)
            else:
                raise ToolError(_NO_INPUT)
        return between(MIN_YIELD_MS, wanted.yield_time_ms or 0, MAX_YIELD_MS)

    async def _interrupt(self, running: Running, number: int) -> None:
        """Do what Ctrl-C does; the second time, end the command for sure."""
        if number in self._interrupted:
            await running.kill()
        else:
            self._interrupted.add(number)
            running.interrupt()

    async def _wait(self, running: Running, wait_ms: int) -> None:
        """Return when the command has ended or the time is over."""
        tasks = {
            asyncio.create_task(running.wait()),
            asyncio.create_task(self._clock.sleep(wait_ms / 1000)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _report(
        self,
        running: Running,
        number: int | None,
        began: float,
        max_tokens: float | None,
    ) -> str:
        code = running.exit_code
        if code is None:
            state = f"Process running with session ID {number}"
        else:
            state = f"Process exited with code {code}"
        text, size = running.take_unread()
        return report(
            text,
            chunk_id=f"{self._below(16**6):06x}",
            wall_s=max(0.0, self._clock.now() - began),
            state=state,
            size=size,
            budget=budget(self._settings.max_output_bytes, max_tokens),
        )


# --- the tools ----------------------------------------------------------------------


class ExecCommand:
    """Runs a command in a shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        known = RUN_PROPERTIES | (ASK_PROPERTIES if self._shell.may_ask else {})
        return function_tool("exec_command", known, required=("cmd",))

    async def run(self, call: Call, scope: Scope) -> Output:
        """Run the command; cancelling ends it."""
        return await self._shell.run(arguments(call, RunArguments), call.call_id, scope)

    def end_turn(self, scope: Scope) -> None:  # noqa: ARG002  nothing more to tell
        """Let what still runs go on untold."""
        self._shell.end_turn()

    async def close(self) -> None:
        """End all commands."""
        await self._shell.close()


class WriteStdin:
    """Types into a command that still runs, or waits for it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return function_tool("write_stdin", WRITE_PROPERTIES, required=("session_id",))

    async def run(self, call: Call, scope: Scope) -> Output:
        """Type and wait; cancelling leaves the command alone."""
        return await self._shell.write(arguments(call, WriteArguments), scope)

    def end_turn(self, scope: Scope) -> None:
        """`ExecCommand` does it."""

    async def close(self) -> None:
        """`ExecCommand` does it."""
