"""What a command sees of the disk: a plan, and bubblewrap's options for it.

The whole disk is read-only but for the writable roots; in these, what is protected is
read-only again; what is denied is covered. Later mounts lie on top of earlier ones, so
parents come before what they hold, and what is denied comes last.

A mount protects a name from being removed or renamed, but not the directories above
it: moved away together with one of these, its place would be free. Every directory
between a writable root and such a name therefore gets a mount of its own, as it is.
"""
# Every command passes here, and a Path costs more than the system call it makes.
# ruff: noqa: PTH112, PTH116, PTH120

import os
import stat
from collections.abc import Iterable
from typing import Literal

import msgspec

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.policy.permissions import KERNELS_OWN, SHARED_MEMORY
from codex_oss.sandbox import protected
from codex_oss.sandbox.placeholders import Held, Placeholders
from codex_oss.sandbox.protected import is_below

Access = Literal["write", "keep"]
"""Writable; read-only though something around it is writable."""


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What is this program's own, by absolute paths."""

    folders: tuple[str, ...] = ()
    """What would make the next command, or the next start, do something else:
    settings, rules, state, the sandbox's own program. Never writable. Links in these
    paths are looked at each time."""
    secrets: tuple[str, ...] = ()
    """Keys, and what may hold some; real paths. Never readable."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Mounts in their order, all paths real."""

    disk: Access = "keep"
    mounts: tuple[tuple[str, Access], ...] = ()
    hidden_folders: tuple[str, ...] = ()
    hidden_files: tuple[str, ...] = ()


class _Roots(msgspec.Struct, frozen=True):
    """Writable directories; in ``guarded`` some names are protected."""

    all: frozenset[str]
    guarded: frozenset[str]

    def around(self, path: str) -> str | None:
        """Return the outermost root that holds a path."""
        holding = [root for root in self.all if is_below(path, root)]
        return min(holding, key=len, default=None)

    def guards(self, path: str) -> bool:
        """Return whether a path lies where names are protected."""
        return any(is_below(path, root) for root in self.guarded)


class _Denied(msgspec.Struct, frozen=True):
    """What must be hidden: directories, other entries, and what is not there."""

    folders: list[str] = []
    files: list[str] = []
    missing: list[str] = []

    @property
    def there(self) -> list[str]:
        """Return what exists."""
        return [*self.folders, *self.files]


class _OwnFolder(msgspec.Struct, frozen=True):
    """One of ``Own.folders``: as it was named, and where that leads.

    ``place`` is what must not be written to: the folder, or what is missing above it.
    """

    named: str
    real: str
    place: str


def lay_out(
    permissions: Permissions, own: Own, cwd: str, places: Placeholders
) -> tuple[Layout, Held]:
    """Return the mounts for a command, and what must be let go of after its end.

    ``cwd`` is real. Raises ``SandboxError`` when something cannot be protected, or the
    command may not be where it is to run.
    """
    denied = _look((*permissions.deny_read, *own.secrets))
    for path in denied.there:
        if is_below(cwd, path):
            raise SandboxError(
                f"commands cannot run in {cwd}: `sandbox_deny_read` has {path}",
                hint="Take it out of that list, or work elsewhere.",
            )
    if permissions.mode != "workspace-write":
        return _layout({}, denied), Held()
    roots = _roots(permissions, denied)
    denied = _real_ones(denied, roots)
    folders = [_own_folder(path) for path in own.folders]
    held = places.hold(_must_exist(roots, folders, denied))
    try:
        made = _look(path for path in denied.missing if roots.guards(path))
        denied = _Denied([*denied.folders, *made.folders], denied.files)
        table: dict[str, Access] = dict.fromkeys(roots.all, "write")
        for path in _kept(roots, folders):
            table[path] = "keep"
        return _layout(table, denied, _pins(roots, table, denied)), held
    except BaseException:
        held.release()
        raise


def remarks(permissions: Permissions, own: Own) -> list[str]:
    """Return what people should know of their writable roots, if anything."""
    if permissions.mode != "workspace-write":
        return []
    told: list[str] = []
    folders = [os.path.realpath(path) for path in own.folders]
    for root in permissions.writable_roots:
        if root == "/":
            told.append("the whole disk is a writable root: commands may change all")
        elif why := _unfit(root):
            told.append(f"writable root {root} is left out: {why}")
        told += (
            f"{folder} stays read-only, though it lies in the writable root {root}"
            for folder in folders
            if is_below(folder, root)
        )
    return told


def options(layout: Layout) -> list[str]:
    """Return bubblewrap's options for all but ``/proc``, and what hides last.

    They are to be followed by those for ``/proc`` and by ``covers``.
    """
    whole = "--bind" if layout.disk == "write" else "--ro-bind"
    argv = [whole, "/", "/", "--dev", "/dev"]
    # Root may write to files of /sys without any capability.
    argv += ("--ro-bind", "/sys", "/sys") if layout.disk == "write" else ()
    for path, access in layout.mounts:
        argv += ("--bind" if access == "write" else "--ro-bind", path, path)
    return argv


