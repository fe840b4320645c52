"""May this action run: allow, ask or deny, as one decision table.

Source: what the Codex CLI 0.169 does in each approval policy and sandbox mode (see
``docs/compatibility.md`` for where this program differs).
"""

from typing import Literal, assert_never

from codex_oss.policy.actions import (
    FULLY_ISOLATED,
    Action,
    Allow,
    AnswerServer,
    Ask,
    CallTool,
    Deny,
    Machine,
    RunAgain,
    RunCommand,
    Verdict,
    WriteFiles,
)
from codex_oss.policy.commands import Script
from codex_oss.policy.harm import Ground, harm
from codex_oss.policy.harmless import known_safe
from codex_oss.policy.permissions import ApprovalPolicy, Granular, Permissions, writable
from codex_oss.policy.rules import Decision, PrefixRule
from codex_oss.policy.script import read

Situation = Literal[
    "a rule forbids it",
    "a rule says to ask",
    "a rule allows it",
    "it destroys what cannot be had back",
    "it asks to leave the sandbox",
    "it is known to be harmless",
    "any other command",
    "there is no sandbox here",
    "the sandbox here is reduced, and the mode is workspace-write",
    "the sandbox has blocked it",
    "a patch to what may be written",
    "a patch to elsewhere",
    "an MCP tool that only reads, or is approved",
    "any other MCP tool",
    "an MCP server asks something",
]
Outcome = Literal["run", "run outside", "ask", "tell", "refuse"]
"""Run in the sandbox of the mode; run without one; ask a person; tell the model what
happened, and how to ask; refuse and say why."""

_ROWS: tuple[tuple[Situation, tuple[Outcome, Outcome, Outcome, Outcome]], ...] = (
    # situation             untrusted   on-request  on-failure  never
    ("a rule forbids it", ("refuse", "refuse", "refuse", "refuse")),
    ("a rule says to ask", ("ask", "ask", "ask", "refuse")),
    ("a rule allows it", ("run outside", "run outside", "run outside", "run outside")),
    ("it destroys what cannot be had back", ("ask", "ask", "ask", "refuse")),
    ("it asks to leave the sandbox", ("ask", "ask", "ask", "refuse")),
    ("it is known to be harmless", ("run", "run", "run", "run")),
    ("any other command", ("ask", "run", "run", "run")),
    ("there is no sandbox here", ("ask", "ask", "ask", "refuse")),
    (
        "the sandbox here is reduced, and the mode is workspace-write",
        ("ask", "ask", "ask", "refuse"),
    ),
    ("the sandbox has blocked it", ("ask", "tell", "ask", "tell")),
    ("a patch to what may be written", ("ask", "run", "run", "run")),
    ("a patch to elsewhere", ("ask", "ask", "ask", "refuse")),
    (
        "an MCP tool that only reads, or is approved",
        ("run outside", "run outside", "run outside", "run outside"),
    ),
    ("any other MCP tool", ("ask", "ask", "ask", "refuse")),
    ("an MCP server asks something", ("ask", "ask", "ask", "refuse")),
)
POLICIES: tuple[ApprovalPolicy, ...] = (
    "untrusted",
    "on-request",
    "on-failure",
    "never",
)
TABLE: dict[Situation, dict[ApprovalPolicy, Outcome]] = {
    situation: dict(zip(POLICIES, outcomes, strict=True))
    for situation, outcomes in _ROWS
}
"""What happens in each situation under each policy; the first situation that fits
counts. Without a sandbox to leave (``danger-full-access``) "run" is outside, and
nothing asks to leave it."""

# --- what is told ---------------------------------------------------------------------

NO_ESCALATION = (
    "approval policy is Never; reject command — you cannot ask for escalated "
    "permissions if the approval policy is Never"
)
_OUTSIDE = (
    "patch rejected: writing outside of the project; rejected by user approval settings"
)
_READ_ONLY = (
    "patch rejected: writing is blocked by read-only sandbox; "
    "rejected by user approval settings"
)
NO_TOOL_CALL = "MCP tool call requires approval, but approval policy is never"
_NOT_ASKED = "rejected by user approval settings"
_NO_PROMPT = "approval required by policy, but AskForApproval is set to Never"

# --- the decision ---------------------------------------------------------------------


def decide(
    action: Action, permissions: Permissions, machine: Machine = FULLY_ISOLATED
) -> Verdict:
    """Return whether ``action`` may run under ``permissions``, and where.

    A ``Deny`` carries the words for the model. For ``RunAgain`` it means that the
    command stays as blocked as it was.
    """
    match action:
        case RunCommand():
            return _decide_command(action, permissions, machine)
        case RunAgain():
            outcome = _outcome("the sandbox has blocked it", permissions)
            if outcome != "ask":
                return Deny(action.blocked)
            return Ask(action.blocked, sandboxed=False)
        case WriteFiles():
            return _decide_write(action, permissions)
        case CallTool():
            return _decide_call(action, permissions)
        case AnswerServer():
            outcome = _outcome("an MCP server asks something", permissions)
            return Ask() if outcome == "ask" else Deny(_NOT_ASKED)
        case _:
            assert_never(action)


