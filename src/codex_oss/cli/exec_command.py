"""``codex-oss exec``: from arguments to one printed turn."""

import argparse
import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from codex_oss.cli.prompt_input import read_prompt
from codex_oss.cli.settings import load_config
from codex_oss.errors import CodexOssError, ConfigError
from codex_oss.exec_mode import run as exec_run
from codex_oss.exec_mode.human import Banner, Human
from codex_oss.exec_mode.jsonl import JsonLines
from codex_oss.wiring import session as wiring


def run(options: argparse.Namespace) -> int:
    """Run ``exec`` and return the exit code."""
    cwd = _folder(options.cd)
    loaded = load_config(options, os.environ)
    schema = _schema(options.output_schema)
    if not (options.skip_git_repo_check or options.bypass or _in_repository(cwd)):
        raise CodexOssError(
            "Not inside a trusted directory and --skip-git-repo-check was not "
            "specified.",
            hint=f"{cwd} is in no git repository, so changes could not be undone "
            "there. Run `git init`, or add --skip-git-repo-check.",
        )
    prompt = read_prompt(options.prompt, sys.stdin)
    job = wiring.Job(
        loaded=loaded,
        cwd=cwd,
        env=dict(os.environ),
        extra_roots=[_folder(folder) for folder in options.add_dir],
        ephemeral=options.ephemeral,
        output_schema=schema,
    )
    images = [path for group in options.image for path in group]
    return asyncio.run(_exec(job, options, prompt, images))


async def _exec(
    job: wiring.Job, options: argparse.Namespace, prompt: str, images: list[str]
) -> int:
    opened, last = await _open(job), options.output_last_message
    # What is there now stays, and need not be looked through again.
    gc.freeze()
    gc.enable()
    try:
        return await exec_run.run(
            opened.session,
            opened.prompt(prompt, images),
            _printer(job, options, opened, prompt),
            warnings=opened.warnings,
            last_message_file=Path(last) if last else None,
        )
    finally:
        await opened.close()


async def _open(job: wiring.Job) -> wiring.Opened:
    """Open the session; Ctrl-C and SIGTERM end that too, and what it started."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in exec_run.SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await wiring.open_session(job, sys.stderr)
    except asyncio.CancelledError as error:
        raise CodexOssError("interrupted") from error


def _printer(
    job: wiring.Job, options: argparse.Namespace, opened: wiring.Opened, prompt: str
) -> exec_run.Printer:
    if options.json:
        return JsonLines(sys.stdout.buffer)
    banner = Banner(
        title=wiring.TITLE, rows=opened.description, prompt=prompt.rstrip("\n")
    )
    color = options.color == "always" or (
        options.color == "auto" and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    )
    shown = not job.loaded.config.hide_agent_reasoning
    return Human(sys.stdout, sys.stderr, banner, color=color, reasoning=shown)


def _folder(given: str | None) -> Path:
    path = Path(given or ".")
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise CodexOssError(f"cannot use folder `{path}`: {why}") from error
    if not resolved.is_dir():
        raise CodexOssError(f"cannot use folder `{path}`: it is not a folder")
    return resolved


def _in_repository(cwd: Path) -> bool:
    """Tell whether git works here; an empty ``.git`` does not make a repository."""
    marks = [str(folder / ".git") for folder in (cwd, *cwd.parents)]
    isfile = os.path.isfile  # unlike Path.is_file, False for what may not be read
    return any(isfile(mark) or isfile(f"{mark}/HEAD") for mark in marks)


def _schema(given: str | None) -> dict[str, Any] | None:
    if given is None:
        return None
    try:
        data = Path(given).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Failed to read output schema file {given}: {error.strerror}"
        ) from error
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"Output schema file {given} is not valid JSON: {error}"
        ) from error
