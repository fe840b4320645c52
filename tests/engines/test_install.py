"""Installing Ollama: what is asked, what is run, and what is said when it fails.

No installer is ever fetched: ``curl`` on PATH is a stand-in that prints a script.
"""

import asyncio
import os
import shlex
from pathlib import Path

import pytest

from codex_oss.engines import install, room
from codex_oss.engines.base import Question
from codex_oss.errors import DownloadError, EngineError


class Person:
    """Says yes or no, and remembers what was asked."""

    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> bool:
        self.asked.append(question)
        return self._yes


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine with nothing but a shell and what the installer calls."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "chmod"):
        real = next(p for p in (Path("/bin"), Path("/usr/bin")) if (p / name).exists())
        (folder / name).symlink_to(real / name)
    for name in ("zstd", "sudo"):
        program(folder, name, "exit 99")
    installs(folder, f"cat > {shlex.quote(str(folder))}/ollama < /dev/null")
    return {"PATH": str(folder), "HOME": str(tmp_path)}


def installs(folder: Path, script: str) -> None:
    """Let ``curl`` print an installer; its own arguments go to a file."""
    (folder / "install.sh").write_text(
        f"{script}\nchmod +x {shlex.quote(str(folder))}/ollama\n"
    )
    program(
        folder,
        "curl",
        f'echo "$@" > {folder}/asked\ncat {shlex.quote(str(folder / "install.sh"))}',
    )


def run(env: dict[str, str], person: Person | None) -> Path:
    return asyncio.run(install.install(env, person, platform="linux"))


def folder_of(env: dict[str, str]) -> Path:
    return Path(env["PATH"])


def test_the_installer_runs_after_a_yes_and_its_program_is_found(
    env: dict[str, str],
) -> None:
    person = Person(yes=True)
    assert run(env, person) == folder_of(env) / "ollama"
    asked = (folder_of(env) / "asked").read_text()
    assert asked == "-fsSL https://ollama.com/install.sh\n"
    assert [question.kind for question in person.asked] == ["install"]


@pytest.mark.parametrize("person", [Person(yes=False), None])
def test_nothing_runs_without_a_yes(env: dict[str, str], person: Person | None) -> None:
    with pytest.raises(EngineError, match="was not installed") as error:
        run(env, person)
    assert error.value.hint == (
        "To do it yourself: curl -fsSL https://ollama.com/install.sh | sh"
    )
    assert not (folder_of(env) / "asked").exists()


def test_what_the_installer_prints_keeps_out_of_the_answer(
    env: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    installs(folder_of(env), f"echo hello\ncat > {folder_of(env)}/ollama < /dev/null")
    run(env, Person(yes=True))
    assert capfd.readouterr() == ("", "hello\n")


def test_an_installer_that_fails_is_told_with_the_command(env: dict[str, str]) -> None:
    installs(folder_of(env), "exit 7")
    with pytest.raises(EngineError, match="it ended with exit code 7") as error:
        run(env, Person(yes=True))
    assert "curl -fsSL https://ollama.com/install.sh | sh" in error.value.hint


def test_a_script_that_could_not_be_fetched_is_no_success(env: dict[str, str]) -> None:
    program(folder_of(env), "curl", "exit 6")  # no such host; the shell reads nothing
    with pytest.raises(EngineError, match="it left no program `ollama`"):
        run(env, Person(yes=True))


@pytest.mark.parametrize("name", ["curl", "zstd"])
def test_what_the_installer_calls_must_be_there_before_anybody_is_asked(
    env: dict[str, str], name: str
) -> None:
    (folder_of(env) / name).unlink()
    person = Person(yes=True)
    with pytest.raises(EngineError, match=f"needs {name}, which is not installed"):
        run(env, person)
    assert person.asked == []


def test_without_root_and_sudo_another_way_is_named(env: dict[str, str]) -> None:
    (folder_of(env) / "sudo").unlink()
    with pytest.raises(EngineError, match="needs root, and there is no sudo") as error:
        run(env, Person(yes=True))
    assert "~/.local" in error.value.hint


def test_a_disk_that_is_too_small_is_told_before_anybody_is_asked(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_gigabyte(_: Path) -> int:
        return 10**9

    monkeypatch.setattr(room, "free", one_gigabyte)
    person = Person(yes=True)
    with pytest.raises(DownloadError, match=r"has 1\.0 GB free; Ollama needs 3\.5 GB"):
        run(env, person)
    assert person.asked == []


@pytest.mark.parametrize("platform", sorted(install.WAYS))
def test_the_question_names_all_that_a_person_must_know(platform: str) -> None:
    asked = install.question(install.way_of(platform))
    facts = dict(asked.facts)
    assert {"from", "to", "root", "service", "remove"} <= facts.keys()
    assert "ollama.com/install" in asked.command


def test_a_system_without_an_installer_is_sent_to_the_page() -> None:
    with pytest.raises(EngineError, match="no installer for freebsd14") as error:
        install.way_of("freebsd14")
    assert error.value.hint == "By hand: https://ollama.com/download"
