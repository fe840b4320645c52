"""Seatbelt: the profile and the options of ``sandbox-exec``, which confine on macOS.

The profile's fixed part stands in ``seatbelt.sbpl``. What is added names folders, and
names them through parameters (``-D``), so that no path is ever read as a rule. Of
several rules that match a path the last one counts: what is allowed comes first.
"""
# Paths are strings here, as in `Permissions`.
# ruff: noqa: PTH112, PTH120

import os
from collections.abc import Iterable
from pathlib import Path

from codex_oss.errors import SandboxError
from codex_oss.policy import PROTECTED_NAMES, Permissions
from codex_oss.sandbox import protected

SANDBOX_EXEC = "/usr/bin/sandbox-exec"
"""The system's own; ``PATH`` is not asked, as a command may have written there."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_- ")
_SOME = "[^/]+"
_NOT_IN_BRACKETS = frozenset('^]["\\')


def argv(
    permissions: Permissions, *, user_cache: str | None, kept: Iterable[str] = ()
) -> list[str]:
    """Return the options of ``SANDBOX_EXEC`` up to and with ``--``.

    ``user_cache`` is what ``getconf DARWIN_USER_CACHE_DIR`` says; with the network,
    the system's libraries keep certificates there. Nothing at or below ``kept`` is
    written to, even in a writable root.

    Raises ``SandboxError`` when something cannot be protected.
    """
    if permissions.mode == "danger-full-access":
        raise SandboxError("cannot confine a command that may do everything")
    here = Path(__file__)
    text = here.with_name("seatbelt.sbpl").read_text(encoding="utf-8")
    rules = _Rules()
    if permissions.network:
        text += here.with_name("seatbelt_network.sbpl").read_text(encoding="utf-8")
        if user_cache:
            rules.add("allow file-write*", "subpath", "CACHE", [_real(user_cache)])
    _add_folders(rules, permissions, _reals(kept))
    profile = text + "\n" + "\n".join(rules.lines) + "\n"
    return ["-p", profile, *rules.options, "--"]


class _Rules:
    """Rules about paths, and the parameters that they speak of."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.options: list[str] = []

    def add(self, action: str, filters: str, key: str, paths: Iterable[str]) -> None:
        """Add one rule for each path, with every one of the ``filters``."""
        for number, path in enumerate(paths):
            name = f"{key}_{number}"
            self.options.append(f"-D{name}={_checked(path)}")
            tests = " ".join(f'({each} (param "{name}"))' for each in filters.split())
            self.lines.append(f"({action} {tests})")


def _add_folders(rules: _Rules, permissions: Permissions, kept: set[str]) -> None:
    denied = sorted({*permissions.deny_read, *_reals(permissions.deny_read)})
    writable = permissions.mode == "workspace-write"
    roots = _folders(permissions.writable_roots if writable else ())
    places = sorted({*roots, *_folders(permissions.scratch if writable else ())})
    for root in roots:
        kept.update(protected.names(root), protected.existing(root))
    rules.add("allow file-write*", "subpath", "WRITABLE_ROOT", places)
    # A name is denied itself too, so that it cannot be made where it is missing.
    rules.add("deny file-write*", "literal subpath", "PROTECTED", sorted(kept))
    rules.lines += [_any_case(root, name) for root in roots for name in PROTECTED_NAMES]
    rules.add("deny file-read* file-write*", "literal subpath", "DENIED", denied)
    # What is moved away with the folder around it would have another path.
    around = {
        parent
        for path in (*kept, *denied)
        for parent in _parents(path)
        if any(protected.is_below(parent, place) for place in places)
    }
    rules.add("deny file-write-unlink", "literal", "AROUND", sorted(around))


def _folders(paths: Iterable[str]) -> list[str]:
    """Return the folders among roots, which were real when they were allowed.

    One that leads elsewhere by now is left out: a command may have put a link there.
    """
    folders = sorted({p for p in paths if os.path.isdir(p) and _real(p) == p})
    if "/" in folders:
        raise SandboxError(
            "cannot confine a command whose writable root is /. Nothing was run.",
            hint="Name the folders in sandbox_workspace_write.writable_roots.",
        )
    return folders


def _reals(paths: Iterable[str]) -> set[str]:
    return {_real(path) for path in paths}


def _real(path: str) -> str:
    """Return what macOS compares with: ``/tmp`` is ``/private/tmp`` there."""
    return os.path.realpath(path)


def _parents(path: str) -> Iterable[str]:
    while (path := os.path.dirname(path)) != "/":
        yield path


def _checked(path: str) -> str:
    if any(char < " " or char == "\x7f" for char in path):
        raise SandboxError(
            f"cannot enforce a sandbox for {path!r}: its name has control characters. "
            "Nothing was run.",
            hint="Rename it, or leave it out of the configuration.",
        )
    return path


def _any_case(root: str, name: str) -> str:
    """Return a rule for the spellings of a name that most disks take for the same."""
    spelled = "".join(
        f"[{char}{char.upper()}]" if char.isalpha() else f"[{char}]" for char in name
    )
    return f'(deny file-write* (regex #"^{_pattern(_checked(root))}/{spelled}(/.*)?$"))'


def _pattern(path: str) -> str:
    """Return a regular expression for a path, at least; it may match a few more.

    What could end the quoted text, or has several bytes, matches anything but ``/``.
    """
    parts: list[str] = []
    for char in path:
        if char in _PLAIN:
            parts.append(char)
        elif char.isascii() and char not in _NOT_IN_BRACKETS:
            parts.append(f"[{char}]")
        elif parts[-1:] != [_SOME]:  # once, or a long name would be slow to match
            parts.append(_SOME)
    return "".join(parts)
