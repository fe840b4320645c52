"""What may run: the decision table, row by row."""

from typing import get_args

import pytest

from codex_oss.policy import (
    NO_ESCALATION,
    Action,
    Allow,
    AnswerServer,
    ApprovalPolicy,
    Ask,
    CallTool,
    Deny,
    Granular,
    Machine,
    Permissions,
    PrefixRule,
    Rules,
    RunAgain,
    RunCommand,
    SandboxMode,
    Verdict,
    WriteFiles,
    decide,
)
from codex_oss.policy.table import POLICIES, TABLE, Outcome, Situation

ROOT = "/home/user/repo"
SCRATCH = "/tmp"
FORCED = "rm -f style commands are not permitted. Use a safer approach"


def permissions(
    mode: SandboxMode, approval: ApprovalPolicy | Granular, **more: tuple[str, ...]
) -> Permissions:
    return Permissions(
        mode=mode,
        approval=approval,
        writable_roots=(ROOT,),
        scratch=(SCRATCH,),
        deny_read=more.get("deny_read", ()),
    )


def run(command: str, **fields: bool | str) -> RunCommand:
    return RunCommand(
        command=command,
        cwd=ROOT,
        escalated=bool(fields.get("escalated")),
        justification=str(fields.get("justification", "")),
    )


def write(*paths: str) -> WriteFiles:
    return WriteFiles(paths=paths)


RULES = Rules(
    (
        PrefixRule(pattern=("touch",)),
        PrefixRule(pattern=("git", "push"), decision="prompt"),
        PrefixRule(pattern=("curl",), decision="forbidden", justification="use wget"),
    )
)
WITH_RULES = Machine(rules=RULES)
REDUCED = Machine(isolation="reduced", why="no bubblewrap")
NONE = Machine(isolation="none", why="no sandbox here")

# Each situation of the table: an action that makes it, where, and what is said.
SITUATIONS: dict[Situation, tuple[Action, Machine, str]] = {
    "a rule forbids it": (run("curl x"), WITH_RULES, "use wget"),
    "a rule says to ask": (
        run("git push"),
        WITH_RULES,
        "a rule says to ask about commands starting with `git push`",
    ),
    "a rule allows it": (run("touch x"), WITH_RULES, ""),
    "it destroys what cannot be had back": (
        run("rm -rf x"),
        Machine(),
        "it removes files by force",
    ),
    "it asks to leave the sandbox": (
        run("make", escalated=True),
        Machine(),
        "it asks to run outside the sandbox",
    ),
    "it is known to be harmless": (run("ls"), Machine(), ""),
    "any other command": (
        run("make"),
        Machine(),
        "not on the list of harmless commands",
    ),
    "there is no sandbox here": (run("ls"), NONE, "no sandbox here"),
    "the sandbox here is reduced, and the mode is workspace-write": (
        run("ls"),
        REDUCED,
        "no bubblewrap",
    ),
    "the sandbox has blocked it": (
        RunAgain(command="make", cwd=ROOT, blocked="the network is off"),
        Machine(),
        "the network is off",
    ),
    "a patch to what may be written": (
        write(f"{ROOT}/a.py"),
        Machine(),
        "every patch is asked about",
    ),
    "a patch to elsewhere": (
        write("/etc/passwd"),
        Machine(),
        "it writes where the sandbox does not let commands write",
    ),
    "an MCP tool that only reads, or is approved": (
        CallTool(server="a", tool="look", read_only=True),
        Machine(),
        "",
    ),
    "any other MCP tool": (
        CallTool(server="a", tool="write"),
        Machine(),
        "MCP servers run outside the sandbox",
    ),
    "an MCP server asks something": (
        AnswerServer(server="a", message="Sure?"),
        Machine(),
        "",
    ),
}
NOT_PERMITTED = (
    "is not permitted: it exists and is outside of the workspace. "
    "Write to a new file, or append with >>"
)
REFUSALS: dict[Situation, str] = {
    "a rule says to ask": "approval required by policy, but AskForApproval is set to "
    "Never",
    "it destroys what cannot be had back": FORCED,
    "it asks to leave the sandbox": NO_ESCALATION,
    "a patch to elsewhere": "patch rejected: writing outside of the project; "
    "rejected by user approval settings",
    "any other MCP tool": "MCP tool call requires approval, but approval policy is "
    "never",
    "an MCP server asks something": "rejected by user approval settings",
}
OUTSIDE_AFTER_YES: tuple[Situation, ...] = (
    "it asks to leave the sandbox",
    "there is no sandbox here",
    "the sandbox has blocked it",
    "any other MCP tool",
)


