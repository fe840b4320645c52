"""Consent: who is asked, what they see, and what happens where nobody can be."""

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from at_terminal import AtTerminal
from codex_oss.cli import bridge_arguments
from codex_oss.cli.consent import Given, Nobody, Person, consent, draw
from codex_oss.engines.base import Question
from codex_oss.errors import EngineError

PULL = Question(
    kind="pull",
    what="gpt-oss:20b",
    facts=(("size", "13.8 GB"), ("licence", "Apache-2.0")),
    command="ollama pull gpt-oss:20b",
)
UNKNOWN = replace(PULL, facts=(("size", "not known"),))
INSTALL = Question(kind="install", what="Ollama", command="curl x | sh")
START = Question(kind="start", what="Ollama", command="ollama serve")
ASK = """
import asyncio, signal, sys
from codex_oss.cli import bridge_arguments
from codex_oss.cli.consent import consent
from codex_oss.engines.base import Question
from codex_oss.errors import EngineError
question = Question(kind="pull", what="gpt-oss:20b", command="ollama pull gpt-oss:20b")
asked = consent(yes=False, asks=True, err=sys.stderr)
sys.stderr.write("[####....] half a line of progress")
async def main():
    # As `exec` does: this wakes the loop wherever it is.
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    return await asked.ask(question)
try:
    print("ANSWER", asyncio.run(main()))
except EngineError as error:
    print("ERROR", error)
"""


class Watched(io.StringIO):
    """Standard error that a person looks at."""

    def isatty(self) -> bool:
        return True


def at_terminal(tmp_path: Path, program: str = ASK) -> AtTerminal:
    argv = (sys.executable, "-c", program)
    return AtTerminal(argv, cwd=tmp_path, env=os.environ, streams=True)


def test_a_question_shows_facts_and_the_command_on_lines_of_their_own() -> None:
    assert draw(PULL, 80).splitlines() == [
        "Download gpt-oss:20b? This does the same:",
        "",
        "  size     13.8 GB",
        "  licence  Apache-2.0",
        "",
        "  │ ollama pull gpt-oss:20b",
        "",
        "y for yes, any other key for no [y/N] ",
    ]


@pytest.mark.parametrize("columns", [1, 20, 31, 80])
def test_no_row_is_wider_than_the_terminal_and_nothing_is_left_out(
    columns: int,
) -> None:
    command = "curl -fsSL https://example.com/" + "x" * 200
    rows = draw(
        Question(
            kind="install", what="Ollama", facts=(("to", "y" * 90),), command=command
        ),
        columns,
    ).splitlines()[:-1]
    assert max(map(len, rows)) < max(columns, 20)
    shown = "".join(row.removeprefix("  │ ") for row in rows if "│" in row)
    assert shown == command


def test_what_a_server_says_cannot_act_on_the_terminal() -> None:
    nasty = Question(
        kind="pull",
        what="m\x1b[2J",
        facts=(("licence", "free\r\x1b[1Ano"),),
        command="ollama pull m\x1b[2J\u202e",
    )
    text = draw(nasty, 80)
    assert text.replace("\n", "").isprintable()
    assert r"m\x1b[2J\u202e" in text


@pytest.mark.parametrize(
    ("yes", "asks", "err", "kind"),
    [
        (True, True, Watched(), Given),
        (True, False, io.StringIO(), Given),
        (False, True, Watched(), Person),
        (False, False, Watched(), Nobody),
        (False, True, io.StringIO(), Nobody),
    ],
)
def test_only_somebody_who_watches_is_asked(
    yes: bool,  # noqa: FBT001  a row of a table
    asks: bool,  # noqa: FBT001  a row of a table
    err: io.StringIO,
    kind: type,
) -> None:
    assert type(consent(yes=yes, asks=asks, err=err)) is kind


def test_yes_on_the_command_line_says_what_is_done() -> None:
    err = io.StringIO()
    given = consent(yes=True, asks=False, err=err)
    asked = (PULL, UNKNOWN, replace(PULL, kind="update"), INSTALL, START)
    assert all(asyncio.run(given.ask(each)) for each in asked)
    assert err.getvalue().splitlines() == [
        "Downloading gpt-oss:20b (13.8 GB): ollama pull gpt-oss:20b",
        "Downloading gpt-oss:20b: ollama pull gpt-oss:20b",
        "Updating gpt-oss:20b (13.8 GB): ollama pull gpt-oss:20b",
        "Installing Ollama: curl x | sh",
        "Starting Ollama: ollama serve",
    ]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (PULL, "gpt-oss:20b is not on this machine (a download of 13.8 GB)"),
        (UNKNOWN, "gpt-oss:20b is not on this machine"),
        (
            replace(UNKNOWN, kind="update"),
            "gpt-oss:20b is here, an update is not downloaded unasked",
        ),
        (INSTALL, "Ollama is not installed"),
        (START, "Ollama does not run"),
    ],
)
def test_where_nobody_can_be_asked_the_command_is_named(
    question: Question, said: str
) -> None:
    with pytest.raises(EngineError) as error:
        asyncio.run(Nobody().ask(question))
    assert error.value.report() == (
        f"{said}, and nobody can be asked here\n"
        f"Add --yes to consent, or do it yourself:\n  {question.command}"
    )
    assert error.value.exit_code == 1


def test_a_process_without_a_terminal_asks_nobody(tmp_path: Path) -> None:
    ended = subprocess.run(
        (sys.executable, "-c", f"import sys\nsys.stderr.isatty = lambda: True{ASK}"),
        cwd=tmp_path,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=180,
        check=True,
    )
    assert ended.stdout.startswith(b"ERROR gpt-oss:20b is not on this machine")


def test_a_job_in_the_background_asks_nobody(tmp_path: Path) -> None:
    aside = "import os, sys\nif os.fork(): sys.exit(os.wait()[1])\nos.setpgid(0, 0)"
    with at_terminal(tmp_path, aside + ASK) as terminal:
        terminal.sees("ERROR gpt-oss:20b is not on this machine")


@pytest.mark.parametrize(
    ("keys", "answer"),
    [("y", True), ("Y", True), ("n", False), ("\r", False), ("\x1b", False)],
)
def test_only_a_y_is_a_yes(tmp_path: Path, keys: str, answer: bool) -> None:  # noqa: FBT001
    with at_terminal(tmp_path) as terminal:
        terminal.sees("[y/N] ")
        terminal.press(keys)
        terminal.sees("yes" if answer else "no")
        terminal.sees(f"ANSWER {answer}")


@pytest.mark.parametrize("keys", ["\x1b[A", "yes please"])
def test_arrows_and_what_is_pasted_are_no(tmp_path: Path, keys: str) -> None:
    with at_terminal(tmp_path) as terminal:
        terminal.sees("[y/N] ")
        terminal.press(keys)
        terminal.sees("ANSWER False")


def test_ctrl_c_takes_the_question_back(tmp_path: Path) -> None:
    with at_terminal(tmp_path) as terminal:
        terminal.sees("[y/N] ")
        terminal.press("\x03")
        terminal.sees("taken back")


def test_a_bridge_in_the_background_has_the_consent_that_its_start_was_given() -> None:
    given = bridge_arguments.parser().parse_args(["start", "--yes", "-m", "hf:o/r"])
    assert bridge_arguments.words_of(given) == ["-m", "hf:o/r", "--yes"]
