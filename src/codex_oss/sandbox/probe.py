"""Finds out which bubblewrap works here, and remembers it until the machine restarts.

A probe costs about as much as a command's whole sandbox. That it succeeded is kept in
our state folder, for the same program under the same kernel in the same container. A
failure is not: somebody may be repairing it. One that passes by itself, such as a lack
of descriptors, tells nothing about bubblewrap.
"""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec

from codex_oss import process
from codex_oss.config.whole import write_whole
from codex_oss.errors import SandboxError
from codex_oss.sandbox import bubblewrap
from codex_oss.sandbox.bubblewrap import Found
from codex_oss.wire.json_text import NOT_JSON

PROBE_S = 10.0
"""How long the first run of bubblewrap may take."""
HEARD = 4096
"""Bytes of what it says that are kept."""

_SILENT = "did not answer in time"
_NO_PROC = "Can't mount proc"
_APPARMOR = ("Failed RTM_NEWADDR", "setting up uid map: Permission denied")
_NO_NAMESPACES = ("No permissions to create", "Creating new namespace failed")
_SCARCE = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY)
"""What the system says when it lacks something for now."""
_KILLED = 128 + signal.SIGKILL
"""How bwrap ends where memory runs out."""
_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""Files by which Docker and Podman tell that this is a container."""
OUTSIDE = "Or run with --sandbox danger-full-access where that is acceptable."
"""What always helps, at a price."""


class Obstacle(msgspec.Struct, frozen=True):
    """Why there is no sandbox, and what to do about it."""

    what: str
    remedy: str
    passing: bool = False
    """Whether the next try may well succeed."""

    def error(self) -> SandboxError:
        """Return it as the error of a command that could not be run."""
        return SandboxError(
            f"Sandbox unavailable: {self.what}. Nothing was run.", hint=self.remedy
        )


NOT_INSTALLED = Obstacle(
    "bubblewrap is not installed",
    f"Install bubblewrap with your system's package manager. {OUTSIDE}",
)


def scarce(error: OSError) -> bool:
    """Return whether an error may pass by itself."""
    return error.errno in _SCARCE


def passing(said: str) -> Obstacle:
    """Return the obstacle of a failure that may pass by itself."""
    return Obstacle(
        f"bubblewrap could not make a sandbox this time ({said})",
        "Try again. If it stays so, see what is used up: open files (ulimit -n), "
        "processes (ulimit -u) or memory.",
        passing=True,
    )


class _Known(msgspec.Struct, frozen=True):
    """What was found out, and where that holds."""

    place: str
    found: Found


class Memory:
    """The file in which a successful probe is kept."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, path: Path) -> Found | None:
        """Return what is known of a bwrap, if it still holds."""
        with contextlib.suppress(OSError, *NOT_JSON):
            known = msgspec.json.decode(self._file.read_bytes(), type=_Known)
            if known.found.path == str(path) and known.place == _place(path):
                return known.found
        return None

    def keep(self, found: Found) -> None:
        """Remember; where that is impossible the next start probes again."""
        with contextlib.suppress(OSError):
            known = _Known(_place(Path(found.path)), found)
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file, msgspec.json.encode(known))

    def forget(self) -> None:
        """Probe again the next time."""
        with contextlib.suppress(OSError):
            self._file.unlink()


async def probe(path: Path, env: Mapping[str, str], program: bytes) -> Found | Obstacle:
    """Return what a bwrap can do, after running it."""
    new_proc = True
    said = await _try(path, env, program, new_proc=True)
    if _NO_PROC in said:
        new_proc = False
        said = await _try(path, env, program, new_proc=False)
    if _may_pass(said):
        return passing(said)
    if said:
        return Obstacle(f"bubblewrap could not make a sandbox ({said})", _remedy(said))
    code, version = await _run((str(path), "--version"), env, ())
    return Found(
        path=str(path), version="" if code else version.strip(), new_proc=new_proc
    )


def _may_pass(said: str) -> bool:
    return any(said.endswith(os.strerror(number)) for number in _SCARCE) or (
        said.endswith((_SILENT, f"code {_KILLED}"))
    )


def _remedy(said: str) -> str:
    """Return what to do about bwrap's complaint."""
    if any(word in said for word in _APPARMOR):
        return (
            "Ubuntu 24.04 forbids it by AppArmor: install apparmor-profiles and load "
            f"its profile bwrap-userns-restrict. {OUTSIDE}"
        )
    if any(path.exists() for path in _CONTAINERS):
        return (
            "Start the container with --security-opt seccomp=unconfined, or let the "
            "container be the boundary: --sandbox danger-full-access."
        )
    if any(word in said for word in _NO_NAMESPACES):
        return (
            "Enable user namespaces: sysctl kernel.unprivileged_userns_clone=1, or "
            f"user.max_user_namespaces above 0. {OUTSIDE}"
        )
    return f"Update bubblewrap (0.5 or later) and enable user namespaces. {OUTSIDE}"


def _place(path: Path) -> str:
    """Return what differs when a probe may end differently.

    Containers share the kernel's boot id, but not the name of their mount namespace.
    """
    program = path.stat()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    spaces = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "user")]  # noqa: PTH115  no path at all
    return " ".join(
        (boot, *spaces, str(os.geteuid()), f"{program.st_ino}/{program.st_mtime_ns}")
    )


async def _try(
    path: Path, env: Mapping[str, str], program: bytes, *, new_proc: bool
) -> str:
    """Run nothing in a sandbox; return what bwrap complained of, empty if not."""
    # Its words are looked at: in English.
    spoken = {**env, "LC_ALL": "C"}
    try:
        run = bubblewrap.probe(path, spoken, program, new_proc=new_proc)
    except SandboxError as error:  # no descriptors left
        return str(error)
    try:
        code, said = await _run(run.argv, run.env, run.inherit)
    finally:
        run.end()
    if code == 0:
        return ""
    return said.strip() or f"{path} exited with code {code}"


async def _run(
    argv: tuple[str, ...], env: Mapping[str, str], inherit: tuple[int, ...]
) -> tuple[int, str]:
    """Run bwrap; return its exit code and output. Failing to start is code -1."""
    heard = process.HeadTail(HEARD)
    confined = process.Confined(by_bwrap=True, inherit=inherit)
    try:
        child = await process.start(
            argv, cwd=Path("/"), env=env, on_output=heard.add, confined=confined
        )
    except OSError as error:
        return -1, f"{argv[0]}: {error.strerror}"
    try:
        async with asyncio.timeout(PROBE_S):
            return await child.wait(), heard.text()
    except TimeoutError:
        return -1, f"{argv[0]} {_SILENT}"
    finally:
        await child.kill(grace_s=0)
