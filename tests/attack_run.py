"""Runs `attack` bare, in our sandbox and in the Codex CLI's; a table of all of them.

CODEX_BIN=codex PYTHONPATH=src:tests .venv/bin/python -m attack_run [UID ...]
"""

# ruff: noqa: T201

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from attack.kit import Ground, Outcome
from attack_ground import SECRET, Host, prepared, python_for, user
from codex_oss.policy import Permissions, SandboxMode
from confined_driver import Backend, Spec
from confinement import LIMIT_S, environment, obstacle, only, run, spec_file

Mode = Literal["read-only", "workspace-write", "network", "danger-full-access"]
MODES: tuple[Mode, ...] = ("read-only", "workspace-write", "network")
BACKENDS: tuple[Backend, ...] = ("bubblewrap", "landlock")


_NO_NEW_PROC = """#!/bin/sh
case " $* " in *" --proc /proc "*)
    echo "bwrap: Can't mount proc on /newroot/proc: Operation not permitted" >&2
    exit 1 ;;
esac
exec /usr/bin/bwrap "$@"
"""


class Report(msgspec.Struct, frozen=True):
    """What an attack told, and what the host saw of it."""

    outcomes: dict[str, Outcome]
    harm: tuple[str, ...]

    def possible(self) -> set[str]:
        """Return the names of what succeeded."""
        return self._with("possible")

    def blocked(self) -> set[str]:
        """Return the names of what was stopped."""
        return self._with("blocked")

    def errors(self) -> list[Outcome]:
        """Return the attacks that have a bug."""
        return [each for each in self.outcomes.values() if each.outcome == "error"]

    def _with(self, outcome: str) -> set[str]:
        return {n for n, each in self.outcomes.items() if each.outcome == outcome}


def permissions(ground: Ground, mode: Mode, backend: Backend) -> Permissions:
    """Return what a user with this ground would have configured.

    Landlock refuses to deny reading inside of what is writable.
    """
    kind: SandboxMode = "workspace-write" if mode == "network" else mode
    denied = (ground.denied, ground.denied_file, ground.denied_linked)
    if backend == "bubblewrap" or mode == "read-only":
        denied = (*denied, ground.denied_inside)
    return Permissions(
        mode=kind,
        writable_roots=(ground.workspace, ground.inner, ground.worktree),
        scratch=(ground.scratch,),
        deny_read=denied,
        network=mode == "network",
    )


def bare(uid: int) -> Report:
    """Attack where nothing but the machine itself is in the way."""
    with prepared(uid) as host:
        leak = os.open(f"{host.ground.outside}/passed", os.O_WRONLY | os.O_APPEND)
        try:
            done = subprocess.run(
                _attack(host),
                cwd=host.ground.workspace,
                env={**host.env, SECRET: host.ground.victim_word},
                pass_fds=(leak,),
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=True,
                **user(uid),
            )
        finally:
            os.close(leak)
        return report(done.stdout, host)


def ours(backend: Backend, mode: Mode, uid: int, *, old_proc: bool = False) -> Report:
    """Attack from inside our sandbox.

    ``old_proc`` is for a machine that forbids mounting a new ``/proc``.
    """
    with prepared(uid) as host:
        state = Path(host.ground.base) / "state"
        bwrap = state / "bwrap"
        bwrap.write_text(_NO_NEW_PROC)
        bwrap.chmod(0o755)
        spec = Spec(
            argv=tuple(_attack(host)),
            cwd=host.ground.workspace,
            env=host.env,
            permissions=permissions(host.ground, mode, backend),
            settings=only(backend),
            bwrap=str(bwrap) if old_proc else "",
            state=str(state),
            leak=f"{host.ground.outside}/passed",
        )
        ran = run(spec_file(state, spec), uid, {SECRET: host.ground.victim_word})
        if ran.ended.code:
            raise RuntimeError(f"the attack did not run: {ran}")
        return report(ran.output, host)


