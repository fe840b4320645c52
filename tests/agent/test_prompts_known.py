"""What a person has said is told from what programs say in the same role."""

import io
from pathlib import Path
from typing import cast

import pytest

from codex_oss import events
from codex_oss.agent import rounds
from codex_oss.agent.handoff import Facts, handoff
from codex_oss.agent.session import Session
from codex_oss.exec_mode.keys import Keys
from codex_oss.exec_mode.prompting import Prompting
from codex_oss.items import (
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    is_prompt,
    user,
)
from codex_oss.sessions.prompts import Prompts

ANSWER = Message(role="assistant", content=[OutputText(text="Done.")])
NOT_TYPED = [
    handoff(Facts(["[x] one"], []), "All is done."),
    user("<environment_context>\n  <cwd>/w</cwd>\n</environment_context>"),
    user("# AGENTS.md instructions for /w\n\nBe kind."),
    user("<skill>\n<name>deploy</name>\n</skill>"),
    user("<turn_aborted>\nThe person interrupted.\n</turn_aborted>"),
    Message(role="developer", content=[InputText(text="Be brief.")]),
    ANSWER,
    Reasoning(),
]


@pytest.mark.parametrize("item", NOT_TYPED)
def test_what_programs_say_is_no_prompt(item: Item) -> None:
    assert not is_prompt(item)
    assert rounds.prompts([item, user("go"), item]) == [1]


def test_any_other_words_are_a_prompt() -> None:
    assert is_prompt(user("<b>What does this tag do?</b>"))
    assert is_prompt(user(""))


def test_going_on_shows_what_was_said_and_not_what_stands_for_it(
    tmp_path: Path,
) -> None:
    class Begun:
        history = (*NOT_TYPED[:-2], user("two\nlines"), ANSWER, Reasoning())

    err = io.StringIO()
    Prompting(
        cast("Session", Begun()),
        cast("Keys", None),
        Prompts(tmp_path, keep=False, max_bytes=None),
        {},
        made=user,
        printer=NotImplemented,
        err=err,
        now=lambda: 0.0,
        usage=events.TokenUsage(),
    ).show_tail()
    assert err.getvalue() == "> two\n  lines\n• Done.\n\n"
