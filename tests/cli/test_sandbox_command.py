"""`codex-oss sandbox` as its user calls it."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from at_terminal import AtTerminal
from running import OURS, TIMEOUT_S, environment, prepared

NO_TMP = ("-c", "sandbox_workspace_write.exclude_slash_tmp=true")
"""The folder of a test is below the temporary one, which commands may write."""


def sandbox(
    folder: Path, *words: str, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OURS, "sandbox", *words],
        cwd=prepared(folder),
        env=private(folder) | env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def private(folder: Path) -> dict[str, str]:
    """Return a new user's environment in which only ``/tmp`` is temporary."""
    return {k: v for k, v in environment(folder).items() if k != "TMPDIR"}


@functools.cache
def here() -> dict[str, Any]:
    """Return what the sandbox of this machine says of itself."""
    done = subprocess.run(
        [*OURS, "sandbox", "--explain", "--json"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def full() -> None:
    if here()["isolation"] != "full":
        pytest.skip(f"needs bubblewrap: {here()['lacks']}")


@pytest.fixture
def bubblewrap(full: None) -> None:
    del full
    if not here()["backend"].startswith("bubblewrap"):
        pytest.skip("needs bubblewrap")


@pytest.fixture
def landlock(tmp_path: Path) -> None:
    told = sandbox(tmp_path, "landlock", "--explain", "--json")
    if told.returncode or not json.loads(told.stdout)["runs"]:
        pytest.skip("needs Landlock")


def test_streams_and_the_exit_code_are_the_command_s(
    full: None, tmp_path: Path
) -> None:
    del full
    done = sandbox(
        tmp_path, "--", "sh", "-c", "cat; echo oops >&2; exit 7", stdin="hello\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello\n", "oops\n")


def test_a_command_that_a_signal_ends_has_128_and_its_number(
    full: None, tmp_path: Path
) -> None:
    del full
    done = sandbox(tmp_path, "sh", "-c", "kill -KILL $$; sleep 60")

    assert done.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ([], False),
        (["-s", "read-only"], False),
        (["-s", "workspace-write"], True),
        (["--full-auto"], True),
        (["-c", 'sandbox_mode="workspace-write"'], True),
        (["-P", ":workspace"], True),
        (["-P", ":read-only"], False),
        (["--full-auto", "-s", "read-only"], False),
        (["-P", ":danger-full-access"], True),
    ],
)
def test_the_mode_comes_from_options_and_the_configuration(
    full: None, tmp_path: Path, options: Sequence[str], *, written: bool
) -> None:
    del full
    done = sandbox(tmp_path, *NO_TMP, *options, "--", "touch", "new")

    assert (tmp_path / "repo/new").exists() is written
    assert (done.returncode == 0) is written


def test_settings_stay_read_only_and_their_places_are_let_go(
    full: None, tmp_path: Path
) -> None:
    del full
    done = sandbox(
        tmp_path,
        "--full-auto",
        *NO_TMP,
        "sh",
        "-c",
        "for d in .git .codex .agents; do echo x >$d/new || mkdir $d; done; ls -A",
    )
    assert done.stdout.split() == [".agents", ".codex", ".git"]
    assert done.stderr.count("Read-only file system") == 3
    assert [path.name for path in (tmp_path / "repo").iterdir()] == [".git"]


def test_one_more_folder_and_another_place_can_be_named(
    full: None, tmp_path: Path
) -> None:
    del full
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    done = sandbox(
        tmp_path,
        *("-C", str(tmp_path / "a"), "--add-dir", str(tmp_path / "b"), "--full-auto"),
        *NO_TMP,
        *("sh", "-c", "pwd; touch here ../b/there ../c"),
    )
    assert done.stdout == f"{tmp_path}/a\n"
    assert sorted(path.name for path in tmp_path.glob("[abc]*/*")) == ["here", "there"]


def test_options_after_the_command_are_its_own(full: None, tmp_path: Path) -> None:
    del full
    done = sandbox(tmp_path, "echo", "-s", "--explain", "--", "-C")

    assert done.stdout == "-s --explain -- -C\n"


def test_the_system_s_name_is_accepted_before_more_options(
    full: None, tmp_path: Path
) -> None:
    del full
    name = "macos" if sys.platform == "darwin" else "linux"
    done = sandbox(tmp_path, name, "-s", "workspace-write", "--", "touch", "new")

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "repo/new").exists()