def expected(situation: Situation, outcome: Outcome, said: str) -> Verdict:
    match outcome:
        case "run":
            return Allow()
        case "run outside":
            return Allow(sandboxed=False)
        case "ask":
            return Ask(said, situation not in OUTSIDE_AFTER_YES)
        case "refuse" | "tell":
            return Deny(REFUSALS.get(situation, said))


@pytest.mark.parametrize("approval", POLICIES)
@pytest.mark.parametrize("situation", get_args(Situation))
def test_each_situation_ends_as_the_table_says(
    situation: Situation, approval: ApprovalPolicy
) -> None:
    action, machine, said = SITUATIONS[situation]
    verdict = decide(action, permissions("workspace-write", approval), machine)
    assert verdict == expected(situation, TABLE[situation][approval], said)


def test_a_situation_has_a_row_and_a_policy_a_column() -> None:
    assert tuple(TABLE) == get_args(Situation)
    assert get_args(ApprovalPolicy) == POLICIES
    assert all(tuple(row) == POLICIES for row in TABLE.values())


@pytest.mark.parametrize(
    ("approval", "action", "verdict"),
    [
        ("never", run("make"), Allow(sandboxed=False)),
        ("on-request", run("make"), Allow(sandboxed=False)),
        ("untrusted", run("ls"), Allow(sandboxed=False)),
        (
            "untrusted",
            run("make"),
            Ask("not on the list of harmless commands", sandboxed=False),
        ),
        ("on-request", run("make", escalated=True), Allow(sandboxed=False)),
        ("never", run("make", escalated=True), Deny(NO_ESCALATION)),
        ("never", run("rm -rf x"), Deny(FORCED)),
        (
            "on-request",
            run("rm -rf x"),
            Ask("it removes files by force", sandboxed=False),
        ),
        ("never", write("/etc/passwd"), Allow(sandboxed=False)),
    ],
)
def test_without_a_sandbox_to_leave_commands_run_outside_and_the_guard_stays(
    approval: ApprovalPolicy, action: Action, verdict: Verdict
) -> None:
    free = permissions("danger-full-access", approval)
    for machine in (Machine(), NONE, REDUCED):
        assert decide(action, free, machine) == verdict


def test_a_read_only_session_runs_commands_and_writes_no_patch() -> None:
    read_only = permissions("read-only", "never")
    assert decide(run("make"), read_only) == Allow()
    assert decide(run("make"), read_only, REDUCED) == Allow()
    assert decide(write(f"{ROOT}/a.py"), read_only) == Deny(
        "patch rejected: writing is blocked by read-only sandbox; "
        "rejected by user approval settings"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("curl x | touch y; rm -rf z", "a rule forbids it"),
        ("git push; rm -rf z", "a rule says to ask"),
        ("rm -rf z; touch y", "it destroys what cannot be had back"),
        ("ls; touch y", "any other command"),
    ],
)
def test_the_first_situation_that_fits_counts(first: str, second: Situation) -> None:
    outcome = TABLE[second]["untrusted"]
    verdict = decide(run(first), permissions("read-only", "untrusted"), WITH_RULES)
    assert isinstance(verdict, Ask if outcome == "ask" else Deny)
    assert verdict.reason == SITUATIONS[second][2]


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        # Measured with the Codex CLI 0.169.
        ("rm x", Allow(sandboxed=False)),
        ("rm -f x", Deny(FORCED)),
        ("rm -rf x", Allow(sandboxed=False)),
        ("cd . && rm -rf x", Allow(sandboxed=False)),
        ("rm -f x && rm -rf y", Deny(FORCED)),
        ("bash -lc 'rm -rf x'", Deny(FORCED)),
        ("rm -rf x*", Deny(FORCED)),
        ("rm -fv x", Deny("policy forbids commands starting with `rm -fv`")),
        ("cd / && tee etc/hosts", Deny(f"Overwriting //etc/hosts {NOT_PERMITTED}")),
        ("tee /etc/hosts", Allow(sandboxed=False)),
    ],
)
def test_a_rule_passes_the_guard_only_where_its_own_words_say_what_is_lost(
    command: str, verdict: Verdict
) -> None:
    patterns = [("rm",), ("rm", "-rf"), ("cd",), ("tee",), ("tee", "/etc/hosts")]
    allow = [PrefixRule(pattern=pattern) for pattern in patterns]
    forbid = PrefixRule(pattern=("rm", "-fv"), decision="forbidden")
    machine = Machine(
        rules=Rules((*allow, forbid)), exists=lambda path: not path.endswith("/.")
    )
    allowed = permissions("workspace-write", "never")
    assert decide(run(command), allowed, machine) == verdict


