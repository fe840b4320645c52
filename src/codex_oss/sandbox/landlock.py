"""Landlock: what a command may do with files where bubblewrap does not work.

A thread takes the restriction on and starts the command, which inherits it; nothing
is mounted and no helper runs. It promises less than bubblewrap does: ``weak`` says
what is missing, and ``Watch`` tells afterwards what it could not prevent.

Rights are given to a file and all below it, and cannot be taken back further down. So
``.git`` in a writable root is writable, and what must not be read is kept out by
giving rights to everything around it.
"""

# Paths are strings here, as in `Permissions`.
# ruff: noqa: PTH112, PTH118, PTH208

import contextlib
import errno
import os
import stat
import struct
import sys
from collections.abc import Callable, Iterator

import msgspec

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.policy.permissions import KERNELS_OWN, SHARED_MEMORY
from codex_oss.sandbox import kernel, seccomp
from codex_oss.sandbox.protected import is_below
from codex_oss.sandbox.watch import Watch

__all__ = ["LATEST", "OLDEST", "Watch", "abi", "restriction", "weak"]

OLDEST = 3
"""Before it, files outside the writable roots could be truncated (Linux 6.2)."""
LATEST = 9
"""The newest that is known here; of a newer kernel this much is used."""
MOST_RULES = 20_000
"""Entries of folders around ``deny_read``, each a rule (about 5 us)."""

# linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_BLOCK = 1 << 6, 1 << 11
REFER, TRUNCATE, IOCTL_DEV, RESOLVE_UNIX = 1 << 13, 1 << 14, 1 << 15, 1 << 16
_SOCKET_ABI = 9
_BY_ABI = (
    (1, (1 << 13) - 1),
    (2, REFER),
    (3, TRUNCATE),
    (5, IOCTL_DEV),
    (_SOCKET_ABI, RESOLVE_UNIX),
)
_NET_ABI, _BIND_AND_CONNECT_TCP = 4, 0b11
_SCOPE_ABI, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_NO_SUCH_CALL = (errno.ENOSYS, errno.EPERM, errno.EINVAL)

_READ = EXECUTE | READ_FILE | READ_DIR
_USE = READ_FILE | WRITE_FILE | READ_DIR | TRUNCATE | IOCTL_DEV
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_NEVER_IN_A_ROOT = MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV | RESOLVE_UNIX

_DEVICES = (
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    *("/dev/tty", "/dev/ptmx", "/dev/pts"),
)


class Rule(msgspec.Struct, frozen=True):
    """Rights to a path and to all below it."""

    path: str
    rights: int


