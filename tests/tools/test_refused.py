"""What a person is told of what the policy refuses without a question."""

import asyncio
from pathlib import Path

import pytest

from codex_oss import policy
from codex_oss.events import Blocked, Event
from codex_oss.policy import (
    Action,
    CallTool,
    Deny,
    Granular,
    Permissions,
    PrefixRule,
    Rules,
    RunAgain,
    RunCommand,
    WriteFiles,
)
from codex_oss.ports import Scope
from codex_oss.tools.permit import Permit
from people import Person

RM = "rm -f style commands are not permitted. Use a safer approach"
ASK = "To be asked about it: -a on-request, at a terminal."
NEVER = Permissions(mode="workspace-write", approval="never", writable_roots=("/w",))
READ_ONLY = Permissions(mode="read-only", approval="never")
NO_RULES = Permissions(
    mode="workspace-write",
    approval=Granular(sandbox_approval=False),
    writable_roots=("/w",),
)
FORBIDDEN = PrefixRule(pattern=("make",), decision="forbidden", justification="No make")


class Forbidding:
    """The rules of somebody who wants no `make`."""

    def load(self) -> Rules:
        return Rules((FORBIDDEN,))

    def allow(self, prefix: tuple[str, ...]) -> None:
        raise AssertionError(prefix)


def told(action: Action, permissions: Permissions, *, why: str = "") -> list[Event]:
    """Return what is told of an action that is refused."""
    events: list[Event] = []
    scope = Scope(cwd=Path("/w"), emit=events.append, new_item_id=lambda: "item_0")
    permit = Permit(permissions, Person("yes"), rules=Forbidding())
    guarded = permit.decide(action, scope, isolation="none" if why else "full", why=why)
    assert isinstance(asyncio.run(guarded), Deny)
    return events


@pytest.mark.parametrize(
    ("action", "permissions", "what", "remedy"),
    [
        (
            RunCommand(command="rm -rf build\necho done", cwd="/w"),
            NEVER,
            f"`rm -rf build …` was not run: {RM}",
            ASK,
        ),
        (
            RunCommand(command="npm install", cwd="/w", escalated=True),
            NEVER,
            "`npm install` was not run: it was to run outside the sandbox",
            ASK,
        ),
        (
            RunCommand(command="npm install", cwd="/w", escalated=True),
            NO_RULES,
            "`npm install` was not run: rejected by user approval settings",
            "`approval_policy.granular` in config.toml says what is asked about.",
        ),
        (
            RunCommand(command="make all", cwd="/w"),
            NEVER,
            "`make all` was not run: No make",
            "A rule forbids it: `$CODEX_HOME/rules`, or the project's `.codex/rules`.",
        ),
        (
            WriteFiles(paths=("/w/a", "/w/b")),
            READ_ONLY,
            "an edit was not made: the sandbox is read-only (/w/a, and 1 more)",
            "To allow writing to the folder: -s workspace-write",
        ),
        (
            WriteFiles(paths=("/etc/a",)),
            NEVER,
            "an edit was not made: not all may be written (/etc/a)",
            "To allow it: --add-dir FOLDER, unless it belongs to git or to settings.",
        ),
        (
            CallTool(server="files", tool="remove"),
            NEVER,
            "files/remove was not called: nobody is asked for a yes",
            ASK,
        ),
    ],
)
def test_the_person_learns_what_was_refused_and_how_to_allow_it(
    action: Action, permissions: Permissions, what: str, remedy: str
) -> None:
    assert told(action, permissions) == [Blocked(item_id="", what=what, remedy=remedy)]


def test_what_others_tell_is_not_told_twice() -> None:
    again = RunAgain(command="ls", cwd="/w", blocked="b cannot be written")
    assert told(again, NEVER) == []
    assert told(RunCommand(command="make", cwd="/w"), NEVER, why="No make") == []


def test_a_person_who_says_no_knows_it() -> None:
    events: list[Event] = []
    scope = Scope(cwd=Path("/w"), emit=events.append, new_item_id=lambda: "item_0")
    asking = Permissions(mode="read-only", approval="untrusted")
    permit = Permit(asking, Person("no"))
    action = RunCommand(command="make", cwd="/w")
    assert asyncio.run(permit.decide(action, scope)) == policy.Deny("rejected by user")
    assert events == []
