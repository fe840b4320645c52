"""``codex-oss review``: a change, in parts, put to the model, and what it found."""

import argparse
import asyncio
import os
import sys
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from codex_oss.cli import background, garbage
from codex_oss.cli.consent import consent
from codex_oss.cli.exec_command import printer
from codex_oss.cli.place import told_folder
from codex_oss.cli.prompt_input import read_text
from codex_oss.cli.trust import placed_config
from codex_oss.errors import CodexOssError, UsageError
from codex_oss.events import TokenUsage, TurnCompleted
from codex_oss.exec_mode.findings import SCHEMA
from codex_oss.exec_mode.jsonl import JsonLines
from codex_oss.exec_mode.review import NOTHING, Telling, review
from codex_oss.exec_mode.run import interruptible, write_last_message
from codex_oss.items import Item, user
from codex_oss.patch.pieces import pieces
from codex_oss.patch.widening import widened
from codex_oss.wiring import session as wiring
from codex_oss.wiring.changes import Target, changes, with_more
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.review_file import ReviewFile
from codex_oss.wiring.world import SystemClock, uuid7

REVIEW = "Review the {target}, and say what is wrong."
"""What the session's file says was asked for."""
MAX_PIECES = 100
"""Requests of one review."""
UNKNOWN_WINDOW = 16_384
"""Tokens, where nobody says what the window is."""
SHARE = 3
"""A part of a change may fill this part of the window; the rest is for the answer."""


def run(options: argparse.Namespace) -> int:
    """Review and return the exit code."""
    target, asked = _target(options)
    cwd = told_folder(options.cd)
    options.sandbox = "read-only"
    loaded = placed_config(options, cwd)
    job = Job(
        loaded=loaded,
        cwd=cwd,
        env=dict(os.environ),
        ephemeral=options.ephemeral,
        output_schema=SCHEMA,
        reviews=True,
        ignore_rules=options.ignore_rules,
        consent=consent(yes=options.yes, asks=not options.json, err=sys.stderr),
    )
    return asyncio.run(interruptible(_review(job, options, target, asked)))


def _target(options: argparse.Namespace) -> tuple[Target, str]:
    """Return what is reviewed, and what the person wants to be looked for."""
    given = {
        "--uncommitted": options.uncommitted,
        "--base": options.base is not None,
        "--commit": options.commit is not None,
        "[PROMPT]": options.prompt is not None,
    }
    named = [name for name, there in given.items() if there]
    if len(named) > 1:
        raise UsageError(
            f"the argument '{named[0]}' cannot be used with '{named[1]}'",
            hint="For more, try `codex-oss review --help`.",
        )
    if not named:
        raise CodexOssError(
            "Specify --uncommitted, --base, --commit, or provide custom review "
            "instructions"
        )
    if options.base is not None:
        return Target("base", options.base), ""
    if options.commit is not None:
        return Target("commit", options.commit, options.title or ""), ""
    if options.prompt is None:
        return Target(), ""
    piped = options.prompt == "-"
    asked = read_text(sys.stdin) if piped else options.prompt
    if not asked.strip():
        where = "provided via stdin" if piped else "given"
        raise CodexOssError(f"No prompt {where}.")
    return Target(), asked


async def _review(
    job: Job, options: argparse.Namespace, target: Target, asked: str
) -> int:
    changed = await changes(job, target)
    diff, folder = changed.diff, changed.folder
    last = options.output_last_message
    if not diff.strip():
        _tell_nothing(options)
        if last:
            write_last_message(Path(last), NOTHING)
        return 0
    # What the reviewer says and runs is not what the file holds: see `ReviewFile`.
    opened = await wiring.open_session(replace(job, ephemeral=True), sys.stderr)
    garbage.collect()
    name, window = dict(opened.description)["model"], opened.window
    thread_id = opened.session.thread_id
    try:
        limit = (window or UNKNOWN_WINDOW) * 4 // SHARE
        if window and not opened.session.has_tools:
            changed = await with_more(job, target, changed)
            diff = widened(diff, changed.wider, limit)
        prompts, cut = _prompts(pieces(diff, limit), asked, str(folder))
        with closing(
            ReviewFile(job, thread_id, opened.permissions, name, window)
        ) as file:
            file.begin(asked or REVIEW.format(target=target.words()))
            reviewed = await review(
                opened.session,
                prompts,
                printer(job, options, opened, asked or target.words()),
                warnings=[*opened.warnings, *changed.left_out, *cut],
                folder=folder,
                last_message_file=Path(last) if last else None,
            )
            file.end(reviewed.text, reviewed.last)
        return reviewed.code
    finally:
        await background.close(opened, sys.stderr)


def _prompts(parts: list[str], asked: str, folder: str) -> tuple[list[Item], list[str]]:
    """Return what is asked about each part of a change, and what is left out."""
    prompts = [
        _prompt(part, asked, folder, f"{number} of {len(parts)}")
        for number, part in enumerate(parts[:MAX_PIECES], 1)
    ]
    if len(parts) <= MAX_PIECES:
        return prompts, []
    told = (
        f"Only {MAX_PIECES} of {len(parts)} parts of the change are reviewed: "
        "review it in smaller steps, or with a larger window."
    )
    return prompts, [told]


def _tell_nothing(options: argparse.Namespace) -> None:
    if not options.json:
        sys.stdout.write(f"{NOTHING}\n")
        return
    telling = Telling(JsonLines(sys.stdout.buffer), uuid7(SystemClock().now()))
    telling.answer(NOTHING, TurnCompleted(usage=TokenUsage()))


def _prompt(part: str, asked: str, folder: str, which: str) -> Item:
    """Return one part of the change, and what is to be done with it."""
    task = f"{asked}\n\n" if asked else ""
    return user(
        f"{task}Review this change. Its files are below {folder}. "
        f"Part {which}:\n\n```diff\n{part}```"
    )
