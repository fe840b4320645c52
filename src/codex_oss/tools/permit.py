"""What a session may do: the policy, the rules, and what a person has said so far."""

import asyncio
import os
from collections.abc import Callable
from typing import Protocol, assert_never

from msgspec.structs import replace

from codex_oss import events, policy
from codex_oss.errors import ConfigError
from codex_oss.policy import Action, Allow, Ask, Deny, Isolation, Permissions, Rules
from codex_oss.policy.rules import proposal
from codex_oss.policy.script import read
from codex_oss.ports import Approver, Scope
from codex_oss.tools import refused

BY_USER = "rejected by user"


class RulesFile(Protocol):
    """Where rules are kept (``config.rules``)."""

    def load(self) -> Rules:
        """Return all rules as they stand now."""
        ...

    def allow(self, prefix: tuple[str, ...]) -> None:
        """Add a rule that allows what begins with ``prefix``."""
        ...


class NoRules:
    """No rules, and nowhere to keep one."""

    def load(self) -> Rules:
        """Return none."""
        return Rules()

    def allow(self, prefix: tuple[str, ...]) -> None:
        """Forget it."""


class Permit:
    """Decides on one action after the other, and asks the person where it must.

    ``permissions`` may be replaced between two decisions.
    """

    def __init__(
        self,
        permissions: Permissions,
        approver: Approver,
        *,
        rules: RulesFile | None = None,
        exists: Callable[[str], bool] = os.path.lexists,
    ) -> None:
        self.permissions = permissions
        self._approver = approver
        self._file = rules or NoRules()
        self._rules = self._file.load()
        self._exists = exists
        # `Path.expanduser` raises for a user without a home.
        self._home = os.path.expanduser("~")  # noqa: PTH111
        self._for_session: set[tuple[Action, bool]] = set()

    async def decide(
        self,
        action: Action,
        scope: Scope,
        *,
        isolation: Isolation = "full",
        why: str = "",
        diffs: Callable[[], tuple[policy.Diff, ...]] = tuple,
    ) -> Allow | Deny:
        """Return whether and where ``action`` runs; a person is asked if need be.

        ``isolation`` and ``why`` are what the sandbox says of itself; ``diffs`` is
        asked for what a change to files does, in a thread. An answer that ends the
        turn interrupts it.
        """
        machine = policy.Machine(
            isolation=isolation,
            why=why,
            rules=self._rules,
            exists=self._exists,
            real=os.path.realpath,
            home=self._home,
        )
        verdict = policy.decide(action, self.permissions, machine)
        if isinstance(verdict, Deny) and verdict.reason != why:
            self._tell_refused(action, verdict.reason, scope)
        if not isinstance(verdict, Ask):
            return verdict
        kept = _without_words(action), verdict.sandboxed
        if kept in self._for_session:
            return Allow(verdict.sandboxed)
        prefix = ()
        if isinstance(action, policy.RunCommand):
            prefix = proposal(read(action.command), action.prefix)
        question = policy.Question(
            action=action,
            reason=verdict.reason,
            prefix=prefix,
            sandboxed=verdict.sandboxed,
            diffs=await asyncio.to_thread(diffs),
        )
        # A question is about what was told before, and comes after it.
        await scope.seen()
        answer = await self._approver.ask(question)
        match answer:
            case "no" | "later" | policy.Filled():
                return Deny(BY_USER)
            case "stop":
                scope.interrupt()
                return Deny(BY_USER)
            case "yes":
                pass
            case "session":
                self._for_session.add(kept)
            case "always":
                self._allow_always(prefix, scope)
            case _:
                assert_never(answer)
        return Allow(verdict.sandboxed)

    async def reply(self, asked: policy.AnswerServer, scope: Scope) -> policy.Reply:
        """Return what an MCP server is told that asks something; each time anew."""
        verdict = policy.decide(asked, self.permissions)
        if isinstance(verdict, Deny):
            return policy.Reply("decline", why=verdict.reason)
        await scope.seen()
        answer = await self._approver.ask(policy.Question(action=asked))
        match answer:
            case policy.Filled(values):
                return policy.Reply("accept", values)
            case "yes" | "session" | "always":
                return policy.Reply("accept")
            case "no":
                return policy.Reply("decline")
            case "later":
                return policy.Reply("cancel")
            case "stop":
                scope.interrupt()
                return policy.Reply("cancel")
            case _:
                assert_never(answer)

    def _tell_refused(self, action: Action, reason: str, scope: Scope) -> None:
        """Tell the person what was refused without a question, and how to allow it."""
        rule = None
        if isinstance(action, policy.RunCommand):
            rule = self._rules.of(read(action.command))
        forbidden = rule is not None and rule.decision == "forbidden"
        told = refused.told(action, reason, self.permissions, forbidden=forbidden)
        if told is not None:
            scope.emit(told)

    def _allow_always(self, prefix: tuple[str, ...], scope: Scope) -> None:
        if not prefix:
            return
        done = "saved"
        try:
            self._file.allow(prefix)
        except ConfigError as error:  # it counts for this session all the same
            item = events.ErrorItem(id=scope.new_item_id(), message=error.report())
            scope.emit(events.ItemCompleted(item=item))
            done = "allowed for this session"
        self._rules = self._file.load()
        words = ", ".join(f'"{word}"' for word in prefix)
        scope.remark(f"Approved command prefix {done}:\n- [{words}]")


def _without_words(action: Action) -> Action:
    """Return ``action`` without what the model says about it, to know it again."""
    if isinstance(action, policy.RunCommand):
        return replace(action, justification="", prefix=())
    if isinstance(action, policy.RunAgain):
        return replace(action, blocked="")
    if isinstance(action, policy.CallTool):
        return replace(action, arguments="")
    return action