def test_after_two_dashes_a_system_s_name_is_a_command(tmp_path: Path) -> None:
    done = sandbox(tmp_path, "--", "linux")

    assert (done.returncode, done.stderr) == (
        127,
        "Error: cannot run `linux`: it is not on PATH\n",
    )


def test_landlock_can_be_asked_for_and_tells_what_it_lacks(
    landlock: None, tmp_path: Path
) -> None:
    del landlock
    done = sandbox(
        tmp_path, "landlock", "--full-auto", *NO_TMP, "sh", "-c", "touch new ../new"
    )
    assert done.returncode == 1
    assert [path.name for path in tmp_path.rglob("new")] == ["new"]
    assert done.stderr.startswith("warning: reduced sandbox: ")


def test_what_landlock_could_not_prevent_is_told(
    landlock: None, tmp_path: Path
) -> None:
    del landlock
    done = sandbox(
        tmp_path, "landlock", "--full-auto", *NO_TMP, "sh", "-c", "echo >.git/hooks/x"
    )
    told = f"warning: a command changed {tmp_path}/repo/.git/hooks/x, which the sandbox"
    assert told in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "Error: no command to run\n"),
        (["--"], 2, "Error: no command to run\n"),
        (["linux"], 2, "Error: no command to run\n"),
        (["-s", "all", "ls"], 2, "Error: argument -s/--sandbox: invalid choice: 'all'"),
        (["--json", "ls"], 2, "Error: --json goes with --explain\n"),
        (["--explain", "ls"], 2, "Error: --explain runs nothing"),
        (["-P", "p", "ls"], 2, "Error: there is no permission profile `p`\n"),
        (["-C", "nowhere", "ls"], 1, "Error: cannot use folder `nowhere`"),
        (["nothing-like-it"], 127, "Error: cannot run `nothing-like-it`: it is not on"),
        (["./gone"], 127, "Error: cannot run `./gone`: there is no such file\n"),
        (["./.git/config"], 126, "Error: cannot run `./.git/config`: it is not exec"),
        (
            ["windows", "ls"],
            1,
            "Error: Sandbox unavailable: there is none for Windows.",
        ),
    ],
)
def test_what_cannot_be_run_is_told(
    tmp_path: Path, words: Sequence[str], code: int, told: str
) -> None:
    done = sandbox(tmp_path, *words)

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(told)


@pytest.mark.parametrize("mode", ["workspace-write", "danger-full-access"])
def test_a_script_whose_interpreter_is_missing_is_told_in_each_mode(
    full: None, tmp_path: Path, mode: str
) -> None:
    del full
    script = prepared(tmp_path) / "odd"
    script.write_bytes(b"#! /nowhere/sh -e\n")
    script.chmod(0o755)

    done = sandbox(tmp_path, "-s", mode, "./odd")

    assert (done.returncode, done.stdout) == (126, "")
    told = "Error: cannot run `./odd`: its interpreter /nowhere/sh is missing\n"
    assert done.stderr == told


