"""What may run: the decision table, and the scripts it is asked about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.policy import (
    Action,
    Allow,
    ApprovalPolicy,
    Ask,
    Deny,
    Permissions,
    RunCommand,
    SandboxMode,
    WriteFiles,
    decide,
    known_safe,
    removes_by_force,
)

ROOT = "/home/user/repo"


def permissions(mode: SandboxMode, approval: ApprovalPolicy) -> Permissions:
    return Permissions(mode=mode, approval=approval, writable_roots=(ROOT, "/tmp"))


def run(command: str, **fields: bool | str) -> RunCommand:
    return RunCommand(
        command=command,
        cwd=ROOT,
        escalated=bool(fields.get("escalated")),
        justification=str(fields.get("justification", "")),
    )


RM = Deny("rm -f style commands are not permitted. Use a safer approach")
ESCALATION = Deny(
    "approval policy is Never; reject command — you cannot ask for escalated "
    "permissions if the approval policy is Never"
)
OUTSIDE = Deny(
    "patch rejected: writing outside of the project; rejected by user approval settings"
)
READ_ONLY = Deny(
    "patch rejected: writing is blocked by read-only sandbox; "
    "rejected by user approval settings"
)
WRITES_ELSEWHERE = Ask("it writes where the sandbox does not let commands write")
FORCE = Ask("it removes files by force")
UNKNOWN = Ask("not on the list of harmless commands")
LEAVES = Ask("it asks to run outside the sandbox")


@pytest.mark.parametrize(
    ("mode", "approval", "action", "verdict"),
    [
        ("read-only", "never", run("make"), Allow()),
        ("workspace-write", "never", run("make"), Allow()),
        ("workspace-write", "on-request", run("make"), Allow()),
        ("workspace-write", "on-failure", run("make"), Allow()),
        ("workspace-write", "untrusted", run("make"), UNKNOWN),
        ("workspace-write", "untrusted", run("ls -l"), Allow()),
        ("danger-full-access", "never", run("make"), Allow(sandboxed=False)),
        ("danger-full-access", "untrusted", run("make"), UNKNOWN),
        ("danger-full-access", "untrusted", run("ls"), Allow(sandboxed=False)),
        ("workspace-write", "never", run("make", escalated=True), ESCALATION),
        ("danger-full-access", "never", run("make", escalated=True), ESCALATION),
        ("workspace-write", "on-request", run("make", escalated=True), LEAVES),
        ("workspace-write", "on-failure", run("make", escalated=True), LEAVES),
        (
            "workspace-write",
            "on-request",
            run("make", escalated=True, justification="May I install it?"),
            Ask("May I install it?"),
        ),
        ("workspace-write", "untrusted", run("ls", escalated=True), LEAVES),
        (
            "danger-full-access",
            "on-request",
            run("make", escalated=True),
            Allow(sandboxed=False),
        ),
        ("read-only", "never", run("rm -rf build"), RM),
        ("danger-full-access", "never", run("rm -rf build"), RM),
        ("danger-full-access", "on-request", run("rm -rf build"), FORCE),
        ("workspace-write", "untrusted", run("rm -rf build"), FORCE),
    ],
)
def test_a_command_is_decided_by_policy_and_mode(
    mode: SandboxMode,
    approval: ApprovalPolicy,
    action: Action,
    verdict: Allow | Ask | Deny,
) -> None:
    assert decide(action, permissions(mode, approval)) == verdict


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (f"{ROOT}/a.py", True),
        (f"{ROOT}/src/.git/x", True),
        ("/tmp/x", True),
        (f"{ROOT}/sub/../a.py", True),
        (f"{ROOT}/.gitignore", True),
        (f"{ROOT}-2/a.py", False),
        (f"{ROOT}/../other/a.py", False),
        (f"{ROOT}/.git/config", False),
        (f"{ROOT}/.git", False),
        (f"{ROOT}/src/../.codex/config.toml", False),
        (f"{ROOT}/.agents/x", False),
        ("/etc/passwd", False),
        ("a.py", False),
    ],
)
def test_a_patch_may_write_inside_the_roots_but_not_to_their_settings(
    path: str, *, inside: bool
) -> None:
    action = WriteFiles(paths=(f"{ROOT}/ok.py", path))
    expected = Allow() if inside else OUTSIDE
    assert decide(action, permissions("workspace-write", "never")) == expected


def test_a_protected_name_counts_in_every_root_that_holds_the_path() -> None:
    roots = Permissions(
        mode="workspace-write", writable_roots=(f"{ROOT}/.git/deep", ROOT)
    )
    action = WriteFiles(paths=(f"{ROOT}/.git/deep/x",))
    assert decide(action, roots) == OUTSIDE


@pytest.mark.parametrize(
    ("mode", "approval", "verdict"),
    [
        ("read-only", "never", READ_ONLY),
        ("read-only", "on-request", WRITES_ELSEWHERE),
        ("read-only", "untrusted", WRITES_ELSEWHERE),
        ("workspace-write", "on-request", WRITES_ELSEWHERE),
        ("workspace-write", "on-failure", WRITES_ELSEWHERE),
        ("danger-full-access", "never", Allow(sandboxed=False)),
    ],
)
def test_a_patch_to_elsewhere_is_decided_by_policy_and_mode(
    mode: SandboxMode, approval: ApprovalPolicy, verdict: Allow | Ask | Deny
) -> None:
    action = WriteFiles(paths=("/etc/passwd",))
    assert decide(action, permissions(mode, approval)) == verdict


@pytest.mark.parametrize(
    "script",
    [
        "rm -f x",
        "rm -rf build",
        "rm -r -f build",
        "rm x -f",
        "rm --force x",
        "rm --recursive --forc x",
        "/bin/rm -f x",
        "cd /tmp && rm -rf x",
        "true;rm -fr x",
        "false || rm -f x",
        "yes | rm -f x",
        "sudo rm -rf /",
        "sudo -u root -n rm -rf /",
        "env A=1 rm -f x",
        "A=1 rm -f x",
        "bash -c 'rm -rf x'",
        "sudo bash -lc 'cd /tmp && rm -rf x'",
        "bash -c \"bash -c 'rm -f x'\"",
        "if true; then rm -f x; fi",
        "for f in *; do rm -f $f; done",
        "(rm -f x)",
        "echo $(rm -f x)",
        "ls # it's a comment\nrm -f x",
        "ls # a comment\nrm -f x",
        "echo a#b; rm -f x",
        "cat <<'EOF' > y\nbody isn't\nEOF\nrm -f x",
        "rm \\\n -rf x",
        "\"rm\" '-f' x",
        "rm -f x > /dev/null 2>&1",
        "2>/dev/null rm -f x",
    ],
)
def test_removal_by_force_is_seen(script: str) -> None:
    assert removes_by_force(script)


@pytest.mark.parametrize(
    "script",
    [
        "rm x",
        "rm -r x",
        "rm -- -f",
        "git rm -f x",
        "echo rm -f x",
        "echo 'rm -f x; rm -f y'",
        'git commit -m "rm -f; rm -rf"',
        "xargs rm -f",
        "find . -delete",
        "$(echo rm) -rf x",
        "# rm -f x",
        "echo 'a\nrm -f x\n'",
        "cat > clean.sh <<'EOF'\n#!/bin/sh\nrm -rf build\nEOF\nchmod +x clean.sh",
        "cat <<-A <<B\n\trm -f x\n\tA\nrm -f y\nB\nls",
        "cat > rm -f",
        "bash script.sh -c 'rm -f x'",
        "",
    ],
)
def test_what_removes_nothing_by_force_is_let_through(script: str) -> None:
    assert not removes_by_force(script)


def test_scripts_nested_deeper_than_four_shells_are_left_to_the_sandbox() -> None:
    script = "rm -f x"
    for _ in range(8):
        script = f"bash -c {script!r}"
    assert removes_by_force("bash -c 'bash -c \"rm -f x\"'")
    assert not removes_by_force(script)


@given(st.text(alphabet="rm -f'\"\\\n#<>&|;()$a=", max_size=60))
def test_any_text_is_taken_apart(script: str) -> None:
    assert removes_by_force(script) in {True, False}


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "ls -la src && pwd",
        "cat 'a file' | head -n 3",
        'grep -rn "def main" src | wc -l',
        "find . -name x -type f",
        "rg --files src",
        "base64 -d x",
        "sed -n 1,20p a.py",
        "sed -n 3p",
    ],
)
def test_commands_that_only_read_are_known_safe(command: str) -> None:
    assert known_safe(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "make",
        "ls > x",
        "ls $(touch x)",
        "ls `touch x`",
        "ls & touch x",
        "ls\ntouch x",
        "ls; touch x",
        "A=1 ls",
        "./ls",
        "'ls",
        'ls "',
        "find . -delete",
        "find . -exec touch x ;",
        "rg --pre cat x",
        "rg --search-zip x",
        "rg -nz x",
        "base64 -d --output=x y",
        "base64 --outp x y",
        "base64 -ox y",
        "sed -i s/a/b/ x",
        "sed -n 1p -i x",
        "sed -n 1p a b",
        "git status",
        "bash -c ls",
    ],
)
def test_everything_else_is_not_known_safe(command: str) -> None:
    assert not known_safe(command)
