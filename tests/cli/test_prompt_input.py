"""Where the prompt comes from."""

import io

import pytest

from codex_oss.cli.prompt_input import read_prompt
from codex_oss.errors import CodexOssError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("given", "stdin", "prompt", "told"),
    [
        ("do it", Terminal(), "do it", ""),
        ("do it", io.StringIO(""), "do it", "Reading additional input from stdin...\n"),
        (
            "do it",
            io.StringIO("data"),
            "do it\n\n<stdin>\ndata\n</stdin>",
            "Reading additional input from stdin...\n",
        ),
        (
            "do it",
            io.StringIO("data\n"),
            "do it\n\n<stdin>\ndata\n</stdin>",
            "Reading additional input from stdin...\n",
        ),
        ("-", io.StringIO("all of it\n"), "all of it\n", ""),
        (None, io.StringIO("\ufeffpiped"), "piped", "Reading prompt from stdin...\n"),
    ],
)
def test_the_prompt_is_put_together_as_codex_does(
    given: str | None, stdin: io.StringIO, prompt: str, told: str
) -> None:
    err = io.StringIO()
    assert read_prompt(given, stdin, err) == prompt
    assert err.getvalue() == told


def test_no_prompt_at_all_is_an_error_that_says_so() -> None:
    with pytest.raises(CodexOssError, match="No prompt provided via stdin"):
        read_prompt(None, io.StringIO(" \n"), io.StringIO())
    with pytest.raises(CodexOssError, match="No prompt provided"):
        read_prompt(None, Terminal(), io.StringIO())


def test_stdin_that_is_no_text_is_an_error_and_no_traceback() -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\xfd"), encoding="utf-8")
    with pytest.raises(CodexOssError, match="stdin is not UTF-8 text"):
        read_prompt("-", stdin, io.StringIO())