def by_command(backend: Backend, mode: Mode) -> Report:
    """Attack from inside ``codex-oss sandbox``, as this user."""
    with prepared(os.getuid()) as host:
        ground = host.ground
        allowed = permissions(ground, mode, backend)
        network = json.dumps(allowed.network)
        settings = [
            f"sandbox_deny_read={json.dumps(allowed.deny_read)}",
            "sandbox_workspace_write.exclude_slash_tmp=true",
            f"sandbox_workspace_write.network_access={network}",
        ]
        options = [word for each in settings for word in ("-c", each)]
        roots = [
            word for each in allowed.writable_roots[1:] for word in ("--add-dir", each)
        ]
        name = ["landlock"] if backend == "landlock" else ["linux"]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "codex_oss", "sandbox", *name),
                *("-s", allowed.mode, *options, *roots, "-C", ground.workspace),
                *("--", *_attack(host)),
            ],
            cwd="/",
            env={**host.env, "PYTHONPATH": environment()["PYTHONPATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the attack did not run: {done.stderr}")
        return report(done.stdout, host)


def codex(mode: Mode, uid: int) -> Report:
    """Attack from inside the Codex CLI's sandbox, named by ``CODEX_BIN``."""
    with prepared(uid) as host:
        ground = host.ground
        kind = "workspace-write" if mode == "network" else mode
        roots = json.dumps([ground.inner, ground.worktree])
        settings = [
            f'sandbox_mode="{kind}"',
            f"sandbox_workspace_write.writable_roots={roots}",
            "sandbox_workspace_write.exclude_slash_tmp=true",
            f"sandbox_workspace_write.network_access={json.dumps(mode == 'network')}",
        ]
        options = [word for each in settings for word in ("-c", each)]
        done = subprocess.run(
            [native_codex(), "sandbox", *options, "--", *_attack(host)],
            cwd=ground.workspace,
            env={**host.env, "CODEX_HOME": host.env["HOME"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            **user(uid),
        )
        if done.returncode:
            raise RuntimeError(f"the attack did not run: {done.stderr}")
        return report(done.stdout, host)


@functools.cache
def no_codex(uid: int) -> str:
    """Return why there is no Codex CLI whose sandbox works for ``uid``, if so."""
    if not os.environ.get("CODEX_BIN"):
        return "CODEX_BIN names no Codex CLI"
    with prepared(uid) as host:
        try:
            subprocess.run(
                [native_codex(), "sandbox", "--", "true"],
                cwd=host.ground.workspace,
                env={**host.env, "CODEX_HOME": host.env["HOME"]},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S,
                check=True,
                **user(uid),
            )
        except OSError as error:
            return f"user {uid} cannot start the Codex CLI: {error.strerror}"
        except subprocess.CalledProcessError as failed:
            return f"the Codex CLI's sandbox does not work here: {failed.stderr!r}"
    return ""


def native_codex() -> str:
    """Return the Codex CLI, its native binary where that is found next to an npm shim.

    The shim is a Node program; what it starts is what the sandbox is in.
    """
    named = os.environ.get("CODEX_BIN", "")
    scope = Path(named).resolve().parent.parent.parent
    natives = sorted(scope.glob("codex*/**/vendor/*/**/codex"))
    return next((str(path) for path in natives if path.is_file()), named)


def _attack(host: Host) -> list[str]:
    base = host.ground.base
    return [python_for(host.uid), f"{base}/attack", f"{base}/ground.json"]


def report(told: str, host: Host) -> Report:
    outcomes = [Outcome(*json.loads(line)) for line in told.splitlines()]
    return Report({each.name: each for each in outcomes}, tuple(host.harm()))


# --- side by side -------------------------------------------------------------------


def side_by_side(reports: dict[str, Report]) -> str:
    """Return a table: a row for each attack, a column for each report."""
    names = list(dict.fromkeys(n for r in reports.values() for n in r.outcomes))
    width = max(map(len, names))
    lines = [" " * width + "".join(f"  {title:>13}" for title in reports)]
    for name in names:
        cells = [_cell(report.outcomes.get(name)) for report in reports.values()]
        lines.append(f"{name:{width}}" + "".join(f"  {cell:>13}" for cell in cells))
    counted = "".join(f"  {len(r.possible()):>13}" for r in reports.values())
    return "\n".join([*lines, f"{'possible':{width}}{counted}"])


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "?"
    if outcome.outcome != "blocked":
        return outcome.outcome
    detail = outcome.detail
    return detail if detail.isupper() and len(detail) <= 13 else "blocked"


def columns(uid: int) -> dict[str, Report]:
    """Run all that there is on this machine as ``uid``."""
    reports = {"bare": bare(uid)}
    for backend in BACKENDS:
        if why := obstacle(backend, uid):
            print(f"no {backend}: {why}")
            continue
        for mode in MODES:
            reports[f"{backend[:2]}-{_SHORT[mode]}"] = ours(backend, mode, uid)
    if why := no_codex(uid):
        print(f"no Codex CLI beside ours: {why}")
    else:
        for mode in MODES:
            reports[f"Codex-{_SHORT[mode]}"] = codex(mode, uid)
    return reports


_SHORT: dict[Mode, str] = {
    "read-only": "ro",
    "workspace-write": "ws",
    "network": "net",
    "danger-full-access": "free",
}


def main(arguments: Sequence[str]) -> int:
    """Print a table for each user."""
    for uid in map(int, arguments or [str(os.getuid())]):
        print(f"\nas user {uid}")
        print(side_by_side(columns(uid)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
