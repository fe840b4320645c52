"""Versions of Ollama as servers write them."""

import pytest

from codex_oss.wire.ollama.version import older, parts


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("0.33.0", (0, 33, 0)),
        ("v0.12.6", (0, 12, 6)),
        ("0.13.4-rc1", (0, 13, 4)),
        ("0.0.0", None),
        ("", None),
        ("main", None),
    ],
)
def test_a_version_is_its_numbers(said: str, numbers: tuple[int, ...] | None) -> None:
    assert parts(said) == numbers


def test_what_says_nothing_is_not_older() -> None:
    than = (0, 12, 6)
    assert [older(v, than) for v in ("0.12.5", "0.12.6", "0.0.0")] == [
        True,
        False,
        False,
    ]
