"""Run a command inside the sandbox of this system, or not at all."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, assert_never

import msgspec
from msgspec.structs import replace

from codex_oss import process
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions, within
from codex_oss.sandbox import bubblewrap, kernel, mounts, probe, seccomp, secrets
from codex_oss.sandbox.bubblewrap import Command, Found
from codex_oss.sandbox.mounts import Layout
from codex_oss.sandbox.placeholders import Held, Placeholders
from codex_oss.sandbox.prepared import Guarantee, Prepared
from codex_oss.sandbox.probe import OUTSIDE, Obstacle

NETWORK_OFF = "CODEX_SANDBOX_NETWORK_DISABLED"
"""Set to ``1`` for commands without network (as the Codex CLI does)."""
KIND = "CODEX_SANDBOX"
"""Set to ``seatbelt`` on macOS (as the Codex CLI does)."""
FOLDER = "sandbox"
"""In our state: what was found out, and the locks of placeholders."""

_INTEROP = "WSL_INTEROP"
"""Names the socket by which WSL starts programs of Windows."""
_USER_CACHE = 65538
"""macOS: ``_CS_DARWIN_USER_CACHE_DIR`` of confstr(3), which Python has no name for."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How Linux isolates."""

    fallback: Literal["landlock", "deny"] = "landlock"
    """What is done where bubblewrap does not work."""
    filter: Literal["loopback", "strict"] = "loopback"
    """What commands without network may do with sockets (see ``seccomp``)."""
    ptrace: bool = False
    """Whether debuggers work on a command's own processes, in bubblewrap."""
    backend: Literal["auto", "bubblewrap", "landlock"] = "auto"
    """``auto`` takes the best; the others are for those who want to see the other."""


class _Landlock(msgspec.Struct, frozen=True):
    """Landlock of this ABI, and why it is not bubblewrap."""

    abi: int
    obstacle: Obstacle


class _Seatbelt(msgspec.Struct, frozen=True):
    """macOS's own."""


_Backend = Found | _Landlock | _Seatbelt


