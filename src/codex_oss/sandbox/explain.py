"""What a command may read, write and reach, in words.

Where bubblewrap isolates, that is read from the layout of the disk that its arguments
are made of; elsewhere from the permissions.
"""

import textwrap
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec

from codex_oss.policy import PROTECTED_NAMES, Permissions, SandboxMode, within
from codex_oss.sandbox.mounts import Layout
from codex_oss.sandbox.prepared import Guarantee
from codex_oss.sandbox.run import Settings

_FILTERS = {
    "loopback": "local servers work among the command's own processes; sockets of the "
    "host, tracing, io_uring and keyrings are refused",
    "strict": "only pipes and socket pairs to its own processes; no servers, not even "
    "local ones",
    "open": "the network works; tracing, io_uring, keyrings and sockets to a virtual "
    "machine's host are refused",
}


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that may be written, and what stays read-only in it."""

    path: str
    kind: Literal["workspace", "temporary"]
    protected: tuple[str, ...] = ()


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What a command may do. All paths are absolute and real."""

    mode: SandboxMode
    mode_from: str = ""
    """Who said so, such as ``~/.codex/config.toml:3`` or ``default``."""
    backend: str
    """Such as ``bubblewrap 0.8.0``; empty where nothing isolates."""
    isolation: Literal["full", "reduced", "none"]
    lacks: str
    """What the isolation does not promise, and what to do about it."""
    filter: Literal["loopback", "strict", "open", "none"]
    """Which system calls are refused (see ``seccomp``)."""
    ptrace: bool
    """Whether debuggers work on a command's own processes."""
    runs: bool
    """Whether a command would run at all."""
    hidden: tuple[str, ...]
    """What cannot be read."""
    writes: tuple[Write, ...]
    """What can be written, if not everything can."""
    network: bool
    remarks: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Variables of the environment that commands do not get."""


class _Disk(msgspec.Struct, frozen=True):
    """What of the disk may be written, and what cannot be seen of it."""

    writes: dict[str, tuple[str, ...]]
    """Writable folders, and what in them stays read-only."""
    hidden: tuple[str, ...]


def explain(
    permissions: Permissions,
    guarantee: Guarantee,
    settings: Settings,
    *,
    layout: Layout | None = None,
    remarks: Sequence[str] = (),
) -> Picture:
    """Return what a command may do.

    ``layout`` is what bubblewrap would show of the disk, if it is what isolates;
    ``remarks`` are the sandbox's own about the writable roots.
    """
    free = permissions.mode == "danger-full-access"
    roots = frozenset((*permissions.writable_roots, *permissions.scratch))
    disk = _shown(layout, roots) if layout else _promised(permissions, guarantee)
    temporary = frozenset(permissions.scratch) - {*permissions.writable_roots}
    return Picture(
        mode=permissions.mode,
        backend=guarantee.backend,
        isolation=guarantee.isolation,
        lacks="" if free else guarantee.why,
        filter=_filter(permissions, guarantee, settings),
        ptrace=layout is not None and settings.ptrace,
        runs=free or guarantee.isolation != "none",
        hidden=disk.hidden,
        writes=tuple(
            Write(
                path=path,
                kind="temporary" if path in temporary else "workspace",
                protected=protected,
            )
            for path, protected in disk.writes.items()
        ),
        network=permissions.network,
        remarks=tuple(remarks),
    )


def _shown(layout: Layout, roots: Collection[str]) -> _Disk:
    """Return what bubblewrap makes writable, keeps read-only and hides.

    What is writable inside of something writable only holds its place, unless it is
    one of ``roots``.
    """
    access = {"/": layout.disk, **dict(layout.mounts)}
    writes: dict[str, list[str]] = {}
    for path, how in sorted(access.items()):
        inside = access.get(_around(path, access)) == "write"
        if how == "write" and (not inside or path in roots):
            writes[path] = []
        elif how == "keep" and inside:
            writes[_around(path, writes)].append(path)
    return _Disk(
        {path: tuple(kept) for path, kept in writes.items()},
        (*layout.hidden_folders, *layout.hidden_files),
    )


def _around(path: str, places: Iterable[str]) -> str:
    """Return the innermost of ``places`` that holds a path; empty if none does."""
    holding = [at for at in places if at != path and within(path, (at,))]
    return max(holding, key=len, default="")


def _promised(permissions: Permissions, guarantee: Guarantee) -> _Disk:
    if permissions.mode != "workspace-write":
        return _Disk({}, permissions.deny_read)
    full = guarantee.isolation == "full"
    names = PROTECTED_NAMES if full else ()
    writes = {
        root: tuple(f"{root}/{name}" for name in names)
        for root in permissions.writable_roots
    }
    writes |= {root: () for root in permissions.scratch if root not in writes}
    return _Disk(writes, permissions.deny_read)


def _filter(
    permissions: Permissions, guarantee: Guarantee, settings: Settings
) -> Literal["loopback", "strict", "open", "none"]:
    if permissions.mode == "danger-full-access" or guarantee.isolation == "none":
        return "none"
    if guarantee.backend == "Seatbelt":
        return "none"
    if permissions.network:
        return "open"
    return settings.filter if guarantee.backend.startswith("bubblewrap") else "strict"


# --- in words -------------------------------------------------------------------------

_LABEL, _WIDTH = 14, 66


def words(picture: Picture) -> str:
    """Return a picture as text for people."""
    origin = f" ({picture.mode_from})" if picture.mode_from else ""
    rows = [("mode", [f"{picture.mode}{origin}"]), *_isolation(picture)]
    if picture.mode == "danger-full-access":
        told = "all that you may: commands run as if you had typed them"
        rows += [("may read", [told]), ("may write", [told]), ("may reach", [told])]
    elif picture.runs:
        rows += [
            ("may read", _reads(picture)),
            ("may write", _writes(picture)),
            ("may reach", _reaches(picture)),
        ]
    rows.append(("environment", _environment(picture)))
    rows += [("note", _prose(remark)) for remark in picture.remarks]
    return "".join(
        f"{name if first else '':<{_LABEL}}{line}\n"
        for name, lines in rows
        for first, line in zip((True, *([False] * len(lines))), lines, strict=False)
    )


Rows = list[tuple[str, list[str]]]


def _isolation(picture: Picture) -> Rows:
    if picture.mode == "danger-full-access":
        return [("isolated by", ["nothing"])]
    if not picture.runs:
        return [
            ("isolated by", ["nothing works here, so commands are not run"]),
            ("why", _prose(picture.lacks)),
        ]
    rows: Rows = [("isolated by", [f"{picture.backend} ({picture.isolation})"])]
    if picture.lacks:
        rows.append(("not promised", _prose(picture.lacks)))
    if picture.filter != "none":
        traced = " Debuggers work." if picture.ptrace else ""
        told = f"{picture.filter}: {_FILTERS[picture.filter]}.{traced}"
        rows.append(("system calls", _prose(told)))
    return rows


def _reads(picture: Picture) -> list[str]:
    if not picture.hidden:
        return ["all that you may"]
    return ["all that you may, but for", *(f"  {path}" for path in picture.hidden)]


def _writes(picture: Picture) -> list[str]:
    if not picture.writes:
        return ["nothing"]
    lines: list[str] = []
    for write in picture.writes:
        kind = " (temporary files)" if write.kind == "temporary" else ""
        lines.append(f"{write.path}{kind}")
        lines += [f"  but not {path}" for path in write.protected]
    return lines


def _reaches(picture: Picture) -> list[str]:
    if picture.network:
        return ["the network, as you do"]
    told = ["no network"]
    if picture.filter == "loopback":
        told.append("127.0.0.1: only what the same command has started")
    return told


def _environment(picture: Picture) -> list[str]:
    if not picture.without:
        return ["all of yours"]
    return _prose(f"yours without {', '.join(picture.without)}")


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False)
