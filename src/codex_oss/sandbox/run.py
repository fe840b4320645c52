"""Run a command inside the sandbox of this system, or not at all."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from codex_oss import process
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import linux
from codex_oss.sandbox.prepared import Guarantee, Prepared

PROBE_S = 10.0
"""How long the first run of the sandbox may take."""
NETWORK_OFF = "CODEX_SANDBOX_NETWORK_DISABLED"
"""Set to ``1`` for commands without network (as the Codex CLI does)."""

_NO_PROC = "Can't mount proc"
_REMEDY = (
    "Install bubblewrap or enable user namespaces. Ubuntu 24.04: load the "
    "bwrap-userns-restrict AppArmor profile. Docker: use --security-opt "
    "seccomp=unconfined, or run with --sandbox danger-full-access since the container "
    "is the boundary."
)


class _Backend(msgspec.Struct, frozen=True):
    """A bwrap that works here."""

    path: Path
    new_proc: bool


class Sandbox:
    """Puts commands into the sandbox. Finds out at the first one whether it works.

    ``env`` is this program's environment: ``PATH`` is searched for bwrap.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        platform: str = sys.platform,
    ) -> None:
        self._env = env
        self._platform = platform
        self._backend: _Backend | None = None
        self._probing = asyncio.Lock()

    async def guarantee(self, permissions: Permissions, cwd: Path) -> Guarantee:
        """Return what isolates commands here, and how well."""
        try:
            backend = await self._working(permissions, cwd)
        except SandboxError as error:
            return Guarantee(isolation="none", why=error.report())
        return Guarantee(isolation="full", backend=f"bubblewrap {backend.path}")

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
        options = linux.bwrap_argv(permissions, cwd, tty=tty, new_proc=backend.new_proc)
        off = {} if permissions.network else {NETWORK_OFF: "1"}
        # The environment is bwrap's own: what it alone had, a command could read in
        # /proc/1/environ.
        return Prepared(
            (str(backend.path), *options, *argv),
            {**env, **off},
            confined=process.Confined(by_bwrap=True),
        )

    async def _working(self, permissions: Permissions, cwd: Path) -> _Backend:
        """Return the backend, probed once; a failure is looked into again."""
        async with self._probing:
            if self._backend is None:
                self._backend = await self._probe(permissions, cwd)
            return self._backend

    async def _probe(self, permissions: Permissions, cwd: Path) -> _Backend:
        if self._platform != "linux":
            raise SandboxError(
                f"Sandbox unavailable: there is none for {self._platform} yet. "
                "Nothing was run.",
                hint="Run with --sandbox danger-full-access where that is acceptable.",
            )
        untrusted = [cwd, *map(Path, permissions.writable_roots)]
        path = linux.find_bwrap(self._env, untrusted)
        if path is None:
            raise _unavailable("bubblewrap is not installed")
        said = await self._try(path, new_proc=True)
        if _NO_PROC in said and not await self._try(path, new_proc=False):
            return _Backend(path, new_proc=False)
        if said:
            raise _unavailable(f"bubblewrap could not make one ({said})")
        return _Backend(path, new_proc=True)

    async def _try(self, bwrap: Path, *, new_proc: bool) -> str:
        """Run nothing in a sandbox; return what bwrap complained of, empty if not."""
        heard = process.HeadTail(4096)
        try:
            child = await process.start(
                (str(bwrap), *linux.probe_argv(new_proc=new_proc)),
                cwd=Path("/"),
                env=self._env,
                on_output=heard.add,
                confined=process.Confined(by_bwrap=True),
            )
        except OSError as error:
            return f"{bwrap}: {error.strerror}"
        try:
            async with asyncio.timeout(PROBE_S):
                code = await child.wait()
        except TimeoutError:
            return f"{bwrap} did not answer in {PROBE_S:g} s"
        finally:
            await child.kill(grace_s=0)
        if code == 0:
            return ""
        return heard.text().strip() or f"{bwrap} exited with code {code}"


def _unavailable(what: str) -> SandboxError:
    return SandboxError(f"Sandbox unavailable: {what}. Nothing was run.", hint=_REMEDY)