def covers(layout: Layout) -> list[str]:
    """Return the options that hide what is denied, on top of everything else."""
    argv: list[str] = []
    for path in layout.hidden_folders:
        argv += ("--perms", "000", "--tmpfs", path, "--remount-ro", path)
    for path in layout.hidden_files:
        # Opening fails, as devices do not work on a disk that is mounted "nodev".
        argv += ("--ro-bind", "/dev/null", path)
    return argv


# --- what goes where ------------------------------------------------------------------


def _look(paths: Iterable[str]) -> _Denied:
    """Return what of denied paths there is.

    What we cannot see, a command cannot see either, as it has no more rights.
    """
    found = _Denied([], [], [])
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            found.missing.append(path)
        except OSError:
            continue
        else:
            (found.folders if stat.S_ISDIR(mode) else found.files).append(path)
    return found


def _roots(permissions: Permissions, denied: _Denied) -> _Roots:
    def fit(paths: Iterable[str]) -> frozenset[str]:
        return frozenset(
            root
            for root in paths
            if not _unfit(root) and not any(is_below(root, p) for p in denied.folders)
        )

    guarded = fit(permissions.writable_roots)
    return _Roots(guarded | fit(permissions.scratch) - {"/"}, guarded)


def _unfit(root: str) -> str:
    """Return why a path cannot be a writable root; empty if it can."""
    kernels = any(is_below(root, path) for path in KERNELS_OWN)
    if kernels and not is_below(root, SHARED_MEMORY):
        return "it is the kernel's"
    if not os.path.isdir(root):
        return "there is no such directory"
    # It was real when it was allowed: a command may have put a link in its place.
    return "" if os.path.realpath(root) == root else "a link leads elsewhere"


def _real_ones(denied: _Denied, roots: _Roots) -> _Denied:
    """Return what is denied without what leads elsewhere by now.

    Like roots, these paths were real; where they lie in a root, a command may have
    made links since, which would hide something else.
    """

    def real(paths: list[str]) -> list[str]:
        return [p for p in paths if not roots.around(p) or os.path.realpath(p) == p]

    return _Denied(real(denied.folders), real(denied.files), denied.missing)


def _must_exist(roots: _Roots, folders: list[_OwnFolder], denied: _Denied) -> list[str]:
    """Return what needs a placeholder if it is missing."""
    names = [name for root in roots.guarded for name in protected.names(root)]
    names += (own.place for own in folders if roots.around(own.real))
    # What is denied and not there could be made, in a root. In scratch nothing is
    # protected; and below a missing directory there is nothing to hide.
    names += (
        path
        for path in denied.missing
        if roots.guards(path) and os.path.isdir(os.path.dirname(path))
    )
    return names


def _own_folder(named: str) -> _OwnFolder:
    place = real = os.path.realpath(named)
    while not os.path.lexists(parent := os.path.dirname(place)):
        place = parent
    return _OwnFolder(named, real, place)


def _kept(roots: _Roots, folders: list[_OwnFolder]) -> set[str]:
    """Return what must be read-only though a root holds it."""
    kept = {
        spelled
        for root in roots.guarded
        for path in protected.existing(root)
        for spelled in protected.spellings(path)
    }
    for own in folders:
        if own.named != own.real:
            protected.refuse_links(own.named, roots.all)
        kept.add(own.place)
    # A worktree's file could name any place; only what is writable needs a cover.
    return {path for path in kept if roots.around(path) and os.path.lexists(path)}


def _pins(roots: _Roots, table: dict[str, Access], denied: _Denied) -> set[str]:
    """Return the directories above what is mounted, as far as they can be moved."""
    pins: set[str] = set()
    for path in (*table, *denied.there):
        outermost = roots.around(path)
        if outermost is None or path == outermost:
            continue
        above = os.path.dirname(path)
        while above != outermost:
            pins.add(above)
            above = os.path.dirname(above)
    return {pin for pin in pins - table.keys() if _access(pin, table) == "write"}


def _access(path: str, table: dict[str, Access]) -> Access:
    """Return what the innermost entry of ``table`` around a path says."""
    while path not in table and path != "/":
        path = os.path.dirname(path)
    return table.get(path, "keep")


def _layout(
    table: dict[str, Access], denied: _Denied, pins: Iterable[str] = ()
) -> Layout:
    table = {**table, **dict.fromkeys(pins, "write")}
    disk = table.pop("/", "keep")
    # What lies below a hidden directory is not there any more.
    hidden = set(_outermost(denied.there))
    return Layout(
        disk=disk,
        mounts=tuple(sorted(table.items())),
        hidden_folders=tuple(sorted(hidden.intersection(denied.folders))),
        hidden_files=tuple(sorted(hidden.intersection(denied.files))),
    )


def _outermost(paths: Iterable[str]) -> list[str]:
    """Return paths without those below another, in order."""
    kept: list[str] = []
    # With the slash, all that lies below a path follows it at once.
    for path in sorted(set(paths), key=lambda path: f"{path}/"):
        if not (kept and is_below(path, kept[-1])):
            kept.append(path)
    return kept
