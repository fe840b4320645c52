"""Where the prompt comes from."""

import asyncio
import io
import os
from pathlib import Path
from typing import TextIO

import pytest

from codex_oss.cli.prompt_input import Prompt
from codex_oss.errors import CodexOssError

ADDITIONAL = "Reading additional input from stdin...\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def pipe(data: bytes) -> TextIO:
    """Return a pipe whose writer has gone."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return os.fdopen(reading)


def prompt_of(given: str | None, data: bytes) -> str | None:
    with pipe(data) as stdin:
        return Prompt(given, stdin, io.StringIO()).begun()


@pytest.mark.parametrize(
    ("given", "data", "prompt", "told"),
    [
        ("do it", b"", "do it", ADDITIONAL),
        ("do it", b"data", "do it\n\n<stdin>\ndata\n</stdin>", ADDITIONAL),
        ("do it", b"data\n", "do it\n\n<stdin>\ndata\n</stdin>", ADDITIONAL),
        ("-", b"all of it\r\n", "all of it\n", ""),
        (None, b"\xef\xbb\xbfpiped", "piped", "Reading prompt from stdin...\n"),
    ],
)
def test_the_prompt_is_put_together_as_codex_does(
    given: str | None, data: bytes, prompt: str, told: str
) -> None:
    err = io.StringIO()
    with pipe(data) as stdin:
        assert Prompt(given, stdin, err).begun() == prompt
    assert err.getvalue() == told


def test_a_terminal_is_left_alone_unless_it_is_named() -> None:
    err = io.StringIO()
    assert Prompt("do it", Terminal("typed"), err).begun() == "do it"
    assert Prompt("-", Terminal("typed"), err).begun() == "typed"
    assert err.getvalue() == ""


def test_no_prompt_at_all_is_an_error_that_says_so() -> None:
    with pytest.raises(CodexOssError, match="No prompt provided via stdin"):
        prompt_of(None, b" \n")
    with pytest.raises(CodexOssError, match="No prompt provided via stdin"):
        prompt_of("-", b"")
    with pytest.raises(CodexOssError, match="No prompt provided"):
        Prompt(None, Terminal(), io.StringIO())


def test_stdin_that_is_no_text_is_an_error_and_no_traceback() -> None:
    with pytest.raises(CodexOssError, match="stdin is not UTF-8 text"):
        prompt_of("-", b"\xff\xfe\xfd")


def test_a_file_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "prompt"
    path.write_text("x" * 200_000)
    with path.open() as file:
        assert Prompt("-", file, io.StringIO()).begun() == "x" * 200_000


def test_what_is_still_being_written_is_waited_for_beside_other_work() -> None:
    reading, writing = os.pipe()

    async def use() -> str:
        rest = asyncio.ensure_future(prompt.rest())
        await asyncio.sleep(0)
        assert not rest.done()  # and the loop goes on
        os.write(writing, b" and \xc3")
        await asyncio.sleep(0)
        os.write(writing, b"\xbc\n")
        os.close(writing)
        async with asyncio.timeout(60):
            return await rest

    with os.fdopen(reading) as stdin:
        prompt = Prompt("fix it", stdin, io.StringIO())
        assert prompt.begun() is None
        os.write(writing, b"one")
        assert prompt.begun() is None
        assert asyncio.run(use()) == "fix it\n\n<stdin>\none and ü\n</stdin>"
