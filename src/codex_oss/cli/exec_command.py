"""``codex-oss exec``: from arguments to one printed turn."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from codex_oss.cli import background, garbage
from codex_oss.cli.colors import colored
from codex_oss.cli.consent import consent
from codex_oss.cli.place import folder, told_folder
from codex_oss.cli.prompt_input import Prompt
from codex_oss.cli.settings import GRANULAR
from codex_oss.cli.trust import placed_config
from codex_oss.config.load import Loaded, approval_policy
from codex_oss.errors import ConfigError
from codex_oss.exec_mode import run as exec_run
from codex_oss.exec_mode.human import Banner, Human
from codex_oss.exec_mode.jsonl import JsonLines
from codex_oss.exec_mode.screen import columns
from codex_oss.policy import Granular
from codex_oss.ports import Approver
from codex_oss.sessions.kept import Kept
from codex_oss.wire.json_text import NOT_JSON
from codex_oss.wiring import session as wiring
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.world import Nobody


def run(options: argparse.Namespace, kept: Kept | None = None) -> int:
    """Run ``exec`` and return the exit code. ``kept`` is a conversation to go on in."""
    cwd = told_folder(options.cd)
    loaded = placed_config(options, cwd)
    schema = _schema(options.output_schema)
    _check_asking(options, loaded)
    asked = Prompt(options.prompt, sys.stdin, sys.stderr)
    begun = asked.begun()
    prompt = asked if begun is None else begun
    approver, put_away = _approver(options, loaded)
    job = Job(
        loaded=loaded,
        cwd=cwd,
        env=dict(os.environ),
        extra_roots=[folder(path) for path in options.add_dir],
        ephemeral=options.ephemeral,
        output_schema=schema,
        approver=approver,
        ignore_rules=options.ignore_rules,
        consent=consent(yes=options.yes, asks=not options.json, err=sys.stderr),
        kept=kept,
    )
    images = [path for group in options.image for path in group]
    try:
        # A signal that comes before the turn has begun ends all the same.
        turn = _turn(job, options, prompt, images)
        return asyncio.run(exec_run.interruptible(turn))
    finally:
        put_away()


async def _turn(
    job: Job, options: argparse.Namespace, prompt: str | Prompt, images: list[str]
) -> int:
    opened = await wiring.open_session(job, sys.stderr)
    last = options.output_last_message
    garbage.collect()
    try:
        if isinstance(prompt, Prompt):
            # Who writes it needs a while: the model is made ready meanwhile.
            opened.session.warm()
            prompt = await prompt.rest()
        return await exec_run.run(
            opened.session,
            opened.prompt(prompt, images),
            printer(job, options, opened, prompt),
            warnings=opened.warnings,
            last_message_file=Path(last) if last else None,
        )
    finally:
        await background.close(opened, sys.stderr)


def printer(
    job: Job, options: argparse.Namespace, opened: wiring.Opened, prompt: str
) -> exec_run.Printer:
    """Return what prints the events of a turn as the options say."""
    if options.json:
        return JsonLines(sys.stdout.buffer)
    banner = Banner(
        title=wiring.TITLE, rows=opened.description, prompt=prompt.rstrip("\n")
    )
    color = options.color == "always" or (
        options.color == "auto" and colored(sys.stderr)
    )
    config = job.loaded.config
    raw = "raw" if config.show_raw_agent_reasoning else True
    shown = not config.hide_agent_reasoning and raw
    human = Human(sys.stdout, sys.stderr, banner, color=color, reasoning=shown)
    if not sys.stderr.isatty():
        return human
    from codex_oss.exec_mode import waiting  # noqa: PLC0415  only for who watches

    later, width = asyncio.get_running_loop().call_later, columns(sys.stderr)
    return waiting.Waiting(human, sys.stderr, later, width=width)


def _check_asking(options: argparse.Namespace, loaded: Loaded) -> None:
    table = isinstance(approval_policy(loaded.config), Granular)
    if options.ask == GRANULAR and not table:
        raise ConfigError(
            "-a granular needs a table `approval_policy.granular`",
            hint="Such as -c approval_policy.granular.rules=false",
        )


def _approver(
    options: argparse.Namespace, loaded: Loaded
) -> tuple[Approver | None, Callable[[], None]]:
    """Return who is asked, and what to call in the end.

    Nobody is asked without ``-a``. Without a terminal nobody can be: under
    ``untrusted`` all that would be asked is refused, and the others are ``never``.
    """
    policy = approval_policy(loaded.config)
    if options.ask is None or policy == "never":
        return None, _nothing
    from codex_oss.cli.browser import browser  # noqa: PLC0415  the same
    from codex_oss.exec_mode import asking  # noqa: PLC0415  only where one is asked

    terminal = asking.open_terminal(browser(os.environ), color=colored(sys.stderr))
    if terminal is not None:
        return terminal, terminal.close
    sys.stderr.write(
        f"warning: there is no terminal to ask at: what -a {options.ask} would ask is "
        "refused\n"
    )
    return (Nobody() if policy == "untrusted" else None), _nothing


def _nothing() -> None:
    """Put nothing away."""


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
    except NOT_JSON as error:
        raise ConfigError(
            f"Output schema file {given} is not valid JSON: {error}"
        ) from error