def _decide_command(
    action: RunCommand, permissions: Permissions, machine: Machine
) -> Verdict:
    script = read(action.command)
    rule = machine.rules.of(script)
    free = permissions.mode == "danger-full-access"
    sandboxed = not (action.escalated or free)
    situation, reason = _situation(action, script, rule, permissions, machine)
    outcome = _outcome(situation, permissions)
    if outcome == "run" and not free:
        # It may run in the sandbox: if there is one that keeps its promise.
        lacking = _lacking(permissions, machine)
        if lacking is not None:
            situation, reason = lacking, machine.why
            outcome = _outcome(situation, permissions)
            sandboxed = situation != "there is no sandbox here"
    match outcome:
        case "run":
            return Allow(sandboxed=not free)
        case "run outside":
            return Allow(sandboxed=False)
        case "ask":
            return Ask(reason, sandboxed)
        case "refuse" | "tell":
            return Deny(_refusal(situation, reason, permissions))
        case _:
            assert_never(outcome)


def _situation(
    action: RunCommand,
    script: Script,
    rule: PrefixRule | None,
    permissions: Permissions,
    machine: Machine,
) -> tuple[Situation, str]:
    """Return the first situation that fits a command, and a reason for people."""
    if rule is not None and rule.decision != "allow":
        return _BY_RULE[rule.decision], rule.justification or _rule_reason(rule)
    never = permissions.approval == "never"
    ground = _ground(action.cwd, permissions, machine)
    lost = harm(script, ground)
    if rule is not None and not (lost and machine.rules.guarded(script, ground)):
        return _BY_RULE[rule.decision], ""
    if lost:
        reason = lost.told if never else lost.asked
        return "it destroys what cannot be had back", reason
    if action.escalated and (never or permissions.mode != "danger-full-access"):
        reason = action.justification or "it asks to run outside the sandbox"
        return "it asks to leave the sandbox", reason
    if known_safe(script):
        return "it is known to be harmless", ""
    reason = action.justification or "not on the list of harmless commands"
    return "any other command", reason


def _decide_write(action: WriteFiles, permissions: Permissions) -> Verdict:
    free = permissions.mode == "danger-full-access"
    inside = all(writable(path, permissions) for path in action.paths)
    situation: Situation = (
        "a patch to what may be written" if inside else "a patch to elsewhere"
    )
    match _outcome(situation, permissions):
        case "run" | "run outside":
            return Allow(sandboxed=not free)
        case "ask" if inside:
            return Ask("every patch is asked about")
        case "ask":
            return Ask("it writes where the sandbox does not let commands write")
        case _:
            read_only = permissions.mode == "read-only"
            return Deny(_READ_ONLY if read_only else _OUTSIDE)


def _decide_call(action: CallTool, permissions: Permissions) -> Verdict:
    never = permissions.approval == "never"
    approved = (
        action.mode == "approve"
        or (action.mode == "auto" and action.read_only)
        or (never and permissions.mode == "danger-full-access")
    )
    situation: Situation = (
        "an MCP tool that only reads, or is approved"
        if approved
        else "any other MCP tool"
    )
    match _outcome(situation, permissions):
        case "run" | "run outside":
            return Allow(sandboxed=False)
        case "ask":
            return Ask("MCP servers run outside the sandbox", sandboxed=False)
        case _:
            return Deny(NO_TOOL_CALL if never else _NOT_ASKED)


def _outcome(situation: Situation, permissions: Permissions) -> Outcome:
    """Return the table's word; a kind of question that is switched off is refused."""
    approval = permissions.approval
    if not isinstance(approval, Granular):
        return TABLE[situation][approval]
    outcome = TABLE[situation]["on-request"]
    match situation:
        case "a rule says to ask":
            asked = approval.rules
        case "any other MCP tool" | "an MCP server asks something":
            asked = approval.mcp_elicitations
        case _:
            asked = approval.sandbox_approval
    return "refuse" if outcome == "ask" and not asked else outcome


def _lacking(permissions: Permissions, machine: Machine) -> Situation | None:
    """Return what is wrong with the machine's sandbox, if anything."""
    if machine.isolation == "none":
        return "there is no sandbox here"
    if machine.isolation == "reduced" and permissions.mode == "workspace-write":
        return "the sandbox here is reduced, and the mode is workspace-write"
    return None


def _ground(cwd: str, permissions: Permissions, machine: Machine) -> Ground:
    roots = (*permissions.writable_roots, *permissions.scratch)
    return Ground(
        cwd=cwd,
        roots=roots,
        exists=machine.exists,
        real=machine.real,
        home=machine.home,
    )


def _refusal(situation: Situation, reason: str, permissions: Permissions) -> str:
    never = permissions.approval == "never"
    if situation == "it asks to leave the sandbox":
        return NO_ESCALATION if never else _NOT_ASKED
    if situation == "a rule says to ask" and never:
        return _NO_PROMPT
    return reason or _NOT_ASKED


def _rule_reason(rule: PrefixRule) -> str:
    words = " ".join(w if isinstance(w, str) else "|".join(w) for w in rule.pattern)
    if rule.decision == "forbidden":
        return f"policy forbids commands starting with `{words}`"
    return f"a rule says to ask about commands starting with `{words}`"


_BY_RULE: dict[Decision, Situation] = {
    "forbidden": "a rule forbids it",
    "prompt": "a rule says to ask",
    "allow": "a rule allows it",
}
