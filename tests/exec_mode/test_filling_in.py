"""Forms at a terminal, filled in by a person whose keys the test presses."""

import asyncio
import os
import signal
from collections.abc import Generator

import pytest

from at_keyboard import Keyboard, at
from codex_oss.exec_mode.asking import Terminal
from codex_oss.exec_mode.form_text import MAX_BEFORE
from codex_oss.policy import Answer, AnswerServer, Filled, Question
from codex_oss.policy.filling import MAX_SHOWN_PATTERN
from codex_oss.policy.form import (
    Choice,
    Choices,
    Field,
    Form,
    Number,
    Option,
    Switch,
    Text,
    Values,
)

NAME = Text(name="name", title="Name", about="Who are you?", required=True, shortest=2)
COUNT = Number(name="n", title="Count", whole=True, least=1, most=9, default=3)
SURE = Switch(name="sure", title="Sure")
SIZES = (Option("s", "small"), Option("m", "medium"))
SIZE = Choice(name="size", title="Size", options=SIZES, default="s")
SOME = Choices(name="some", title="Some", options=SIZES)
EVERY = (NAME, COUNT, SURE, SIZE, SOME)


@pytest.fixture
def keyboard() -> Generator[Keyboard]:
    made = Keyboard()
    yield made
    made.close()


def question(*fields: Field, message: str = "Please.", server: str = "git") -> Question:
    asked = AnswerServer(server=server, message=message, form=Form(fields))
    return Question(action=asked)


def answered(
    keyboard: Keyboard, asked: Question, *lines: str, told: str = "answered"
) -> Answer:
    """Type one line after the other, each when it is asked for."""
    found: list[Answer] = []

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(asked))
        for line in lines:
            await keyboard.sees("\x1b[J> ")
            keyboard.press(line)
            # Keys are shown before Enter is taken; a key alone leaves no trace.
            if line.endswith("\n"):
                await keyboard.sees(f"> {line[:-1]}\r\n")
        await keyboard.sees(f"{told}\r\n")
        found.append(await answer)

    at(keyboard, steps)
    return found[0]


def test_all_kinds_of_fields_are_filled_in_and_shown_before_they_are_sent(
    keyboard: Keyboard,
) -> None:
    lines = ("Ada\n", "7\n", "y\n", "medium\n", "1 2\n", "y\n")
    values: Values = {
        "name": "Ada",
        "n": 7,
        "sure": True,
        "size": "m",
        "some": ["s", "m"],
    }
    assert answered(keyboard, question(*EVERY), *lines) == Filled(values)


def test_enter_means_the_default_or_nothing_and_quotes_leave_out(
    keyboard: Keyboard,
) -> None:
    lines = ("Ada\n", "\n", "\n", '""\n', "\n", "y\n")
    assert answered(keyboard, question(*EVERY), *lines) == Filled(
        {"name": "Ada", "n": 3}
    )


def test_a_yes_that_was_typed_ahead_sends_nothing(keyboard: Keyboard) -> None:
    found: list[Answer] = []

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(NAME, SURE)))
        await keyboard.sees("\x1b[J> ")
        keyboard.press("Ada\ny\ny\n")
        await keyboard.sees("n declines")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("n\n")
        await keyboard.sees("declined\r\n")
        found.append(await answer)

    at(keyboard, steps)
    assert found == ["no"]


def test_what_does_not_fit_is_told_and_asked_for_again(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(NAME, COUNT)))
        for wrong, why in (
            ("", "it is needed"),
            ('""', "it must have at least 2 characters, and has 0"),
            ("A", "it must have at least 2 characters, and has 1"),
        ):
            await keyboard.sees("\x1b[J> ")
            keyboard.press(f"{wrong}\n")
            await keyboard.sees(f"  Not that: {why}\r\n")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("Ada\n")
        await keyboard.sees("2 of 2")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("10\n")
        await keyboard.sees("Not that: it must be a whole number from 1 to 9\r\n")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("9\n")
        await keyboard.sees("This would be sent to MCP server git:")
        keyboard.press("y\n")
        assert await answer == Filled({"name": "Ada", "n": 9})

    at(keyboard, steps)


def test_nothing_is_sent_without_a_yes_to_what_is_shown(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(NAME, COUNT)))
        await keyboard.sees("\x1b[J> ")
        keyboard.press("Ada\n7\n\n\n")  # at once, as something pasted may come
        shown = await keyboard.sees("n declines")
        assert "1. Name: Ada\r\n  2. Count: 7\r\n" in shown
        assert not answer.done()
        keyboard.press("2\n")
        await keyboard.sees("Enter: 7")
        keyboard.press("8\n")
        await keyboard.sees("2. Count: 8")
        keyboard.press("y\n")
        assert await answer == Filled({"name": "Ada", "n": 8})

    at(keyboard, steps)


def test_what_is_pasted_with_marks_is_text(keyboard: Keyboard) -> None:
    pasted = "\x1b[200~one\ny\n\x1b[201~"

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(NAME)))
        await keyboard.sees("\x1b[J> ")
        keyboard.press(pasted)
        await keyboard.sees("one\r\n  y")
        keyboard.press("\n")
        await keyboard.sees("1. Name: one\\ny\\n\r\n")
        keyboard.press("y\n")
        assert await answer == Filled({"name": "one\ny\n"})

    at(keyboard, steps)


def test_a_text_may_end_with_a_backslash(keyboard: Keyboard) -> None:
    lines = ("C:\\\n", "y\n")
    assert answered(keyboard, question(NAME), *lines) == Filled({"name": "C:\\"})


