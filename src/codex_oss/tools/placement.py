"""Where a command runs: in the sandbox, outside of it, or not at all.

A command goes through here before it starts, and again when it has ended in a way
that looks as if the sandbox had blocked it.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import assert_never

import msgspec

from codex_oss import events, policy
from codex_oss.errors import SandboxError, ToolError
from codex_oss.policy import Isolation, RunAgain, RunCommand
from codex_oss.policy.harmless import known_safe
from codex_oss.policy.script import read
from codex_oss.ports import Scope
from codex_oss.sandbox import denial
from codex_oss.sandbox.prepared import Guarantee, Prepared
from codex_oss.sandbox.run import Sandbox
from codex_oss.tools.login import LOGIN, PLAIN, LoginEnvironments
from codex_oss.tools.output import rejected
from codex_oss.tools.permit import BY_USER, Permit

_NOTHING_RUN: dict[Isolation, str] = {
    "none": "Sandbox unavailable, so nothing was run: {}",
    "reduced": "Only a reduced sandbox is available, so nothing was run: {}",
}

Argv = tuple[str, str, str]
"""A shell, how it starts, and the script."""


class Place(msgspec.Struct, frozen=True):
    """Where a command runs; ``backend`` is what isolates it, empty for nothing."""

    sandboxed: bool
    backend: str = ""


class Placement:
    """Decides where commands run and makes them ready to start there.

    ``env`` is the commands' environment, and ``secrets`` names variables that they
    never get, whatever a profile exports.
    """

    def __init__(
        self,
        permit: Permit,
        sandbox: Sandbox,
        env: Mapping[str, str],
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self._permit = permit
        self._sandbox = sandbox
        self._env = env
        self._secrets = secrets
        self._logins = LoginEnvironments()
        self._warned = False

    async def find(self, action: RunCommand, shown: str, scope: Scope) -> Place:
        """Return where a command runs; raise ``ToolError`` with words if nowhere."""
        guarantee = await self._guarantee(action)
        verdict = await self._permit.decide(
            action, scope, isolation=guarantee.isolation, why=guarantee.why
        )
        match verdict:
            case policy.Allow(sandboxed):
                if sandboxed and guarantee.isolation == "reduced":
                    self._warn(f"reduced sandbox: {guarantee.why}", scope)
                return Place(sandboxed, guarantee.backend if sandboxed else "")
            case policy.Deny(policy.NO_ESCALATION):
                raise ToolError(verdict.reason)
            case policy.Deny(why) if why == guarantee.why:
                what = _NOTHING_RUN[guarantee.isolation].format(why)
                self._warn(what, scope)
                raise ToolError(f"exec_command failed: {what}")
            case policy.Deny(why) if why == BY_USER:
                raise ToolError(rejected(why))
            case policy.Deny():
                raise ToolError(rejected(f"`{shown}` rejected: {verdict.reason}"))
            case _:
                assert_never(verdict)

    def may_write(self, action: RunCommand, place: Place) -> bool:
        """Return whether a command could change the person's files."""
        reading = self._permit.permissions.mode == "read-only" and place.sandboxed
        return not reading and not known_safe(read(action.command))

    async def prepare(
        self, argv: Argv, cwd: Path, call_id: str, *, place: Place, tty: bool
    ) -> Prepared:
        """Return what to start: a login shell gives its environment to a plain one.

        Raises ``ToolError`` when the sandbox cannot be made for it.
        """
        put = partial(
            self._sandbox.prepare,
            cwd=cwd,
            permissions=self._permit.permissions,
            sandboxed=place.sandboxed,
        )
        env = self._env
        shell, how, command = argv
        try:
            if how == LOGIN:
                learned = await self._logins.of(shell, cwd, partial(put, env=env))
                if learned is not None:
                    env, how = learned, PLAIN
            env = {k: v for k, v in env.items() if k not in self._secrets}
            env["CODEX_TOOL_CALL_ID"] = call_id
            return await put((shell, how, command), env=env, tty=tty)
        except SandboxError as error:
            raise ToolError(f"exec_command failed: {error.report()}") from error

    async def look_back(
        self, action: RunCommand, ended: denial.Ended, item_id: str, scope: Scope
    ) -> "Hindsight | None":
        """Return what the sandbox blocked of a command that has ended, if anything.

        The person is told, or asked whether it may run again without the sandbox.
        """
        for change in self._sandbox.noticed():
            self._say(change, scope)
        permissions = self._permit.permissions
        found = denial.blocked(ended, permissions)
        if found is None:
            return None
        remedy = denial.remedy(found, permissions)
        scope.emit(events.Blocked(item_id=item_id, what=found.what, remedy=remedy))
        again = RunAgain(command=action.command, cwd=action.cwd, blocked=found.what)
        verdict = await self._permit.decide(again, scope)
        advice = denial.advice(found, permissions)
        note = f"\n[The sandbox blocked something: {found.what}. {advice}]"
        return Hindsight(note, again=isinstance(verdict, policy.Allow))

    async def _guarantee(self, action: RunCommand) -> Guarantee:
        permissions = self._permit.permissions
        if permissions.mode == "danger-full-access":
            return Guarantee(isolation="full")
        return await self._sandbox.guarantee(permissions, Path(action.cwd))

    def _warn(self, why: str, scope: Scope) -> None:
        """Tell the person, once, that the sandbox is not what it should be."""
        if not self._warned:
            self._warned = True
            self._say(why, scope)

    def _say(self, what: str, scope: Scope) -> None:
        item = events.ErrorItem(id=scope.new_item_id(), message=what)
        scope.emit(events.ItemCompleted(item=item))


class Hindsight(msgspec.Struct, frozen=True):
    """What a model reads of a command that was blocked, and whether it runs again."""

    note: str
    again: bool
