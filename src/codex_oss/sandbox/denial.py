"""Whether the sandbox has blocked a command, what it blocked, and how to allow it.

Source of the words that denials are known by: the Codex CLI 0.169, and what the
programs of Linux, macOS, Python, Node.js, git and curl print. A program may say none
of them, or one of them for a reason of its own; so what cannot come from the sandbox
is left out, and the rest is told as what was seen.
"""

import os
import re
from pathlib import Path
from typing import Literal

import msgspec

from codex_oss.policy import PROTECTED_NAMES, Permissions, within, writable

LOOKED_AT = 64 * 1024
"""Characters at each end of an output that are looked at."""
LINE = 200
"""Characters of a line that are repeated."""
BAD_SYSTEM_CALL = 159
"""The exit code of a program that Linux ended for a forbidden system call."""

_SILENT = {6: "curl", 7: "curl", 4: "wget"}
"""Exit codes for a host that was not found or not reached: curl(1), wget(1)."""

_FILES = re.compile(
    r"read-only file system|permission denied|operation not permitted|\berofs\b"
    r"|\beacces\b|\beperm\b|failed to write file|unable to open database file"
    # So Node.js tells that it could make no folder on a read-only disk.
    r"|sandbox_apply|\benoent(?=: no such file or directory, mkdir ')",
    re.IGNORECASE,
)
_NETWORK = re.compile(
    r"could not resolve|name resolution|name or service not known|nodename nor servname"
    r"|network is (?:unreachable|down)|\beai_again\b|\benotfound\b|\benetunreach\b"
    r"|\bgetaddrinfo\b|connection refused|\beconnrefused\b|no route to host"
    r"|failed to (?:lookup|resolve)|no such host",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"permission denied \((?:publickey|password|gssapi)", re.IGNORECASE
)
# `cat: /a/b: Permission denied`, `touch: cannot touch 'a b': …`; `[Errno 30] …: '/a'`
# of Python; `EROFS: …, open '/a'` of Node.js.
_PATH_BEFORE = re.compile(
    r"(?:['\"\u2018](?P<quoted>[^'\"\u2019]+)['\"\u2019]|(?P<bare>[^\s:'\"()]+))$"
)
_PATH_OF_NODE = re.compile(r"^: [\w -]{0,60}, \w+ '(?P<quoted>[^']+)'")
_PATH_AFTER = re.compile(r"^[^'\"\n]{0,40}['\"](?P<quoted>[^'\"]+)['\"]")

Kind = Literal["files", "network", "system"]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A command that ran in the sandbox and has ended."""

    exit_code: int
    output: str
    cwd: str
    backend: str
    """As ``Guarantee.backend`` has it."""
    command: str = ""
    """The script that was run."""


class Blocked(msgspec.Struct, frozen=True):
    """What the sandbox blocked: a path, the network, or a system call."""

    kind: Kind
    what: str
    """For people and models, as one sentence."""
    path: str = ""


def blocked(ended: Ended, permissions: Permissions) -> Blocked | None:
    """Return what the sandbox blocked, if it seems to have blocked anything."""
    if ended.exit_code == 0:
        return None
    if ended.exit_code == BAD_SYSTEM_CALL:
        return Blocked("system", "a system call was blocked and ended the program")
    text = ended.output
    if len(text) > 2 * LOOKED_AT:
        text = text[:LOOKED_AT] + text[-LOOKED_AT:]
    lines = text.splitlines()
    for line in lines:
        found = _file_denial(line, ended, permissions)
        if found is not None:
            return found
    if not permissions.network and (
        any(map(_NETWORK.search, lines)) or _silent_about_network(ended)
    ):
        return Blocked("network", "commands have no network, nor the host's servers")
    return None


def _silent_about_network(ended: Ended) -> bool:
    """Return whether a program that was told to be silent had no network."""
    program = _SILENT.get(ended.exit_code)
    return program is not None and program in ended.command


def advice(found: Blocked, permissions: Permissions) -> str:
    """Return what a model may do about it, in one or two sentences."""
    if permissions.approval == "never":
        return (
            "Nobody can allow it now: do without it, or say in your answer what was "
            "blocked."
        )
    what = "the network" if found.kind == "network" else "it"
    return (
        f"If the task needs {what}, call again with "
        'sandbox_permissions="require_escalated" and a justification; the command may '
        "have done a part of its work already."
    )


def remedy(found: Blocked, permissions: Permissions) -> str:
    """Return how a person can allow it the next time."""
    if found.kind == "network":
        if permissions.mode == "read-only":
            return "To allow it: -s danger-full-access, where that is acceptable."
        return "To allow it: -c sandbox_workspace_write.network_access=true"
    if found.kind == "system":
        return "To allow it: -s danger-full-access, where that is acceptable."
    if within(found.path, permissions.deny_read):
        return "To allow it: take it out of `sandbox_deny_read` in config.toml."
    if permissions.mode == "read-only":
        return "To allow writing to the folder: -s workspace-write"
    if _protected(found.path, permissions):
        if permissions.approval == "never":
            return "To allow it: -a on-request, and the model can ask you; or do it."
        return "To allow it: say yes when the model asks; or do it yourself."
    return _remedy_by_folder(found.path)


def _remedy_by_folder(path: str) -> str:
    """Return how to allow writing a path, by the folder that holds it."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112, PTH120  a text
    if folder not in {"", "/", os.path.expanduser("~")}:  # noqa: PTH111  may fail
        return f"To allow it: --add-dir {folder}"
    # All of the home folder would be far too much for `~/.npm`.
    return f"To allow it, if it is a folder: make it, then --add-dir {path}"