def test_what_the_kernel_does_not_start_is_told_by_its_name(
    tmp_path: Path,
) -> None:
    # A program that is none: the kernel refuses to start it.
    (prepared(tmp_path) / "odd").write_bytes(b"\x7fELF")
    (tmp_path / "repo/odd").chmod(0o755)

    done = sandbox(tmp_path, "-s", "danger-full-access", "./odd")

    assert done.returncode == 1
    assert done.stderr == (
        "Error: cannot start `./odd`: Exec format error. Nothing was run.\n"
        "Is the interpreter it names there? Are processes left (ulimit -u)?\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_another_system_s_sandbox_is_refused_with_the_next_step(tmp_path: Path) -> None:
    done = sandbox(tmp_path, "seatbelt", "touch", "new")

    told = (
        "Error: Sandbox unavailable: `seatbelt` is macOS's, and this is Linux. "
        "Nothing was run.\nLeave out `seatbelt` to use what Linux has.\n"
    )
    assert (done.returncode, done.stderr) == (1, told)
    assert not (tmp_path / "repo/new").exists()


def test_keys_of_model_servers_are_kept_from_commands(
    full: None, tmp_path: Path
) -> None:
    del full
    done = sandbox(
        tmp_path,
        *("-c", 'model_providers.x={name="x",base_url="http://x",env_key="MY_KEY"}'),
        *("-c", 'shell_environment_policy.exclude=["AWS_*"]'),
        "env",
        MY_KEY="k",
        OPENAI_API_KEY="o",
        AWS_REGION="r",
        OTHER="kept",
        TERM="xterm",
    )
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert not names & {"MY_KEY", "OPENAI_API_KEY", "AWS_REGION"}
    assert {"OTHER", "TERM", "CODEX_SANDBOX_NETWORK_DISABLED"} <= names


def test_hidden_files_and_servers_of_the_host_are_out_of_reach(
    full: None, tmp_path: Path
) -> None:
    del full
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/k").write_text("secret")
    code = (
        "import socket, sys\n"
        "try: print(open(sys.argv[1]).read())\n"
        "except OSError as e: print(type(e).__name__)\n"
        "s = socket.socket()\n"
        "print(bool(s.connect_ex(('127.0.0.1', int(sys.argv[2])))))\n"
    )
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        hidden = f'sandbox_deny_read=["{tmp_path}/keys"]'
        words = (sys.executable, "-c", code, f"{tmp_path}/keys/k", port)
        done = sandbox(tmp_path, "-c", hidden, *words)

    assert done.stdout.splitlines()[-2:] == ["PermissionError", "True"]


# --- in words -------------------------------------------------------------------------


def test_what_is_allowed_is_told_in_words(bubblewrap: None, tmp_path: Path) -> None:
    del bubblewrap
    repo = prepared(tmp_path)
    (tmp_path / "keys").mkdir()
    done = sandbox(
        tmp_path,
        *("--explain", "--full-auto", *NO_TMP),
        *("-c", f'sandbox_deny_read=["{tmp_path}/keys", "{tmp_path}/none"]'),
        *("-c", "shell_environment_policy.exclude=['SECRET_*']"),
        SECRET_X="x",
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[:2] == [
        f"folder        {repo}",
        "mode          workspace-write (--full-auto)",
    ]
    assert lines[2].startswith("isolated by   bubblewrap ")
    assert lines[2].endswith(" (full)")
    assert lines[5:] == [
        "may read      all that you may, but for",
        f"                {tmp_path}/keys",
        f"may write     {repo}",
        f"                but not {repo}/.agents",
        f"                but not {repo}/.codex",
        f"                but not {repo}/.git",
        "may reach     no network",
        "              127.0.0.1: only what the same command has started",
        "environment   yours without SECRET_X",
    ]


def test_what_is_allowed_is_told_to_programs(bubblewrap: None, tmp_path: Path) -> None:
    del bubblewrap
    repo = prepared(tmp_path)
    done = sandbox(
        tmp_path,
        *("--explain", "--json", "--full-auto", *NO_TMP),
        *("-c", "sandbox_workspace_write.network_access=true"),
        *("-c", "sandbox_deny_read=[]"),
    )
    told = json.loads(done.stdout)
    assert told.pop("backend").startswith("bubblewrap ")
    del told["hidden"]  # doors of this machine, as the network is on
    assert told == {
        "mode": "workspace-write",
        "mode_from": "--full-auto",
        "isolation": "full",
        "lacks": "",
        "filter": "open",
        "ptrace": False,
        "runs": True,
        "writes": [
            {
                "path": str(repo),
                "kind": "workspace",
                "protected": [f"{repo}/{x}" for x in (".agents", ".codex", ".git")],
            }
        ],
        "network": True,
        "remarks": [],
        "without": [],
    }


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "read-only (default)"),
        (['sandbox_mode = "workspace-write"'], "workspace-write (config.toml:1)"),
        (
            ["", '[projects."{repo}"]', 'trust_level = "trusted"'],
            "workspace-write (config.toml:3)",
        ),
    ],
)
def test_who_chose_the_mode_is_told(
    tmp_path: Path, lines: Sequence[str], told: str
) -> None:
    repo = prepared(tmp_path)
    text = "\n".join(lines).replace("{repo}", str(repo))
    (tmp_path / "home/config.toml").write_text(text)

    done = sandbox(tmp_path, "--explain")

    shown = done.stdout.splitlines()[1].replace("~/home/", "")
    assert shown == f"mode          {told}"


