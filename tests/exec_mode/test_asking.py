"""The person at the terminal: a pseudo-terminal whose keys are pressed by the test."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator

import pytest

from at_keyboard import TIMEOUT_S, Keyboard, at
from codex_oss.exec_mode.asking import Terminal
from codex_oss.policy import Answer, AnswerServer, Question, RunCommand

RULE = Question(
    action=RunCommand(command="npm install", cwd="/w"), prefix=("npm", "install")
)
PLAIN = Question(action=RunCommand(command="make", cwd="/w"))


@pytest.fixture
def keyboard() -> Generator[Keyboard]:
    made = Keyboard()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("keys", "question", "expected"),
    [
        ("y", RULE, "yes"),
        ("1", RULE, "yes"),
        ("p", RULE, "always"),
        ("2", RULE, "always"),
        ("s", RULE, "session"),
        ("2", PLAIN, "session"),
        ("n", RULE, "no"),
        ("N\n", RULE, "no"),
        ("\x1b", RULE, "stop"),
        ("5", RULE, "stop"),
    ],
)
def test_a_key_or_a_number_is_an_answer(
    keyboard: Keyboard, keys: str, question: Question, expected: Answer
) -> None:
    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question))
        await keyboard.sees("> ")
        keyboard.press(keys)
        assert await answer == expected

    at(keyboard, steps)


def test_what_is_no_answer_is_passed_over(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, read = asyncio.Event(), os.read

    def listening(fd: int, size: int) -> bytes:
        heard.set()
        return read(fd, size)

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(PLAIN))
        await keyboard.sees("> ")
        monkeypatch.setattr(os, "read", listening)
        for keys in ("\n", "\x1b[A", "yes", "p", "7", "é"):
            heard.clear()
            keyboard.press(keys)
            await heard.wait()
        keyboard.press("y")
        assert await answer == "yes"

    at(keyboard, steps)


def test_keys_that_were_pressed_before_the_question_do_not_answer_it(
    keyboard: Keyboard,
) -> None:
    async def steps(person: Terminal) -> None:
        keyboard.press("y\n")
        await keyboard.sees("y\r\n")  # its echo: it has arrived
        answer = asyncio.create_task(person.ask(PLAIN))
        await keyboard.sees("> ")
        keyboard.press("n")
        assert await answer == "no"

    at(keyboard, steps)


def test_questions_wait_for_each_other(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        first = asyncio.create_task(person.ask(PLAIN))
        await keyboard.sees("> ")
        second = asyncio.create_task(person.ask(RULE))
        keyboard.press("n")
        assert await first == "no"
        await keyboard.sees("npm install")
        await keyboard.sees("> ")
        keyboard.press("y")
        assert await second == "yes"

    at(keyboard, steps)


def test_a_question_can_be_taken_back_and_the_next_is_asked(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        first = asyncio.create_task(person.ask(PLAIN))
        await keyboard.sees("> ")
        second = asyncio.create_task(person.ask(RULE))
        first.cancel()
        await keyboard.sees("taken back")
        await keyboard.sees("> ")
        keyboard.press("y")
        assert await second == "yes"

    at(keyboard, steps)


def test_the_rest_of_a_long_command_is_shown_on_demand(keyboard: Keyboard) -> None:
    command = "\n".join(f"line {n}." for n in range(100))
    question = Question(action=RunCommand(command=command, cwd="/w"))

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question))
        await keyboard.sees("60 rows are not shown")
        await keyboard.sees("> ")
        keyboard.press("v")
        await keyboard.sees("line 50.")
        await keyboard.sees("> ")
        keyboard.press("n")
        assert await answer == "no"

    at(keyboard, steps)


def test_a_terminal_that_is_closed_meanwhile_means_no() -> None:
    ours, theirs = os.openpty()

    async def ask() -> Answer:
        person = Terminal(theirs)
        answer = asyncio.create_task(person.ask(PLAIN))
        await asyncio.sleep(0)  # the question is shown before it is waited
        os.close(ours)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await answer
        finally:
            person.close()

    assert asyncio.run(ask()) == "no"


def test_what_is_no_terminal_means_no() -> None:
    out, into = os.pipe()

    async def ask() -> Answer:
        return await Terminal(out).ask(PLAIN)

    try:
        assert asyncio.run(ask()) == "no"
    finally:
        os.close(out)
        os.close(into)


PAGE = Question(
    action=AnswerServer(server="git", message="Log in.", url="https://a.example/x?y=1")
)


@pytest.mark.parametrize(
    ("keys", "expected", "opened"),
    [
        ("o", "yes", ["https://a.example/x?y=1"]),
        ("1", "yes", ["https://a.example/x?y=1"]),
        ("y", "yes", []),
        ("n", "no", []),
        ("\x1b", "later", []),
        ("\x03", "later", []),
        ("\x04", "later", []),
    ],
)
def test_a_page_is_opened_after_a_yes_alone(
    keyboard: Keyboard, keys: str, expected: Answer, opened: list[str]
) -> None:
    pages: list[str] = []

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(PAGE))
        await keyboard.sees("> ")
        assert pages == []
        keyboard.press(keys)
        assert await answer == expected
        if expected == "yes":  # whole, to be copied
            await keyboard.sees("\r\nhttps://a.example/x?y=1\r\n")

    at(keyboard, steps, pages.append)
    assert pages == opened


def test_a_program_without_a_terminal_has_nobody_to_ask() -> None:
    code = "from codex_oss.exec_mode.asking import open_terminal as o; print(o())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert done.stdout == "None\n"