def _file_denial(line: str, ended: Ended, permissions: Permissions) -> Blocked | None:
    seen = _FILES.search(line)
    if seen is None or _FOREIGN.search(line):
        return None
    path = _path(line, seen, ended.cwd)
    word = seen.group().lower()
    if not path:
        if word in _REFUSED and ended.backend.startswith("bubblewrap"):
            # There, only what is denied by name reads so; else it is the file's mode.
            return None
        kind = "system" if word in _FORBIDDEN else "files"
        return Blocked(kind, f"the command said `{line.strip()[:LINE]}`")
    if within(path, permissions.deny_read):
        return Blocked("files", f"{path} may not be read", path)
    if writable(path, permissions):
        return None
    if word in _REFUSED and ended.backend.startswith("bubblewrap"):
        return None
    return Blocked("files", _why(path, permissions), path)


_REFUSED = frozenset({"permission denied", "eacces"})
_FORBIDDEN = frozenset({"operation not permitted", "eperm", "sandbox_apply"})


def _why(path: str, permissions: Permissions) -> str:
    if permissions.mode == "read-only":
        return f"{path} cannot be written: the sandbox is read-only"
    if name := _protected(path, permissions):
        return f"{path} cannot be written: {name} stays read-only in the sandbox"
    return f"{path} cannot be written: it lies outside of what the sandbox lets write"


def _protected(path: str, permissions: Permissions) -> str:
    """Return the protected name that ``path`` lies in, if it does."""
    for root in permissions.writable_roots:
        if within(path, (root,)):
            below = path[len(root) :].lstrip("/").partition("/")[0]
            if below in PROTECTED_NAMES:
                return below
    return ""


def _path(line: str, seen: re.Match[str], cwd: str) -> str:
    """Return the path that a line names beside its complaint, absolute, or nothing."""
    if node := _PATH_OF_NODE.match(line[seen.end() :]):
        return os.path.normpath(Path(cwd) / node["quoted"])
    before = line[: seen.start()].rstrip().removesuffix(":").rstrip()
    found = _PATH_BEFORE.search(before)
    name = found and (found["quoted"] or found["bare"])
    if not name or not _like_a_path(name, quoted=bool(found and found["quoted"])):
        after = _PATH_AFTER.search(line[seen.end() :])
        name = after and after["quoted"]
    if not name:
        return ""
    return os.path.normpath(Path(cwd) / name)


def _like_a_path(name: str, *, quoted: bool) -> bool:
    return quoted or "/" in name or "." in name
