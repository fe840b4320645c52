"""``resume``, ``fork``, and those of ``exec``: which conversation, and on with it."""

import argparse
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from codex_oss import __version__
from codex_oss.cli import exec_command
from codex_oss.cli.place import told_folder
from codex_oss.cli.settings import load_config
from codex_oss.config import load
from codex_oss.errors import SessionError, UsageError
from codex_oss.exec_mode.visible import visible
from codex_oss.sessions import choosing, reading, shelf
from codex_oss.sessions.catalog import File
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.rollout import utc
from codex_oss.wiring.world import uuid7

_STAMP = "%Y-%m-%dT%H-%M-%S"


def run(command: str, options: argparse.Namespace) -> int:
    """Run one of the commands and return the exit code."""
    line_mode, forks = not command.startswith("exec"), command.endswith("fork")
    if options.last and options.prompt is None:
        options.session, options.prompt = None, options.session
    home = load.codex_home(os.environ)
    file = _chosen(home, options, command, line_mode=line_mode)
    if file is None:
        return 0
    while True:
        kept = _copy(home, file, command) if forks else _kept(home, file, options)
        try:
            _as_it_was(options, kept)
            if not line_mode:
                return exec_command.run(options, kept)
            code, forks = _lines(options, kept)
        finally:
            if kept.lock is not None:
                kept.lock.release()
        if not forks:
            return code
        file = choosing.named(home, kept.thread_id)
        options.prompt = None


def _lines(options: argparse.Namespace, kept: Kept) -> tuple[int, bool]:
    """Run line mode; return the exit code, and whether a copy is to be gone on with."""
    from codex_oss.cli import line_mode  # noqa: PLC0415  `exec` does without

    options.json = False
    return line_mode.run(options, kept)


def _chosen(
    home: Path, options: argparse.Namespace, command: str, *, line_mode: bool
) -> File | None:
    """Return the conversation that is meant; None: a person has chosen none."""
    if options.session is not None:
        return choosing.named(home, options.session)
    wanted = choosing.Wanted(
        cwd=None if options.all else told_folder(options.cd),
        interactive=line_mode and not options.scripts,
    )
    if options.last:
        return _last(home, wanted)
    if not line_mode:
        raise UsageError(
            f"{command}: which session? Name its id or its name, or say --last.",
            hint="`codex-oss sessions` lists them.",
        )
    from codex_oss.cli import picking  # noqa: PLC0415  only for who has to choose

    return picking.pick(home, wanted, command)


def _last(home: Path, wanted: choosing.Wanted) -> File:
    """Return the last conversation that a person led, or else a script."""
    with suppress(SessionError):
        return choosing.last(home, wanted).file
    return choosing.last(home, replace(wanted, interactive=False)).file


def _kept(home: Path, file: File, options: argparse.Namespace) -> Kept:
    if options.ephemeral:
        return reading.read(file.path, file.thread_id)
    return reading.take(home, file.path, file.thread_id)


def _copy(home: Path, file: File, command: str) -> Kept:
    now = time.time()
    script = command.startswith("exec")
    thread_id = uuid7(now)
    meta = {
        "id": thread_id,
        "session_id": thread_id,
        "timestamp": utc(now),
        "originator": "codex_oss_exec" if script else "codex_oss_cli",
        "cli_version": __version__,
        "source": "exec" if script else "cli",
    }
    return shelf.fork(home, file, meta, time.strftime(_STAMP, time.localtime(now)))


def _as_it_was(options: argparse.Namespace, kept: Kept) -> None:
    """Let the options say what the conversation had, where they say nothing.

    That is its folder, its provider and its model.
    """
    if options.cd is None:
        options.cd = str(_folder(kept))
    if any((options.model, options.oss, options.local_provider, options.profile)):
        return
    loaded = load_config(options, os.environ, cwd=told_folder(options.cd))
    named = {each.partition("=")[0].strip() for each in options.config}
    if kept.provider and kept.provider != loaded.provider_id:
        if named & {"model_provider", "profile"}:
            return
        if kept.provider not in loaded.config.model_providers:
            sys.stderr.write(
                f"warning: provider `{visible(kept.provider)}` of this session is not "
                f"configured: `{loaded.provider_id}` is asked instead\n"
            )
            return
        options.config.append(f'model_provider="{kept.provider}"')
    if kept.model and "model" not in named and kept.model != loaded.config.model:
        options.model = kept.model


def _folder(kept: Kept) -> Path:
    cwd = Path(str(kept.meta.get("cwd") or "."))
    if cwd.is_dir():
        return cwd
    raise SessionError(
        f"the folder of this session is gone: {cwd}",
        hint="Name another with -C DIR, such as `-C .`",
    )
