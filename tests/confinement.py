"""Starts commands in the sandbox as the agent does, as this user or as another one."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

import codex_oss
from attack_ground import PLACE, python_for, user
from codex_oss.policy import Permissions
from codex_oss.sandbox.run import Settings
from confined_driver import Ended, Spec

LIMIT_S = 250
Choice = Literal["auto", "bubblewrap", "landlock"]
HERE = Path(__file__).parent


class Ran(msgspec.Struct, frozen=True):
    """What a command told and how it ended."""

    output: str
    ended: Ended


def spec_file(folder: Path, spec: Spec) -> Path:
    """Write ``spec`` where everybody can read it."""
    path = folder / "spec.json"
    path.write_bytes(msgspec.json.encode(spec))
    path.chmod(0o644)
    return path


def command(spec: Path, uid: int) -> list[str]:
    """Return what runs a specification as ``uid``."""
    return [python_for(uid), str(HERE / "confined_driver.py"), str(spec)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which any Python finds our package and what it needs."""
    source = Path(codex_oss.__file__).parents[1]
    packages = Path(msgspec.__file__).parents[1]
    paths = os.pathsep.join(map(str, (source, HERE, packages)))
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": paths,
        "PYTHONDONTWRITEBYTECODE": "1",
        **(extra or {}),
    }


def run(spec: Path, uid: int, extra: Mapping[str, str] | None = None) -> Ran:
    """Run a specification to its end."""
    return told(
        subprocess.run(
            command(spec, uid),
            cwd="/",
            env=environment(extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
            **user(uid),
        )
    )


def told(done: "subprocess.CompletedProcess[str]") -> Ran:
    """Return what a finished driver has told."""
    lines = done.stderr.splitlines()
    return Ran(done.stdout, msgspec.json.decode(lines[-1], type=Ended))


def sh(script: str, folder: Path, permissions: Permissions, **fields: object) -> Ran:
    """Run a shell script in ``folder`` as this user."""
    spec = script_spec(script, folder, permissions, **fields)
    return run(spec_file(folder.parent, spec), os.getuid())


def script_spec(
    script: str, folder: Path, permissions: Permissions, **fields: object
) -> Spec:
    """Return what runs a shell script in ``folder``."""
    known: dict[str, object] = {
        "argv": ("/bin/sh", "-c", script),
        "cwd": str(folder),
        "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)},
        "permissions": permissions,
        "state": str(folder.parent / "state"),
    }
    return msgspec.convert({**known, **fields}, Spec)


@functools.cache
def obstacle(backend: Choice, uid: int) -> str:
    """Return why a backend cannot be tested here as ``uid``; empty if it can."""
    if sys.platform != "linux":
        return "needs Linux"
    if uid != os.getuid() and os.getuid() != 0:
        return "only root can become an ordinary user"
    if not python_for(uid):
        return f"no Python that user {uid} can start"
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        folder = Path(name) / "folder"
        folder.mkdir()
        for each in (folder, folder.parent):
            each.chmod(0o777)
        spec = script_spec(":", folder, Permissions(), settings=only(backend))
        try:
            ran = run(spec_file(folder.parent, spec), uid)
        except subprocess.CalledProcessError as failed:
            said: str = failed.stderr
            return f"as user {uid}: {said.strip().splitlines()[-1]}"
    return ran.ended.refused


def only(backend: Choice) -> Settings:
    """Return the settings for one backend and no other."""
    return Settings(backend=backend)
