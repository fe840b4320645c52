"""What a session's commands and patches may do."""

from typing import Literal

import msgspec

SandboxMode = Literal["read-only", "workspace-write", "danger-full-access"]
ApprovalPolicy = Literal["untrusted", "on-request", "on-failure", "never"]
Isolation = Literal["full", "reduced", "none"]
"""What the machine's sandbox can do: all that is promised; all but to protect the
settings in a writable root; nothing."""

PROTECTED_NAMES = (".git", ".codex", ".agents")
"""Entries of a writable root that stay read-only: hooks and settings run code."""

KERNELS_OWN = ("/proc", "/sys", "/dev")
"""Folders whose files are the kernel's: ``/proc/self/environ`` would hold our keys."""
SHARED_MEMORY = "/dev/shm"  # noqa: S108  named, not used
"""Among these a folder for files like others; Python's multiprocessing needs it."""


class Granular(msgspec.Struct, frozen=True, kw_only=True):
    """Kinds of questions that are asked; one that is not is answered with no.

    Source: ``approval_policy.granular`` of the Codex CLI 0.169.
    """

    sandbox_approval: bool = True
    """Whether to ask what the sandbox or the guard against destruction stops."""
    rules: bool = True
    """Whether to ask what a rule with ``decision = "prompt"`` names."""
    mcp_elicitations: bool = True
    """Whether MCP servers may ask, and whether calls of their tools are asked about."""
    request_permissions: bool = True
    """Accepted; there is no such tool."""
    skill_approval: bool = True
    """Accepted; skills are not asked about."""


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's commands may do. All paths are absolute and real.

    ``writable_roots``, the workspace first, and ``scratch``, the temporary folders,
    count in ``workspace-write`` only; nothing in ``scratch`` is protected. What lies
    at or below ``deny_read`` is neither read nor written. ``network`` is whether
    commands reach the network.
    """

    mode: SandboxMode = "read-only"
    approval: ApprovalPolicy | Granular = "never"
    writable_roots: tuple[str, ...] = ()
    scratch: tuple[str, ...] = ()
    deny_read: tuple[str, ...] = ()
    network: bool = False


def writable(path: str, permissions: Permissions) -> bool:
    """Return whether a patch may write to ``path``, by its absolute real path."""
    names = _names(path)
    if names is None or within(path, permissions.deny_read):
        return False
    if permissions.mode == "danger-full-access":
        return True
    if permissions.mode == "read-only":
        return False
    below = [
        inside
        for root in permissions.writable_roots
        if (inside := _below(names, root)) is not None
    ]
    if any(inside and inside[0] in PROTECTED_NAMES for inside in below):
        return False
    return bool(below) or within(path, permissions.scratch)


def within(path: str, roots: tuple[str, ...]) -> bool:
    """Return whether an absolute path is one of ``roots`` or below one."""
    names = _names(path)
    return names is not None and any(_below(names, root) is not None for root in roots)


def _below(names: list[str], root: str) -> list[str] | None:
    """Return the components below ``root``; None for a path that is not in it."""
    above = _names(root)
    if above is None or names[: len(above)] != above:
        return None
    return names[len(above) :]


def _names(path: str) -> list[str] | None:
    """Return the components of an absolute path; None for one that is not."""
    if not path.startswith("/"):
        return None
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in {"", "."}:
            names.append(name)
    return names
