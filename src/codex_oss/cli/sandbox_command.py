"""``codex-oss sandbox``: a command as the model's run, or what they may do in words."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import cast

import msgspec

from codex_oss.cli.arguments import sandbox_parser
from codex_oss.cli.place import folder
from codex_oss.cli.settings import Flags, load_config
from codex_oss.config.legacy import PERMISSION_MODES
from codex_oss.errors import SandboxError, UsageError
from codex_oss.exec_mode.visible import visible
from codex_oss.sandbox.explain import Picture, words
from codex_oss.wiring import sandbox as wiring
from codex_oss.wiring.permissions import Backend, Job

_SYSTEMS = {
    "linux": "linux",
    "landlock": "linux",
    "macos": "darwin",
    "seatbelt": "darwin",
    "windows": "win32",
}
"""Names of sandboxes, and the system that has it."""
_WSL = "On Windows, use WSL2: install bubblewrap there and run codex-oss in it."
_NAMES = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}


def run(options: argparse.Namespace) -> int:
    """Run or explain, and return the exit code."""
    options, backend = _backend(options)
    command = options.command[options.command[:1] == ["--"] :]
    _check(options, command)
    job = _job(options)
    for warning in job.loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    if not options.explain:
        return wiring.run_command(job, command, backend, sys.stderr)
    picture = wiring.picture(job, backend)
    if options.json:
        told = msgspec.json.encode(_respelled(picture, _unicode))
        text = msgspec.json.format(told).decode() + "\n"
    else:
        told = words(_respelled(picture, visible))
        text = f"{'folder':<14}{visible(str(job.cwd))}\n{told}"
    sys.stdout.write(text)
    return 0


def _respelled(picture: Picture, spell: Callable[[str], str]) -> Picture:
    """Return a picture with all its texts as ``spell`` returns them."""

    def change(value: object) -> object:
        if isinstance(value, str):
            return spell(value)
        if isinstance(value, dict):
            entries = cast("dict[str, object]", value).items()
            return {key: change(inner) for key, inner in entries}
        if isinstance(value, list | tuple):
            return [change(inner) for inner in cast("list[object]", value)]
        return value

    return msgspec.convert(change(msgspec.to_builtins(picture)), Picture)


def _unicode(path: str) -> str:
    """Return a path for JSON: what in it is no UTF-8 becomes U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _backend(options: argparse.Namespace) -> tuple[argparse.Namespace, Backend]:
    """Take the sandbox's name from before the command, and the options after it."""
    name = options.command[0] if options.command else ""
    if name not in _SYSTEMS:
        return options, "auto"
    system, here = _SYSTEMS[name], _NAMES.get(sys.platform, sys.platform)
    if system == "win32":
        what, hint = "there is none for Windows", _WSL
    elif sys.platform != system:
        what = f"`{name}` is {_NAMES[system]}'s, and this is {here}"
        hint = f"Leave out `{name}` to use what {here} has."
    else:
        again = sandbox_parser().parse_args(options.command[1:], options)
        return again, "landlock" if name == "landlock" else "auto"
    raise SandboxError(f"Sandbox unavailable: {what}. Nothing was run.", hint=hint)


def _check(options: argparse.Namespace, command: list[str]) -> None:
    hint = "For more, try `codex-oss sandbox --help`."
    if options.json and not options.explain:
        raise UsageError("--json goes with --explain", hint=hint)
    if options.explain and command:
        raise UsageError("--explain runs nothing: leave out the command", hint=hint)
    if not options.explain and not command:
        raise UsageError(
            "no command to run",
            hint="Such as: codex-oss sandbox -- ls -la. What it may do: --explain.",
        )


def _job(options: argparse.Namespace) -> Job:
    flags: Flags = {}
    if name := options.permissions:
        mode = PERMISSION_MODES.get(name)
        key = "sandbox_mode" if mode else "default_permissions"
        flags[key] = ("--permissions-profile", mode or name)
    cwd = folder(options.cd)
    loaded = load_config(options, os.environ, flags, cwd=cwd)
    known = [*PERMISSION_MODES, *loaded.config.permissions]
    if name and name not in known:
        raise UsageError(
            f"there is no permission profile `{name}`",
            hint=f"Known: {', '.join(known)}.",
        )
    return Job(
        loaded=loaded,
        cwd=cwd,
        env=dict(os.environ),
        extra_roots=[folder(path) for path in options.add_dir],
    )
