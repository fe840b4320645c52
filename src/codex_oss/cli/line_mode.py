"""``resume`` and ``fork`` at a terminal: one conversation, prompt after prompt."""

import argparse
import asyncio
import os
import sys
import time

from codex_oss.cli import background, exec_command, garbage
from codex_oss.cli.browser import browser
from codex_oss.cli.colors import colored
from codex_oss.cli.consent import consent
from codex_oss.cli.place import folder, told_folder
from codex_oss.cli.slash_commands import FORK, Around, slashes
from codex_oss.cli.trust import placed_config
from codex_oss.errors import CodexOssError
from codex_oss.exec_mode import keys as terminal
from codex_oss.exec_mode import run as exec_run
from codex_oss.exec_mode.asking import Terminal
from codex_oss.exec_mode.keys import Keys
from codex_oss.exec_mode.prompting import Prompting
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.prompts import Prompts
from codex_oss.wiring import session as wiring
from codex_oss.wiring.permissions import Front, Job

FRONT = Front(originator="codex_oss_cli", source="cli")


def run(options: argparse.Namespace, kept: Kept) -> tuple[int, bool]:
    """Run line mode; return the exit code, and whether a copy is to be gone on with."""
    fd = terminal.open_terminal()
    if fd is None or not sys.stdin.isatty():
        raise CodexOssError(
            "stdin is not a terminal",
            hint=f"Without one: codex-oss exec resume {kept.thread_id} PROMPT",
        )
    cwd = told_folder(options.cd)
    loaded = placed_config(options, cwd)
    person = Terminal(os.dup(fd), browser(os.environ), color=colored(sys.stderr))
    job = Job(
        loaded=loaded,
        cwd=cwd,
        env=dict(os.environ),
        extra_roots=[folder(path) for path in options.add_dir],
        ephemeral=options.ephemeral,
        approver=person,
        ignore_rules=options.ignore_rules,
        consent=consent(yes=options.yes, asks=True, err=sys.stderr),
        front=FRONT,
        kept=kept,
    )
    keys = Keys(fd)
    try:
        talk = _converse(job, options, keys)
        return 0, asyncio.run(exec_run.interruptible(talk)) == FORK
    finally:
        keys.close()
        person.close()


async def _converse(job: Job, options: argparse.Namespace, keys: Keys) -> str:
    """Open the session, let the person talk, and close it, however they leave."""
    opened = await wiring.open_session(job, sys.stderr)
    garbage.collect()
    try:
        return await _talk(job, options, keys, opened)
    finally:
        await background.close(opened, sys.stderr)


async def _talk(
    job: Job, options: argparse.Namespace, keys: Keys, opened: wiring.Opened
) -> str:
    kept, home, history = job.kept, job.loaded.home, job.loaded.config.history
    assert kept is not None
    around = Around(
        home=home,
        cwd=job.cwd,
        description=opened.description,
        rollout=opened.rollout,
        undo=job.loaded.config.undo,
        commands=opened.commands,
    )
    keep = history.persistence == "save-all" and not options.ephemeral
    images = [path for group in options.image for path in group]

    def made(text: str):  # noqa: ANN202  a message
        shown, images[:] = list(images), []
        return opened.prompt(text, shown)

    prompting = Prompting(
        opened.session,
        keys,
        Prompts(home, keep=keep, max_bytes=history.max_bytes),
        slashes(around),
        made=made,
        printer=lambda: exec_command.printer(job, options, opened, ""),
        err=sys.stderr,
        now=time.time,
        usage=kept.usage,
    )
    prompting.say(f"{wiring.TITLE} · {dict(opened.description)['model']} · {job.cwd}")
    prompting.say("/help lists commands; Ctrl-D leaves\n")
    prompting.show_tail()
    for warning in opened.warnings:
        prompting.say(f"warning: {warning}")
    if options.prompt is None:
        opened.session.warm()
    how = await prompting.converse(options.prompt)
    if opened.rollout is not None and how != FORK:
        prompting.say(f"To go on: codex-oss resume {kept.thread_id}")
    return how
