"""A bridge with every login: what systemd and launchd are given, and its undoing."""

import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_oss.bridge.service import install
from codex_oss.bridge.service.install import Keeper, Kind
from codex_oss.bridge.service.units import Unit, launchd, systemd
from codex_oss.bridge.service.variables import (
    chosen,
    from_anywhere,
    read_variables,
    write_variables,
)
from codex_oss.errors import CodexOssError, ConfigError

UNIT = Unit(
    name="codex-oss-bridge-11435",
    description="codex-oss bridge on port 11435",
    argv=[
        "/opt/my programs/python3",
        "-m",
        "codex_oss",
        "bridge",
        "run",
        '"/100%/$x\\y"',
    ],
    cwd=Path("/home/jo doe"),
    log=Path("/home/jo doe/.codex-oss/bridge/11435.log"),
)

SYSTEMD = r"""
# Made by `codex-oss bridge install`; `codex-oss bridge uninstall` removes it.
[Unit]
Description=codex-oss bridge on port 11435
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
ExecStart="/opt/my programs/python3" -m codex_oss bridge run "\"/100%%/$$x\\y\""
WorkingDirectory=/home/jo doe
Restart=on-failure
RestartSec=5
TimeoutStopSec=20

[Install]
WantedBy=default.target
""".lstrip()


def test_a_systemd_unit_quotes_what_systemd_would_read_otherwise() -> None:
    assert systemd(UNIT) == SYSTEMD


def test_a_property_list_holds_the_words_as_they_are() -> None:
    assert plistlib.loads(launchd(UNIT)) == {
        "Label": "codex-oss-bridge-11435",
        "ProgramArguments": UNIT.argv,
        "WorkingDirectory": "/home/jo doe",
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 5,
        "ExitTimeOut": 20,
        "ProcessType": "Interactive",
        "StandardOutPath": "/home/jo doe/.codex-oss/bridge/11435.log",
        "StandardErrorPath": "/home/jo doe/.codex-oss/bridge/11435.log",
    }


def test_systemd_itself_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "a program"
    program.symlink_to(sys.executable)
    unit = Unit(
        name=UNIT.name,
        description=UNIT.description,
        argv=[str(program), *UNIT.argv[1:]],
        cwd=tmp_path,
        log=UNIT.log,
    )
    file = tmp_path / "codex-oss-bridge-11435.service"
    file.write_text(systemd(unit))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(file)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    mine = [line for line in done.stderr.splitlines() if file.name in line]
    assert (done.returncode, mine) == (0, []), done.stderr