def abi() -> int:
    """Return the version of Landlock that the kernel has; 0 if it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    try:
        return kernel.call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:  # not built in, not enabled, or forbidden by a container
        return 0


def restriction(
    permissions: Permissions, *, program: bytes, at_most: int = LATEST
) -> Callable[[], None]:
    """Return what confines the thread that calls it, and all that it starts, for good.

    ``program`` is a filter of ``seccomp.program``: ``strict`` unless the network is
    allowed, and without ``metadata`` in ``read-only``. ``at_most`` is the ABI to use
    of a kernel that has a newer one.

    Raises ``SandboxError`` here when the kernel or the permissions do not allow it,
    and from the call when something fails; the thread must start nothing then.
    """
    version = min(abi(), at_most, LATEST)
    if version < OLDEST:
        raise SandboxError(
            "Sandbox unavailable: "
            + (f"Landlock is too old (ABI {version})" if version else "no Landlock")
            + ". Nothing was run.",
            hint=f"Landlock needs ABI {OLDEST} (Linux 6.2). Install bubblewrap.",
        )
    _check(permissions, program)
    alone = seccomp.among_others(machine=kernel.machine())

    def restrict() -> None:
        try:
            _confine(permissions, version)
        except OSError as error:
            raise SandboxError(
                f"Landlock did not confine the command: {error}. Nothing was run.",
                hint="Install bubblewrap.",
            ) from error
        seccomp.install(alone)
        seccomp.install(program)

    return restrict


def weak(version: int, *, network: bool = False) -> str:
    """Return, for people, what a sandbox of this ABI does not promise."""
    lacks = [
        "settings in writable folders (.git, .codex, .agents) are not protected",
        "nor are codex-oss's own folders, if one of them lies in a writable one",
        "in workspace-write, modes, owners and times of files elsewhere can be changed",
        "names and sizes of files below deny_read can be seen, their contents not",
        "your other terminals can be written to, and what is typed there read",
        "message queues are shared with your other programs",
        "so is shared memory, in workspace-write",
        "other processes and their command lines are visible",
    ]
    if version < _SCOPE_ABI:
        lacks.append("signals reach processes outside, codex-oss too")
        lacks += ["abstract sockets outside can be reached"] if network else []
    if version < _SOCKET_ABI and network:
        lacks.append("sockets in the file system, such as Docker's, can be reached")
    return f"Landlock ABI {version}: " + "; ".join(lacks) + "."


def rules(permissions: Permissions, version: int) -> Iterator[Rule]:
    """Yield who may do what: what is readable, the devices, the writable roots."""
    denied = _denied(permissions)
    yield from _readable(denied)
    for device in _DEVICES:
        if not any(is_below(device, path) for path in denied):
            yield Rule(device, _USE)
    for root in _roots(permissions):
        yield Rule(root, handled(version) & ~_NEVER_IN_A_ROOT)


def handled(version: int) -> int:
    """Return all rights to files that an ABI knows; what is not given is denied."""
    return sum(rights for since, rights in _BY_ABI if since <= version)


def _check(permissions: Permissions, program: bytes) -> None:
    """Refuse what Landlock cannot do, rather than to do less of it."""
    if permissions.mode == "danger-full-access" or not program:
        raise SandboxError("cannot confine a command without mode and filter")
    denied = _denied(permissions)
    for root in _roots(permissions):
        if root == "/":
            raise SandboxError(
                "cannot confine a command whose writable root is /. Nothing was run.",
                hint="Name the folders in sandbox_workspace_write.writable_roots.",
            )
        for path in denied:
            if is_below(root, path) or (is_below(path, root) and os.path.lexists(path)):
                raise SandboxError(
                    f"Landlock cannot deny reading {path} beside writing to {root}. "
                    "Nothing was run.",
                    hint="Install bubblewrap, or remove one of the two from the "
                    "configuration.",
                )


def _roots(permissions: Permissions) -> list[str]:
    """Return the folders that may be written to.

    They were real when they were allowed. One that leads elsewhere by now is left out:
    a command may have put a link there.
    """
    if permissions.mode != "workspace-write":
        return []
    listed = {*permissions.writable_roots, *permissions.scratch, SHARED_MEMORY}
    return sorted(
        root
        for root in listed
        if os.path.isdir(root)
        and os.path.realpath(root) == root
        and (
            not any(is_below(root, place) for place in KERNELS_OWN)
            or is_below(root, SHARED_MEMORY)
        )
    )


def _denied(permissions: Permissions) -> set[str]:
    named = permissions.deny_read
    return {*named, *(os.path.realpath(path) for path in named)}


def _readable(denied: set[str]) -> Iterator[Rule]:
    """Yield rules for all but ``/dev`` and what is denied, and around those.

    Folders above what is denied can be listed, and so can what is below: that right
    too is inherited.
    """
    denied = {"/dev", *denied}
    above = {
        parent
        for path in denied
        for parent in _parents(path)
        if not any(is_below(parent, other) for other in denied)
    }
    count = 0
    yield Rule("/", READ_DIR)
    for folder in sorted(above):
        # What cannot be listed cannot be given either: it stays closed.
        with contextlib.suppress(
            FileNotFoundError, NotADirectoryError, PermissionError
        ):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if path not in above and path not in denied:
                    count += 1
                    yield Rule(path, _READ)
        if count > MOST_RULES:
            raise OSError(errno.E2BIG, f"more than {MOST_RULES} entries", folder)


def _parents(path: str) -> Iterator[str]:
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def _confine(permissions: Permissions, version: int) -> None:
    denied = {told for path in _denied(permissions) if (told := _identity(path))}
    ruleset = _ruleset(version, network=permissions.network)
    try:
        for rule in rules(permissions, version):
            _allow(ruleset, rule, version, denied)
        kernel.hide_memory()
        kernel.drop_capabilities()
        kernel.no_new_privileges()
        kernel.call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        told = os.lstat(path)
    except OSError:
        return None
    return told.st_dev, told.st_ino


def _ruleset(version: int, *, network: bool) -> int:
    """Return a descriptor of a ruleset that denies all it knows."""
    words = [handled(version)]
    if version >= _NET_ABI:
        words.append(0 if network else _BIND_AND_CONNECT_TCP)
    if version >= _SCOPE_ABI:
        words.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"@{len(words)}Q", *words)
    return kernel.call(_CREATE_RULESET, attributes, len(attributes), 0)


def _allow(
    ruleset: int, rule: Rule, version: int, denied: set[tuple[int, int]]
) -> None:
    """Add a rule for what the path names now.

    None for a link, nor for a file that is denied under its other name: rights belong
    to the file, not to the name.
    """
    try:
        fd = _open(rule.path)
    except OSError as error:
        if error.errno in _NO_SUCH_CALL:
            raise
        return  # gone, a link or closed to us: no right to it, then
    try:
        rights = rule.rights & handled(version) & _possible(fd, denied)
        if rights:
            beneath = struct.pack("<Qi", rights, fd)
            kernel.call(_ADD_RULE, ruleset, _PATH_BENEATH, beneath, 0)
    finally:
        os.close(fd)


def _possible(fd: int, denied: set[tuple[int, int]]) -> int:
    """Return the rights that what ``fd`` stands for may be given at most."""
    try:
        told = os.fstat(fd)
    except OSError:  # a dead mount
        return 0
    if stat.S_ISLNK(told.st_mode) or (told.st_dev, told.st_ino) in denied:
        return 0
    return -1 if stat.S_ISDIR(told.st_mode) else _OF_A_FILE


def _open(path: str) -> int:
    if path in _DEVICES:  # /dev/ptmx is a link in some containers; /dev is the host's
        return os.open(path, os.O_PATH | os.O_CLOEXEC)
    return kernel.open_path(path)
