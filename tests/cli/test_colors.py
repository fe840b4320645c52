"""When colours are printed."""

import io

import pytest

from codex_oss.cli.colors import colored


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_whose_person_wants_them(
    env: dict[str, str], *, wanted: bool
) -> None:
    assert colored(Terminal(), env) == wanted
    assert not colored(io.StringIO(), env)
