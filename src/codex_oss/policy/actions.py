"""What the policy is asked, what it answers, and what a person is asked."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

from codex_oss.policy.permissions import Isolation
from codex_oss.policy.rules import Rules

if TYPE_CHECKING:
    # Few sessions ever see one.
    from codex_oss.policy.form import Form, Values

# --- what somebody wants to do --------------------------------------------------------


class RunCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A script for a shell. ``escalated`` asks to run it outside the sandbox.

    ``prefix`` is what the model proposes as a rule for commands like this one.
    """

    command: str
    cwd: str
    escalated: bool = False
    justification: str = ""
    prefix: tuple[str, ...] = ()


class RunAgain(msgspec.Struct, frozen=True, kw_only=True):
    """A command that the sandbox has blocked, once more and outside of it."""

    command: str
    cwd: str
    blocked: str
    """What the sandbox blocked, in words."""


class WriteFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A change to files, by absolute real paths."""

    paths: tuple[str, ...]


class CallTool(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an MCP server's tool; ``arguments`` is a JSON object.

    ``read_only`` is what the server says of its tool. ``mode`` is what the person has
    set for it: ask as the tool describes itself, always, or never.
    """

    server: str
    tool: str
    arguments: str = "{}"
    read_only: bool = False
    mode: Literal["auto", "prompt", "approve"] = "auto"


class AnswerServer(msgspec.Struct, frozen=True, kw_only=True):
    """A question of an MCP server to the person.

    ``url`` is a page to open for it; else ``form`` is to be filled in. A form without
    fields is agreed to, or not. ``page_id`` is the server's name for the page.
    """

    server: str
    message: str
    url: str = ""
    page_id: str = ""
    form: "Form | None" = None


Action = RunCommand | RunAgain | WriteFiles | CallTool | AnswerServer


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision needs to know besides the action and the permissions.

    ``exists`` tells whether a path names a file that is there, ``real`` follows its
    links; ``home`` is the folder that ``~`` stands for.
    """

    isolation: Isolation = "full"
    why: str = ""
    """Why the isolation is not full."""
    rules: Rules = Rules()
    exists: Callable[[str], bool] = lambda _: True
    real: Callable[[str], str] = str
    home: str = ""


FULLY_ISOLATED = Machine()


# --- the answer -----------------------------------------------------------------------


class Allow(msgspec.Struct, frozen=True):
    """Run it; ``sandboxed`` says where."""

    sandboxed: bool = True


class Ask(msgspec.Struct, frozen=True):
    """A person decides; ``reason`` is shown to them, ``sandboxed`` is where it runs."""

    reason: str = ""
    sandboxed: bool = True


class Deny(msgspec.Struct, frozen=True):
    """Do not run it; ``reason`` is told to the model."""

    reason: str


Verdict = Allow | Ask | Deny

# --- a person -------------------------------------------------------------------------


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """What a change does to one file, by absolute real paths.

    A line begins with ``+``, ``-`` or a blank; remarks between them with others. What
    stands in them is as it will be in the file, control characters too.
    """

    path: str
    kind: Literal["add", "delete", "update", "move"]
    lines: tuple[str, ...] = ()
    moved_to: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked. ``prefix`` is the rule they may make of it, if any."""

    action: Action
    reason: str = ""
    prefix: tuple[str, ...] = ()
    sandboxed: bool = True
    diffs: tuple[Diff, ...] = ()
    """What ``WriteFiles`` will do."""


class Filled(msgspec.Struct, frozen=True):
    """The answer to a form: what was filled in."""

    values: "Values"


Answer = Literal["yes", "session", "always", "no", "later", "stop"] | Filled
"""Once, and to a form: as it is proposed; the same again in this conversation too;
every command that begins with the question's ``prefix`` from now on; no, go on without;
neither yes nor no, which only servers' questions know; no, and end the turn; a form as
it was filled in."""


class Reply(msgspec.Struct, frozen=True):
    """What an MCP server is told that asked something.

    ``values`` are those of its form; None: those that it proposes. ``why`` says why
    nobody was asked.
    """

    action: Literal["accept", "decline", "cancel"]
    values: "Values | None" = None
    why: str = ""
