"""A question to a person as lines of a terminal: what, where, why, and the answers.

Part of a question is written by the model: command, reason and paths. None of it may
look like something else. What is not printable is shown by its code, and every line is
cut to the terminal's width here, so that all of them begin with a bar of our own.
"""

from typing import assert_never

import msgspec

from codex_oss.exec_mode.screen import MIN_COLUMNS
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap
from codex_oss.policy import (
    Action,
    Answer,
    AnswerServer,
    CallTool,
    Question,
    RunAgain,
    RunCommand,
    WriteFiles,
)

SHOWN_ROWS = 40
"""Rows of a command that are shown unless the person wants to see all."""

BAR = "  │ "
"""What stands before each line of somebody else's."""
_LABEL = 8
_OUTSIDE = "OUTSIDE the sandbox, with all your rights"


class Choice(msgspec.Struct, frozen=True):
    """One answer: the key for it, besides its number, and what it says."""

    answer: Answer
    key: str
    text: str
    page: str = ""
    """What it agrees to be opened; ``opens``: by us."""
    opens: bool = False


def choices(question: Question, *, browses: bool = False) -> list[Choice]:
    """Return the answers that this question has, in the order of their numbers.

    ``browses``: there is a browser that a page may be opened in.
    """
    if isinstance(question.action, AnswerServer):
        return _server_choices(question.action, browses=browses)
    offered = [Choice("yes", "y", "Yes, proceed (y)")]
    if question.prefix:
        words = visible(" ".join(question.prefix))
        again = f"don't ask again for commands that start with `{words}`"
        offered.append(Choice("always", "p", f"Yes, and {again} (p)"))
    return [
        *offered,
        Choice("session", "s", f"Yes, and for {_again(question)} too (s)"),
        Choice("no", "n", "No, go on without it (n)"),
        Choice("stop", "\x1b", "No, and stop (esc)"),
    ]


def _again(question: Question) -> str:
    if isinstance(question.action, WriteFiles):
        return "any change to just these files in this session"
    return "the same in this session"


def _server_choices(asked: AnswerServer, *, browses: bool) -> list[Choice]:
    page = asked.url
    yes = "Yes, I open it myself (y)" if page else "Yes (y)"
    open_it = Choice("yes", "o", "Yes, open it in the browser (o)", page, opens=True)
    return [
        *([open_it] if page and browses else []),
        Choice("yes", "y", yes, page),
        Choice("no", "n", "No, decline (n)"),
        Choice("later", "\x1b", "Leave without an answer (esc)"),
    ]


def draw(
    question: Question,
    columns: int,
    *,
    whole: bool = False,
    browses: bool = False,
    color: bool = False,
) -> str:
    """Return the question as text that ends where the answer is waited for.

    ``columns`` is the terminal's width. The middle of a long command or diff is left
    out, and that is said, unless ``whole``.
    """
    width = max(columns, MIN_COLUMNS) - 1
    title, subject, facts = _told(question)
    subject_rows = [row for line in subject for row in wrap(line, width - len(BAR))]
    lines = [title, ""]
    lines += _cut([f"{BAR}{row}" for row in subject_rows], whole=whole)
    lines.append("")
    if question.diffs:
        from codex_oss.exec_mode.diff_rows import rows_of  # noqa: PLC0415  patches only

        rows = rows_of(question.diffs, width - len(BAR), color=color)
        lines += [*_cut([f"{BAR}{row}" for row in rows], whole=whole), ""]
    for name, value in facts:
        rows = wrap(value, width - _LABEL - 2)
        lines.append(f"  {name:<{_LABEL}}{rows[0]}")
        lines += [f"  {'':<{_LABEL}}{row}" for row in rows[1:]]
    lines.append("")
    for number, choice in enumerate(choices(question, browses=browses), start=1):
        rows = wrap(choice.text, width - 5)
        lines.append(f"  {number}. {rows[0]}")
        lines += [f"     {row}" for row in rows[1:]]
    return "\n".join([*lines, "> "])


def _cut(rows: list[str], *, whole: bool) -> list[str]:
    left_out = len(rows) - SHOWN_ROWS
    if whole or left_out <= 0:
        return rows
    half = SHOWN_ROWS // 2
    gap = f"  … {left_out} rows are not shown: press v to see all …"
    return [*rows[:half], gap, *rows[-half:]]


Facts = list[tuple[str, str]]


def _told(question: Question) -> tuple[str, list[str], Facts]:
    """Return the title, the lines it is about, and the facts; all of it visible."""
    action = question.action
    match action:
        case RunCommand():
            return "Run this command?", _lines(action.command), _facts(action, question)
        case RunAgain():
            title = "The sandbox has blocked this command. Run it again, outside of it?"
            return title, _lines(action.command), _facts(action, question)
        case WriteFiles():
            paths = [visible(path) for path in action.paths]
            if question.diffs:
                from codex_oss.exec_mode.diff_rows import heading  # noqa: PLC0415  same

                paths = [heading(diff) for diff in question.diffs]
            return "Change these files?", paths, _reason(question.reason)
        case CallTool():
            called = [visible(f"{action.server}: {action.tool}")]
            called += _lines(action.arguments)
            return "Call this MCP tool?", called, _reason(question.reason)
        case AnswerServer():
            title = f"MCP server {visible(action.server)} asks. Agree?"
            return title, _lines(action.message), _page(action.url)
        case _:
            assert_never(action)


def _lines(command: str) -> list[str]:
    return [visible(line) for line in command.split("\n")]


def _facts(action: RunCommand | RunAgain, question: Question) -> Facts:
    place = "in the sandbox" if question.sandboxed else _OUTSIDE
    facts = [("in", visible(action.cwd)), ("runs", place)]
    words = _words(action)
    if words != question.reason:
        facts += _reason(question.reason)
    if words:
        facts.append(("it says", visible(words)))
    if question.prefix:
        facts.append(("note", "what (p) allows runs outside the sandbox from now on"))
    return facts


def _page(url: str) -> Facts:
    """Return an address whole, whose it is, and what may deceive about that."""
    if not url:
        return []
    from urllib.parse import urlsplit  # noqa: PLC0415  few questions have a page

    parts = urlsplit(url)
    host = parts.hostname or ""
    facts = [("page", visible(url)), ("host", visible(host))]
    if "@" in parts.netloc:
        facts.append(("note", "what stands before the @ is not where it leads"))
    if not host.isascii() or "xn--" in host:
        facts.append(("note", "the host has letters that may look like others"))
    if parts.scheme != "https":
        facts.append(("note", "it is not encrypted"))
    return facts


def _words(action: Action) -> str:
    """Return what the model says about an action: its words, and not ours."""
    return action.justification if isinstance(action, RunCommand) else ""


def _reason(reason: str) -> Facts:
    return [("why", visible(reason))] if reason else []