# --- writing it ----------------------------------------------------------------------


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts programs on the path which note how they are called.

    Its argument is what they do after that, as a line of shell.
    """
    folder, calls = tmp_path / "bin", tmp_path / "calls"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(line: str) -> Path:
        for name in ("systemctl", "launchctl"):
            tool = folder / name
            tool.write_text(f'#!/bin/sh\necho "{name} $*" >>{calls}\n{line}\n')
            tool.chmod(0o755)
        return calls

    return make


def keeper(tmp_path: Path, kind: Kind) -> Keeper:
    return Keeper(kind=kind, home=tmp_path, user=501)


SYSTEMD_FILE = ".config/systemd/user/codex-oss-bridge-11435.service"
LAUNCHD_FILE = "Library/LaunchAgents/codex-oss-bridge-11435.plist"


def test_install_writes_a_unit_and_starts_it(
    tmp_path: Path, tools: Callable[[str], Path]
) -> None:
    calls = tools("exit 0")

    file = install.install(keeper(tmp_path, "systemd"), UNIT)

    assert file == tmp_path / SYSTEMD_FILE
    assert file.read_text() == SYSTEMD
    assert calls.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable codex-oss-bridge-11435.service",
        "systemctl --user restart codex-oss-bridge-11435.service",
    ]


def test_installing_twice_is_the_same_as_once(
    tmp_path: Path, tools: Callable[[str], Path]
) -> None:
    calls = tools("exit 0")
    install.install(keeper(tmp_path, "launchd"), UNIT)

    file = install.install(keeper(tmp_path, "launchd"), UNIT)

    assert file.read_bytes() == launchd(UNIT)
    assert calls.read_text().splitlines() == [
        f"launchctl bootstrap gui/501 {tmp_path / LAUNCHD_FILE}",
        "launchctl bootout gui/501/codex-oss-bridge-11435",
        f"launchctl bootstrap gui/501 {tmp_path / LAUNCHD_FILE}",
    ]


@pytest.mark.parametrize(
    ("kind", "file", "called"),
    [
        (
            "systemd",
            SYSTEMD_FILE,
            [
                "systemctl --user disable --now codex-oss-bridge-11435.service",
                "systemctl --user daemon-reload",
            ],
        ),
        (
            "launchd",
            LAUNCHD_FILE,
            ["launchctl bootout gui/501/codex-oss-bridge-11435"],
        ),
    ],
)
def test_uninstall_ends_the_unit_and_removes_its_file(
    tmp_path: Path,
    tools: Callable[[str], Path],
    kind: Kind,
    file: str,
    called: list[str],
) -> None:
    at, calls = keeper(tmp_path, kind), tools("exit 0")
    install.install(at, UNIT)
    calls.unlink()

    assert install.uninstall(at, UNIT.name) == tmp_path / file
    assert not (tmp_path / file).exists()
    assert calls.read_text().splitlines() == called


def test_uninstall_of_nothing_calls_nobody(
    tmp_path: Path, tools: Callable[[str], Path]
) -> None:
    calls = tools("exit 0")

    assert install.uninstall(keeper(tmp_path, "systemd"), UNIT.name) is None
    assert not calls.exists()


def test_a_command_that_fails_is_told_with_its_words(
    tmp_path: Path, tools: Callable[[str], Path]
) -> None:
    tools("echo no such thing >&2; exit 1")

    with pytest.raises(CodexOssError) as caught:
        install.install(keeper(tmp_path, "systemd"), UNIT)

    assert str(caught.value) == (
        "`systemctl --user daemon-reload` failed: no such thing"
    )
    assert "codex-oss bridge uninstall" in caught.value.hint


def test_without_a_user_session_the_way_out_is_start(
    tmp_path: Path, tools: Callable[[str], Path]
) -> None:
    tools("echo Failed to connect to bus >&2; exit 1")

    with pytest.raises(CodexOssError) as caught:
        install.check(keeper(tmp_path, "systemd"))

    assert str(caught.value) == (
        "there is no systemd session of this user "
        "(`systemctl --user show-environment`: Failed to connect to bus)"
    )
    assert "codex-oss bridge start" in caught.value.hint


def test_without_systemctl_the_way_out_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CodexOssError, match="No such file"):
        install.check(keeper(tmp_path, "systemd"))


# --- its environment -----------------------------------------------------------------


def test_only_what_the_bridge_reads_is_kept_for_it() -> None:
    env = {"OLLAMA_HOST": "box", "KEY": "k", "AWS_SECRET": "s", "NO_PROXY": ""}

    assert chosen(env, ["KEY", None, "ABSENT"]) == {"OLLAMA_HOST": "box", "KEY": "k"}


def test_folders_of_variables_mean_the_same_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert from_anywhere({"CODEX_HOME": "home", "CODEX_OSS_HOME": "/x", "A": "b"}) == {
        "CODEX_HOME": f"{tmp_path}/home",
        "CODEX_OSS_HOME": "/x",
        "A": "b",
    }


def test_variables_come_back_as_they_were_and_only_their_owner_reads_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bridge" / "11435.env"
    variables = {"KEY": 'a "quoted" key\nof two lines', "OLLAMA_HOST": "box"}

    write_variables(file, variables)

    assert read_variables(file) == variables
    assert file.stat().st_mode & 0o777 == 0o600


def test_variables_that_were_removed_are_none(tmp_path: Path) -> None:
    assert read_variables(tmp_path / "11435.env") == {}


def test_a_spoiled_file_of_variables_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "11435.env"
    file.write_text("KEY=value")

    with pytest.raises(ConfigError, match="cannot read"):
        read_variables(file)
