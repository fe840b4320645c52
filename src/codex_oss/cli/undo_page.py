"""Turns and what was taken back, as pages and as JSON."""

import difflib
import os
import time

import msgspec

from codex_oss.exec_mode.visible import visible
from codex_oss.undo.entries import Gap, Record
from codex_oss.undo.report import Line, Report

DIFF_BYTES = 512 * 1024
"""Bytes of a file from which on its lines are not compared."""
ID = 13
"""Letters of a turn's id: its time in milliseconds, as UUIDs of version 7 have it."""
_PROMPT = 60


def table(records: list[Record], workspace: str) -> str:
    """Return the turns of a workspace as lines."""
    rows = [f"turns in {visible(workspace)}, the newest first:"]
    for record in records:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.time))
        count = sum(1 for _ in record.changes)
        paths = f"{count} path{'' if count == 1 else 's'}"
        state = "  (taken back)" if record.undone else ""
        prompt = visible(record.prompt)[:_PROMPT]
        rows.append(f"{record.turn_id[:ID]}  {when}  {paths:>10}  {prompt}{state}")
        rows += [
            f"    not covered: {_path(gap.path)} ({gap.why})" for gap in record.gaps
        ]
    return "\n".join(rows) + "\n"


def listed(records: list[Record]) -> object:
    """Return the turns of a workspace for JSON."""
    return [
        {
            **_turn(record),
            "undone": record.undone > 0,
            "paths": [_path(change.path) for change in record.changes],
            "gaps": _gaps(record.gaps),
        }
        for record in records
    ]


def told(report: Report) -> object:
    """Return a report for JSON."""
    return {
        "action": report.action,
        "done": report.done,
        "workspace": _path(report.workspace),
        "turns": [_turn(record) for record in report.turns],
        "paths": [{"path": _path(e.path), "change": e.letter} for e in report.lines],
        "conflicts": _gaps(report.conflicts),
        "overwritten": report.overwritten,
        "left": _gaps(report.left),
    }


def diff(report: Report, contents: list[tuple[Line, bytes, bytes]]) -> str:
    """Return the changed lines of all files of a report."""
    shown: list[str] = []
    for line, old, new in contents:
        name = report.shown(line.path)
        if max(len(old), len(new)) > DIFF_BYTES or b"\0" in old + new:
            shown.append(f"{name}: no text, or too long to be shown\n")
            continue
        before, after = (_lines(text) for text in (old, new))
        shown += difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(f"{visible(text.rstrip(chr(10)))}\n" for text in shown)


def json(page: object) -> str:
    """Return a page as JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(page)).decode() + "\n"


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines(keepends=True)


def _turn(record: Record) -> dict[str, object]:
    return {
        "id": record.turn_id,
        "thread_id": record.thread_id,
        "time": record.time,
        "prompt": _utf8(record.prompt),
    }


def _gaps(gaps: list[Gap]) -> list[dict[str, str]]:
    return [{"path": _path(gap.path), "why": gap.why} for gap in gaps]


def _path(path: bytes) -> str:
    """Return a path that can be printed."""
    return visible(os.fsdecode(path))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