def test_names_that_are_no_text_are_told_all_the_same(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(prepared(tmp_path)) + b"/a\n\xff"))
    odd.mkdir()
    explain = ("-C", str(odd), "--explain", "--full-auto", *NO_TMP)

    told, program = sandbox(tmp_path, *explain), sandbox(tmp_path, *explain, "--json")

    assert told.stdout.startswith(f"folder        {tmp_path}/repo/a\\n\\udcff\n")
    assert f"may write     {tmp_path}/repo/a\\n\\udcff\n" in told.stdout
    writes = json.loads(program.stdout)["writes"]
    assert writes[0]["path"] == f"{tmp_path}/repo/a\n\N{REPLACEMENT CHARACTER}"


def test_full_access_is_told_as_what_it_is(tmp_path: Path) -> None:
    done = sandbox(tmp_path, "-s", "danger-full-access", "--explain")

    assert "isolated by   nothing\n" in done.stdout
    assert done.stdout.count("all that you may: commands run as if you had typed") == 3


# --- at a terminal --------------------------------------------------------------------


def at_terminal(folder: Path, *words: str) -> AtTerminal:
    return AtTerminal(
        [*OURS, "sandbox", *words],
        cwd=prepared(folder),
        env=private(folder) | {"TERM": "dumb"},
        streams=True,
    )


@pytest.mark.parametrize("backend", ["auto", "landlock"])
def test_ctrl_c_is_for_the_command_and_not_for_the_sandbox(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    request.getfixturevalue("full" if backend == "auto" else backend)
    code = (
        "import time\n"
        "try: print('up', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: print('heard')\n"
    )
    words = [] if backend == "auto" else [backend]
    with at_terminal(tmp_path, *words, "--", sys.executable, "-c", code) as terminal:
        terminal.sees("up")
        terminal.press("\x03")
        terminal.sees("heard")
        assert terminal.end()[0] == 0


def test_ctrl_c_ends_what_does_not_listen(full: None, tmp_path: Path) -> None:
    del full
    with at_terminal(tmp_path, "--", "sh", "-c", "echo up; exec sleep 60") as terminal:
        terminal.sees("up")
        terminal.press("\x03")
        assert terminal.end()[0] == 128 + signal.SIGINT


def test_what_is_no_program_is_told_at_a_terminal_too(
    full: None, tmp_path: Path
) -> None:
    del full
    script = prepared(tmp_path) / "script"
    script.write_text("no program")
    script.chmod(0o755)
    with at_terminal(tmp_path, "--", "./script") as terminal:
        terminal.sees("./script: Exec format error")
        assert terminal.end()[0] == 126


def test_a_shell_controls_its_jobs(full: None, tmp_path: Path) -> None:
    del full
    with at_terminal(tmp_path, "--", "bash", "--norc", "-i") as terminal:
        terminal.sees("bash-")
        terminal.press("sh -c 'echo u\"\"p; exec sleep 60'\n")
        terminal.sees("up")
        terminal.press("\x1a")
        terminal.sees("Stopped")
        terminal.press("disown %1; exit 3\n")
        assert terminal.end()[0] == 3


@pytest.mark.parametrize("backend", ["auto", "landlock"])
def test_signals_are_handed_on(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    request.getfixturevalue("full" if backend == "auto" else backend)
    script = "trap 'echo heard; exit 5' TERM; echo up; while :; do sleep 0.1; done"
    words = [] if backend == "auto" else [backend]
    with subprocess.Popen(
        [*OURS, "sandbox", *words, "--", "sh", "-c", script],
        cwd=prepared(tmp_path),
        env=private(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        running.send_signal(signal.SIGTERM)
        said = running.stdout.read()
        assert (running.wait(TIMEOUT_S), said) == (5, "heard\n")


@pytest.mark.parametrize("backend", ["auto", "landlock"])
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "ended"])
def test_what_was_started_ends_with_the_sandbox(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str, *, killed: bool
) -> None:
    request.getfixturevalue("bubblewrap" if backend == "auto" else backend)
    words = [] if backend == "auto" else [backend]
    last = "sleep 60" if killed else ":"
    out, into = os.pipe()
    with subprocess.Popen(
        [
            *OURS,
            "sandbox",
            *words,
            "--",
            "sh",
            "-c",
            f"setsid sleep 60 & echo up; {last}",
        ],
        cwd=prepared(tmp_path),
        env=private(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=into,
        stderr=subprocess.DEVNULL,
    ) as running:
        os.close(into)
        with os.fdopen(out, "rb") as reader:
            assert reader.readline() == b"up\n"
            if killed:
                running.kill()
            assert reader.read() == b""  # its end: nobody holds the pipe any more