class Sandbox:
    """Puts commands into the sandbox. Finds out at the first one what works here.

    ``env`` is this program's environment: ``PATH`` is searched for bubblewrap, and
    ``CODEX_HOME`` is kept from commands. ``state`` is our folder of state.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        state: Path,
        settings: Settings | None = None,
        platform: str = sys.platform,
    ) -> None:
        self._env = env
        self._settings = settings or Settings()
        self._platform = platform
        self._places = Placeholders(state / FOLDER / "placeholders")
        self._memory = probe.Memory(state / FOLDER / "bwrap.json")
        self._own = _own(env, state)
        self._filters: dict[seccomp.Kind, bytes] = {}
        self._backend: _Backend | None = None
        self._probing = asyncio.Lock()
        self._noticed: list[str] = []

    async def guarantee(self, permissions: Permissions, cwd: Path) -> Guarantee:
        """Return what isolates commands here, and how well. Probes once."""
        if permissions.mode == "danger-full-access":
            return Guarantee(isolation="none", why="danger-full-access has no sandbox")
        backend = await self._working(permissions, cwd)
        match backend:
            case Found():
                return Guarantee(isolation="full", backend=backend.version)
            case _Seatbelt():
                return Guarantee(isolation="full", backend="Seatbelt")
            case _Landlock():
                name = f"Landlock ABI {backend.abi}"
                why = self._reduced(backend, permissions)
                return Guarantee(isolation="reduced", backend=name, why=why)
            case Obstacle():
                why = f"{backend.what}. {backend.remedy}"
                return Guarantee(isolation="none", why=why)
            case _:
                assert_never(backend)

    async def prepare(
        self,
        argv: Sequence[str],
        cwd: Path,
        permissions: Permissions,
        env: Mapping[str, str],
        *,
        sandboxed: bool,
        tty: bool,
    ) -> Prepared:
        """Return what to start so that ``argv`` runs as ``permissions`` say.

        Raises ``SandboxError`` when it cannot be confined; it must not run then.
        """
        if not sandboxed or permissions.mode == "danger-full-access":
            return Prepared(argv, dict(env))
        backend = await self._working(permissions, cwd)
        command = Command(
            argv=tuple(argv),
            cwd=os.path.realpath(cwd),  # noqa: ASYNC240  a few system calls
            env=_inside(env, permissions),
            network=permissions.network,
            tty=tty,
        )
        match backend:
            case Found():
                return self._in_bubblewrap(backend, command, permissions)
            case _Seatbelt():
                return self._in_seatbelt(command, permissions)
            case _Landlock():
                return self._under_landlock(command, permissions)
            case Obstacle():
                raise backend.error()
            case _:
                assert_never(backend)

    async def layout(self, permissions: Permissions, cwd: Path) -> Layout | None:
        """Return what commands would see of the disk now, if bubblewrap shows it.

        Raises ``SandboxError`` as ``prepare`` does.
        """
        found = await self._working(permissions, cwd)
        if not isinstance(found, Found) or permissions.mode == "danger-full-access":
            return None
        where = os.path.realpath(cwd)  # noqa: ASYNC240  a few system calls
        layout, held = self._lay_out(found, permissions, where)
        held.release()
        return layout

    def remarks(self, permissions: Permissions) -> list[str]:
        """Return what people should know of their writable roots, if anything."""
        return mounts.remarks(permissions, self._own)

    def noticed(self) -> list[str]:
        """Return, once each, what commands did that Landlock could not prevent."""
        noticed, self._noticed = self._noticed, []
        return noticed

    # --- one command ------------------------------------------------------------------

    def _in_bubblewrap(
        self, found: Found, command: Command, permissions: Permissions
    ) -> Prepared:
        program = self._filter(permissions)
        layout, held = self._lay_out(found, permissions, command.cwd)
        run = bubblewrap.Run(found, command, layout, program, held)

        def let_go() -> bool:
            reached = run.end()
            # bwrap could not even begin: what was found out holds no longer.
            if not run.began and os.path.isdir(command.cwd):  # noqa: PTH112  a string
                self._backend = None
                self._memory.forget()
            return reached

        confined = process.Confined(by_bwrap=True, inherit=run.inherit)
        return Prepared(run.argv, run.env, confined=confined, let_go=let_go)

    def _lay_out(
        self, found: Found, permissions: Permissions, cwd: str
    ) -> tuple[Layout, Held]:
        own = replace(self._own, folders=(*self._own.folders, found.path))
        if permissions.network:
            hidden = (*own.secrets, *secrets.doors(os.getuid()))
            own = replace(own, secrets=hidden)
        return mounts.lay_out(permissions, own, cwd, self._places)

    def _under_landlock(self, command: Command, permissions: Permissions) -> Prepared:
        from codex_oss.sandbox import landlock  # noqa: PLC0415  only without bubblewrap

        keys = filter(os.path.lexists, self._own.secrets)
        hidden = dict.fromkeys((*permissions.deny_read, *keys))
        confining = replace(permissions, deny_read=tuple(hidden))
        program = seccomp.program(
            "open" if permissions.network else "strict",
            machine=kernel.machine(),
            metadata=permissions.mode != "read-only",
        )
        restrict = landlock.restriction(confining, program=program)
        watch = landlock.Watch(permissions)

        def let_go() -> None:
            self._noticed += [
                f"a command changed {path}, which the sandbox here cannot protect"
                for path in watch.changed()
            ]

        confined = process.Confined(restrict=restrict)
        return Prepared(command.argv, command.env, confined=confined, let_go=let_go)

    def _reduced(self, backend: _Landlock, permissions: Permissions) -> str:
        """Return what is weaker under Landlock, and why it is used."""
        from codex_oss.sandbox import landlock  # noqa: PLC0415  only without bubblewrap

        told = [
            f"{backend.obstacle.what}. In its place",
            landlock.weak(backend.abi, network=permissions.network),
            backend.obstacle.remedy,
        ]
        writable = (*permissions.writable_roots, *permissions.scratch)
        if permissions.mode == "workspace-write":
            told += (
                f"Commands can change {folder}, which rules codex-oss."
                for folder in self._own.folders
                if within(os.path.realpath(folder), writable)
            )
        return " ".join(told)

    def _in_seatbelt(self, command: Command, permissions: Permissions) -> Prepared:
        from codex_oss.sandbox import seatbelt  # noqa: PLC0415  only on macOS

        hidden = dict.fromkeys((*permissions.deny_read, *self._own.secrets))
        options = seatbelt.argv(
            replace(permissions, deny_read=tuple(hidden)),
            user_cache=_user_cache(),
            kept=self._own.folders,
        )
        argv = (seatbelt.SANDBOX_EXEC, *options, *command.argv)
        return Prepared(argv, {**command.env, KIND: "seatbelt"})

    def _filter(self, permissions: Permissions) -> bytes:
        kind = "open" if permissions.network else self._settings.filter
        if kind not in self._filters:
            self._filters[kind] = seccomp.program(
                kind, machine=kernel.machine(), ptrace=self._settings.ptrace
            )
        return self._filters[kind]

    # --- what works -------------------------------------------------------------------

    async def _working(
        self, permissions: Permissions, cwd: Path
    ) -> _Backend | Obstacle:
        """Return the backend, looked for once; a failure is looked into again."""
        async with self._probing:
            if self._backend is not None:
                return self._backend
            found = await self._look(permissions, cwd)
            if not isinstance(found, Obstacle):
                self._backend = found
                self._places.sweep()
            return found

    async def _look(self, permissions: Permissions, cwd: Path) -> _Backend | Obstacle:
        if self._platform == "darwin":
            return _Seatbelt() if _has_seatbelt() else _NO_SEATBELT
        if self._platform == "win32":
            return _WINDOWS
        if self._platform != "linux":
            return Obstacle(f"there is none for {self._platform}", OUTSIDE)
        try:
            found = await self._bubblewrap(permissions, cwd)
        except SandboxError as error:  # a machine whose system calls are not known
            return Obstacle(str(error), OUTSIDE)
        except OSError as error:
            if not probe.scarce(error):
                raise
            return probe.passing(str(error.strerror))
        if isinstance(found, Found) or found.passing:
            return found
        return self._landlock(found)

    async def _bubblewrap(
        self, permissions: Permissions, cwd: Path
    ) -> Found | Obstacle:
        if self._settings.backend == "landlock":
            return Obstacle("bubblewrap is not to be used", OUTSIDE)
        roots = (*permissions.writable_roots, *permissions.scratch)
        first: Obstacle | None = None
        # The system's may be too old, and our own new enough.
        for path in bubblewrap.candidates(self._env, (str(cwd), *roots)):
            known = self._memory.get(path)
            if known is not None:
                return known
            found = await probe.probe(path, self._env, self._filter(Permissions()))
            if isinstance(found, Found):
                self._memory.keep(found)
                return found
            if found.passing:  # Landlock must not stand in for what may work
                return found
            first = first or found
        return first or probe.NOT_INSTALLED

    def _landlock(self, obstacle: Obstacle) -> _Landlock | Obstacle:
        settings = self._settings
        if settings.backend == "bubblewrap":
            return obstacle
        if settings.fallback == "deny" and settings.backend == "auto":
            return obstacle
        from codex_oss.sandbox import landlock  # noqa: PLC0415  only without bubblewrap

        abi = landlock.abi()
        return obstacle if abi < landlock.OLDEST else _Landlock(abi, obstacle)


_WINDOWS = Obstacle(
    "there is none for Windows",
    "Use WSL2: keep the project on its Linux file system, install bubblewrap there, "
    f"and run codex-oss inside. {OUTSIDE}",
)
_NO_SEATBELT = Obstacle("macOS's sandbox-exec is missing", OUTSIDE)


def _own(env: Mapping[str, str], state: Path) -> mounts.Own:
    """Return what commands must not touch, and what they must not see."""
    home = env.get("HOME", "")
    named = env.get("CODEX_HOME", "") or (home and f"{home}/.codex")
    codex_home = Path(named or state).absolute()
    folders = dict.fromkeys(map(str, (codex_home, state.absolute())))
    keys = secrets.own(codex_home, state.absolute())
    return mounts.Own(
        folders=tuple(folders), secrets=tuple(map(os.path.realpath, keys))
    )


def _inside(env: Mapping[str, str], permissions: Permissions) -> dict[str, str]:
    """Return a command's environment."""
    inside = {name: value for name, value in env.items() if name != _INTEROP}
    return inside if permissions.network else {**inside, NETWORK_OFF: "1"}


def _has_seatbelt() -> bool:
    from codex_oss.sandbox import seatbelt  # noqa: PLC0415  only on macOS

    return os.access(seatbelt.SANDBOX_EXEC, os.X_OK)


def _user_cache() -> str | None:
    """Return the user's folder for caches; None where the system does not say."""
    ask: Callable[[int], str | None] = os.confstr
    try:
        return ask(_USER_CACHE)
    except (OSError, ValueError):
        return None
