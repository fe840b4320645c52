"""What a command's end tells about the sandbox, and what it does not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codex_oss.policy import ApprovalPolicy, Permissions
from codex_oss.sandbox.denial import Blocked, Ended, advice, blocked, remedy

BWRAP, LANDLOCK, SEATBELT = "bubblewrap 0.8.0", "Landlock 7", "Seatbelt"
PERMISSIONS = Permissions(
    mode="workspace-write",
    writable_roots=("/w",),
    scratch=("/tmp",),
    deny_read=("/home/me/.ssh",),
)
READ_ONLY = Permissions()
NEW_CACHE = str(Path.home() / ".a-new-cache")
OUTSIDE = "it lies outside of what the sandbox lets write"
NO_NETWORK = Blocked("network", "commands have no network, nor the host's servers")


def look(
    output: str,
    exit_code: int = 1,
    *,
    backend: str = BWRAP,
    permissions: Permissions = PERMISSIONS,
) -> Blocked | None:
    ended = Ended(exit_code=exit_code, output=output, cwd="/w/sub", backend=backend)
    return blocked(ended, permissions)


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ("touch: cannot touch '/etc/x': Read-only file system", "/etc/x"),
        ("bash: line 1: /etc/x: Read-only file system", "/etc/x"),
        ("tee: ../../etc/x: Read-only file system", "/etc/x"),
        ("cp: cannot create regular file '/a b/c': Read-only file system", "/a b/c"),
        ("mv: cannot move 'x' to '/etc/x': Read-only file system", "/etc/x"),
        ("OSError: [Errno 30] Read-only file system: '/etc/x'", "/etc/x"),
        ("Error: EROFS: read-only file system, open '/etc/x'", "/etc/x"),
        ("at https://a.b/c: EROFS: read-only file system, mkdir '/c/n'", "/c/n"),
        ("at https://a.b/c: ENOENT: no such file or directory, mkdir '/c/n'", "/c/n"),
        (
            "one line before\nsh: 1: cannot create /etc/x: Read-only file system",
            "/etc/x",
        ),
        ("mkdir: cannot create directory \u2018/x\u2019: Read-only file system", "/x"),
    ],
)
def test_a_write_outside_of_the_roots_is_named_by_its_path(
    output: str, path: str
) -> None:
    assert look(output) == Blocked(
        "files", f"{path} cannot be written: {OUTSIDE}", path
    )


@pytest.mark.parametrize(
    ("output", "path"),
    [
        (
            "fatal: Unable to create '/w/.git/index.lock': Read-only file system",
            "/w/.git/index.lock",
        ),
        ("bash: ../.git/hooks/x: Read-only file system", "/w/.git/hooks/x"),
    ],
)
def test_a_write_to_what_is_protected_in_a_root_says_so(output: str, path: str) -> None:
    assert look(output, 128) == Blocked(
        "files", f"{path} cannot be written: .git stays read-only in the sandbox", path
    )


def test_a_read_only_sandbox_says_that_it_is_one() -> None:
    output = "bash: out.txt: Read-only file system"
    assert look(output, permissions=READ_ONLY) == Blocked(
        "files",
        "/w/sub/out.txt cannot be written: the sandbox is read-only",
        "/w/sub/out.txt",
    )


def test_what_may_not_be_read_is_named() -> None:
    output = "cat: /home/me/.ssh/id_rsa: Permission denied"
    path = "/home/me/.ssh/id_rsa"
    assert look(output) == Blocked("files", f"{path} may not be read", path)


@pytest.mark.parametrize(
    ("backend", "output"),
    [
        (LANDLOCK, "touch: cannot touch '/etc/x': Permission denied"),
        (SEATBELT, "touch: /etc/x: Operation not permitted"),
    ],
)
def test_each_backend_refuses_in_its_own_words(backend: str, output: str) -> None:
    expected = Blocked("files", f"/etc/x cannot be written: {OUTSIDE}", "/etc/x")
    assert look(output, backend=backend) == expected


@pytest.mark.parametrize(
    ("output", "exit_code"),
    [
        ("curl: (6) Could not resolve host: example.org", 6),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", 128),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", 1),
        ("Error: getaddrinfo EAI_AGAIN registry.example", 1),
        ("connect: Network is unreachable", 2),
        ("connect ECONNREFUSED 127.0.0.1:5432", 1),
    ],
)
def test_a_missing_network_is_seen_where_it_is_off(output: str, exit_code: int) -> None:
    assert look(output, exit_code) == NO_NETWORK
    on = Permissions(mode="workspace-write", writable_roots=("/w",), network=True)
    assert look(output, exit_code, permissions=on) is None


def test_a_forbidden_system_call_is_seen_by_its_words_or_its_signal() -> None:
    line = "strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted"
    assert look(line) == Blocked("system", f"the command said `{line}`")
    ended = Blocked("system", "a system call was blocked and ended the program")
    assert look("", 159) == ended


@pytest.mark.parametrize(
    ("output", "exit_code"),
    [
        ("", 0),
        ("touch: cannot touch '/etc/x': Read-only file system", 0),
        ("", 1),
        ("bash: nope: command not found", 127),
        ("bash: ./script: Permission denied", 126),
        ("cat: /w/private: Permission denied", 1),
        ("cat: /etc/shadow: Permission denied", 1),
        ("git@host: Permission denied (publickey).", 128),
        ("FAILED tests/test_sandbox.py::test_sandbox - assert 1 == 2", 1),
        ("cat: nothing: No such file or directory", 1),
    ],
)
def test_what_the_sandbox_has_not_done_is_not_laid_at_its_door(
    output: str, exit_code: int
) -> None:
    assert look(output, exit_code) is None


def test_the_ends_of_a_long_output_are_looked_at() -> None:
    line = "touch: cannot touch '/etc/x': Read-only file system"
    assert look("x\n" * 200_000 + line) is not None
    assert look(line + "\n" + "x\n" * 200_000) is not None


@pytest.mark.parametrize(
    ("command", "code", "found"),
    [
        ("curl -s https://a.b", 6, NO_NETWORK),
        ("curl -sf https://a.b", 7, NO_NETWORK),
        ("wget -q https://a.b", 4, NO_NETWORK),
        ("curl -sf https://a.b", 22, None),
        ("make", 6, None),
    ],
)
def test_a_silent_program_is_known_by_its_exit_code(
    command: str, code: int, found: Blocked | None
) -> None:
    ended = Ended(exit_code=code, output="", cwd="/w", backend=BWRAP, command=command)
    assert blocked(ended, PERMISSIONS) == found
    assert blocked(ended, replace(PERMISSIONS, network=True)) is None


def test_a_folder_that_may_be_made_was_not_blocked() -> None:
    assert look("Error: ENOENT: no such file or directory, mkdir '/w/a/b'") is None
    assert look("Error: ENOENT: no such file or directory, open '/etc/x'") is None


@given(st.text(), st.integers(0, 255))
def test_any_output_is_looked_at(output: str, exit_code: int) -> None:
    found = look(output, exit_code)
    assert found is None or found.what


@pytest.mark.parametrize(
    ("permissions", "path", "words"),
    [
        (READ_ONLY, "/w/x", "To allow writing to the folder: -s workspace-write"),
        (PERMISSIONS, "/opt/lib/x", "To allow it: --add-dir /opt/lib"),
        (
            replace(PERMISSIONS, approval="on-request"),
            "/w/.git/index.lock",
            "To allow it: say yes when the model asks; or do it yourself.",
        ),
        (
            PERMISSIONS,
            "/w/.git/index.lock",
            "To allow it: -a on-request, and the model can ask you; or do it.",
        ),
        (
            PERMISSIONS,
            NEW_CACHE,
            f"To allow it, if it is a folder: make it, then --add-dir {NEW_CACHE}",
        ),
        (PERMISSIONS, "/usr/lib", "To allow it: --add-dir /usr/lib"),
        (
            PERMISSIONS,
            "/home/me/.ssh/id",
            "To allow it: take it out of `sandbox_deny_read` in config.toml.",
        ),
    ],
)
def test_a_person_is_told_how_to_allow_a_file(
    permissions: Permissions, path: str, words: str
) -> None:
    assert remedy(Blocked("files", "", path), permissions) == words


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        (PERMISSIONS, "To allow it: -c sandbox_workspace_write.network_access=true"),
        (
            READ_ONLY,
            "To allow it: -s danger-full-access, where that is acceptable.",
        ),
    ],
)
def test_a_person_is_told_how_to_allow_the_network(
    permissions: Permissions, words: str
) -> None:
    assert remedy(NO_NETWORK, permissions) == words


@pytest.mark.parametrize("approval", ["untrusted", "on-request", "on-failure"])
def test_a_model_is_told_how_to_ask_where_somebody_can_be_asked(
    approval: ApprovalPolicy,
) -> None:
    words = advice(NO_NETWORK, Permissions(approval=approval))
    assert words == (
        "If the task needs the network, call again with "
        'sandbox_permissions="require_escalated" and a justification; the command may '
        "have done a part of its work already."
    )


def test_a_model_is_told_that_nobody_can_be_asked() -> None:
    assert advice(NO_NETWORK, Permissions(approval="never")) == (
        "Nobody can allow it now: do without it, or say in your answer what was "
        "blocked."
    )