def test_escape_shows_all_and_enter_goes_on(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(*EVERY)))
        await keyboard.sees("1 of 5")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("\x1b")
        shown = await keyboard.sees("Enter goes on")
        assert (
            "  1. Name: (needed)\r\n"
            "  2. Count: 3\r\n"
            "  3. Sure: (left out)\r\n"
            "  4. Size: small\r\n"
            "  5. Some: (left out)\r\n"
        ) in shown
        keyboard.press("y\n")
        await keyboard.sees("Not that: Name is needed")
        await keyboard.sees("1 of 5")
        keyboard.press("Ada\n")
        await keyboard.sees("2 of 5")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("\x1b")
        await keyboard.sees("Enter goes on")
        keyboard.press("\n")
        await keyboard.sees("2 of 5")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("\x1b")
        await keyboard.sees("Enter goes on")
        keyboard.press("y\n")
        assert await answer == Filled({"name": "Ada", "n": 3, "size": "s"})

    at(keyboard, steps)


@pytest.mark.parametrize(
    ("keys", "expected", "told"),
    [
        (("\x03",), "later", "left without an answer"),
        (("\x04",), "later", "left without an answer"),
        (("Ada\n", "\x03"), "later", "left without an answer"),
        (("\x1b", "n\n"), "no", "declined"),
        (("\x1b", "\x03"), "later", "left without an answer"),
        (("Ada\n", "7\n", "n\n"), "no", "declined"),
    ],
)
def test_a_form_is_declined_or_left(
    keyboard: Keyboard, keys: tuple[str, ...], expected: Answer, told: str
) -> None:
    asked = question(NAME, COUNT)
    assert answered(keyboard, asked, *keys, told=told) == expected


def test_the_server_says_who_it_is_and_commands_no_terminal(keyboard: Keyboard) -> None:
    name = Text(name="n", title="N\x1b[2J\n> y", about="a\x1b]0;x\x07b\r")
    size = Choice(name="s", title="s", options=(Option("x", "x\x1b[A\nMCP server"),))
    asked = question(
        name, size, message="Hi\x1b[2J\rgit\n\u202ex", server="g\x1b[31mit"
    )

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(asked))
        head = await keyboard.sees("  What you write goes to this server")
        await keyboard.sees("leaves without an answer.")
        shown = await keyboard.sees("\x1b[J> ")
        assert head.replace("\r", "") == (
            "\x1b[?2004h\n"
            "MCP server g\\x1b[31mit asks you to fill in a form.\n"
            "\n"
            "  │ Hi\\x1b[2J\\rgit\n"
            "  │ \\u202ex\n"
            "\n"
        )
        assert shown.replace("\r", "") == (
            "\n"
            "\n"
            "  1 of 2\n"
            "  │ N\\x1b[2J\n"
            "  │ > y\n"
            "  │ a\\x1b]0;x\\x07b\\r\n"
            "  a text; Enter leaves it out\n"
        )
        keyboard.press("\n")
        shown = await keyboard.sees("one of the list")
        assert "  1. x\\x1b[A\\nMCP server\r\n" in shown
        keyboard.press("\x03")
        assert await answer == "later"

    at(keyboard, steps)


def test_words_of_a_server_take_little_room_inside_of_ours(keyboard: Keyboard) -> None:
    long = "x" * 5000
    field = Text(name="n", title="n", pattern=long, default=long)

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(field)))
        await keyboard.sees("1 of 1")
        shown = await keyboard.sees("\x1b[J> ")
        assert shown.count("x") == MAX_SHOWN_PATTERN + MAX_BEFORE
        keyboard.press("\n")
        whole = await keyboard.sees("y sends it")
        assert whole.count("x") == len(long)  # what would be sent is seen whole
        await keyboard.sees("\x1b[J> ")
        keyboard.press("y\n")
        assert await answer == Filled({"n": long})

    at(keyboard, steps)


def test_a_field_that_looks_like_a_secret_is_warned_of(keyboard: Keyboard) -> None:
    token = Text(name="api_key", title="API key", required=True)

    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(token)))
        await keyboard.sees("! This looks like a secret. Servers must not ask for one")
        await keyboard.sees("\x1b[J> ")
        keyboard.press("k\n")
        await keyboard.sees("1. API key: k  ! looks like a secret")
        keyboard.press("n\n")
        assert await answer == "no"

    at(keyboard, steps)


def test_a_form_can_be_taken_back(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        answer = asyncio.create_task(person.ask(question(NAME)))
        await keyboard.sees("\x1b[J> ")
        answer.cancel()
        await keyboard.sees("\x1b[?2004ltaken back")
        with pytest.raises(asyncio.CancelledError):
            await answer

    at(keyboard, steps)


def test_after_a_stop_the_terminal_is_read_key_by_key_again(keyboard: Keyboard) -> None:
    async def steps(person: Terminal) -> None:
        before = keyboard.settings()
        answer = asyncio.create_task(person.ask(question(NAME)))
        await keyboard.sees("\x1b[J> ")
        reading = keyboard.settings()
        assert reading != before
        signal.raise_signal(signal.SIGCONT)
        await keyboard.sees("\x1b[J> ")
        assert keyboard.settings() == reading
        keyboard.press("\x03")
        assert await answer == "later"

    at(keyboard, steps)


@pytest.mark.parametrize("fields", [(NAME,), ()])
def test_a_terminal_that_is_closed_leaves_the_form(fields: tuple[Field, ...]) -> None:
    ours, theirs = os.openpty()

    async def ask() -> Answer:
        person = Terminal(theirs)
        answer = asyncio.create_task(person.ask(question(*fields)))
        await asyncio.sleep(0)  # the form is shown before it is waited
        os.close(ours)
        try:
            async with asyncio.timeout(60):
                return await answer
        finally:
            person.close()

    assert asyncio.run(ask()) == "later"