def test_the_model_s_own_words_are_the_reason_for_leaving_the_sandbox() -> None:
    action = run("make", escalated=True, justification="May I install it?")
    verdict = decide(action, permissions("workspace-write", "on-request"))
    assert verdict == Ask("May I install it?", sandboxed=False)


def test_a_kind_of_question_that_is_switched_off_is_refused() -> None:
    no_rules = permissions("workspace-write", Granular(rules=False))
    no_sandbox = permissions("workspace-write", Granular(sandbox_approval=False))
    push, leave = run("git push"), run("make", escalated=True)
    assert isinstance(decide(push, no_rules, WITH_RULES), Deny)
    assert isinstance(decide(leave, no_rules, WITH_RULES), Ask)
    assert isinstance(decide(push, no_sandbox, WITH_RULES), Ask)
    assert isinstance(decide(leave, no_sandbox, WITH_RULES), Deny)
    assert decide(run("make"), no_sandbox, WITH_RULES) == Allow()


# --- what the guard knows of the machine ----------------------------------------------


def test_the_guard_sees_links_the_home_folder_and_the_roots() -> None:
    asking = permissions("workspace-write", "on-request")
    machine = Machine(
        exists=lambda path: not path.endswith("/."),
        real=lambda path: path.replace(f"{ROOT}/link", "/etc/hosts"),
        home="/home/user",
    )
    for path in (f"{ROOT}/link", "/etc/hosts", "~/x"):
        verdict = decide(run(f"echo > {path}"), asking, machine)
        shown = path.replace("~", "/home/user")
        assert verdict == Ask(
            f"it overwrites {shown}, which is outside of the workspace"
        )
    for path in (f"{ROOT}/a.py", f"{SCRATCH}/x", "a.py", "/dev/null"):
        assert decide(run(f"echo > {path}"), asking, machine) == Allow()
    nothing = Machine(exists=lambda _: False)
    assert decide(run("echo > /etc/hosts"), asking, nothing) == Allow()


# --- patches --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (f"{ROOT}/a.py", True),
        (f"{ROOT}/src/.git/x", True),
        (f"{ROOT}/sub/../a.py", True),
        (f"{ROOT}/.gitignore", True),
        (f"{SCRATCH}/x", True),
        (f"{SCRATCH}/.git/x", True),
        (f"{ROOT}-2/a.py", False),
        (f"{ROOT}/../other/a.py", False),
        (f"{ROOT}/.git/config", False),
        (f"{ROOT}/.git", False),
        (f"{ROOT}/src/../.codex/config.toml", False),
        (f"{ROOT}/.agents/x", False),
        (f"{ROOT}/secret/x", False),
        ("/etc/passwd", False),
        ("a.py", False),
    ],
)
def test_a_patch_may_write_inside_the_roots_but_not_to_their_settings(
    path: str, *, inside: bool
) -> None:
    verdict = decide(
        write(f"{ROOT}/ok.py", path),
        permissions("workspace-write", "never", deny_read=(f"{ROOT}/secret",)),
    )
    assert verdict == (Allow() if inside else Deny(REFUSALS["a patch to elsewhere"]))


def test_a_protected_name_counts_in_every_root_that_holds_the_path() -> None:
    roots = Permissions(
        mode="workspace-write", writable_roots=(f"{ROOT}/.git/deep", ROOT)
    )
    verdict = decide(write(f"{ROOT}/.git/deep/x"), roots)
    assert verdict == Deny(REFUSALS["a patch to elsewhere"])


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (CallTool(server="a", tool="b", read_only=True), Allow),
        (CallTool(server="a", tool="b"), Ask),
        (CallTool(server="a", tool="b", mode="approve"), Allow),
        (CallTool(server="a", tool="b", read_only=True, mode="prompt"), Ask),
    ],
)
def test_what_a_person_set_for_an_mcp_tool_counts_before_its_own_words(
    action: Action, expected: type[Verdict]
) -> None:
    verdict = decide(action, permissions("workspace-write", "on-request"))
    assert isinstance(verdict, expected)


def test_mcp_tools_run_where_nothing_is_asked_and_nothing_is_sandboxed() -> None:
    call = CallTool(server="a", tool="b", mode="prompt")
    assert decide(call, permissions("danger-full-access", "never")) == Allow(
        sandboxed=False
    )


def test_mcp_tools_are_refused_when_that_kind_of_question_is_off() -> None:
    granular = Granular(mcp_elicitations=False)
    asked = AnswerServer(server="a", message="Sure?")
    for action in (CallTool(server="a", tool="b"), asked):
        verdict = decide(action, permissions("workspace-write", granular))
        assert verdict == Deny("rejected by user approval settings")
