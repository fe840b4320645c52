"""May this action run: allow, ask or deny, as one decision table.

Source of the table: what the Codex CLI 0.169 does in each approval policy and
sandbox mode (see ``docs/compatibility.md`` for where this program differs).
"""

from typing import Literal

import msgspec

SandboxMode = Literal["read-only", "workspace-write", "danger-full-access"]
ApprovalPolicy = Literal["untrusted", "on-request", "on-failure", "never"]


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's commands may do.

    ``writable_roots`` are absolute real paths, the workspace first; they count in
    ``workspace-write`` only. ``network`` is whether commands reach the network.
    """

    mode: SandboxMode = "read-only"
    approval: ApprovalPolicy = "never"
    writable_roots: tuple[str, ...] = ()
    network: bool = False


class RunCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command in a shell. ``escalated`` asks to run it outside the sandbox."""

    command: str
    cwd: str
    escalated: bool = False
    justification: str = ""


class WriteFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A change to files, by absolute real paths."""

    paths: tuple[str, ...]


Action = RunCommand | WriteFiles


class Allow(msgspec.Struct, frozen=True):
    """Run it; ``sandboxed`` says where."""

    sandboxed: bool = True


class Ask(msgspec.Struct, frozen=True):
    """A person decides; ``reason`` is shown to them."""

    reason: str = ""


class Deny(msgspec.Struct, frozen=True):
    """Do not run it; ``reason`` is told to the model."""

    reason: str


Verdict = Allow | Ask | Deny
