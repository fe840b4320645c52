"""A person's profile: read once, never heard."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from codex_oss.sandbox.prepared import Prepared
from codex_oss.tools.login import LoginEnvironments

BASH = "/bin/bash"
LIMIT_S = 180

pytestmark = pytest.mark.skipif(not Path(BASH).exists(), reason="no /bin/bash here")


class Place:
    """Starts commands as they are, with a home of their own, and counts them."""

    def __init__(self, home: Path, profile: str) -> None:
        (home / ".bash_profile").write_text(profile)
        self._env = {"HOME": str(home), "PATH": os.environ["PATH"]}
        self.started = 0

    async def __call__(self, argv: Sequence[str], *, tty: bool) -> Prepared:
        assert not tty
        self.started += 1
        return Prepared(argv, self._env)


def learn(place: Place, cwd: Path, times: int = 1) -> list[Mapping[str, str] | None]:
    async def ask() -> list[Mapping[str, str] | None]:
        logins = LoginEnvironments()
        async with asyncio.timeout(LIMIT_S):
            asking = (logins.of(BASH, cwd, place) for _ in range(times))
            return list(await asyncio.gather(*asking))

    return asyncio.run(ask())


def test_what_a_profile_exports_is_learned_and_what_it_prints_is_not(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, "echo noise; echo more >&2\nexport TOLD='a\nb'\nOWN=1\n")
    (learned,) = learn(place, tmp_path)
    assert learned is not None
    assert learned["TOLD"] == "a\nb"
    assert "OWN" not in learned
    assert not {"_", "SHLVL", "PWD"} & set(learned)
    assert "noise" not in str(learned)


def test_commands_that_start_together_ask_the_profile_once(tmp_path: Path) -> None:
    place = Place(tmp_path, "export TOLD=1\n")
    learned = learn(place, tmp_path, times=5)
    assert place.started == 1
    assert learned == [learned[0]] * 5


def test_a_profile_that_ends_the_shell_teaches_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, "exit 3\n")
    assert learn(place, tmp_path, times=2) == [None, None]
    assert place.started == 1


def test_a_folder_that_is_not_there_is_asked_about_again(tmp_path: Path) -> None:
    place = Place(tmp_path, "export TOLD=1\n")
    assert learn(place, tmp_path / "gone", times=2) == [None, None]
    assert place.started == 2
