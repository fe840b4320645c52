"""Before a download: is there room, and what is asked of whom."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from codex_oss.engines import hardware, room
from codex_oss.engines.base import Question
from codex_oss.errors import DownloadError, EngineError

GB = 1_000_000_000
TOO_LITTLE = "needs 16.0 GB; 12.0 GB are free (too little: it will be slow, or fail)"
START = Question(kind="start", what="Ollama", command="ollama serve")


class Person:
    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> bool:
        self.asked.append(question)
        return self._yes


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> room.Download:
    def disk(_: Path) -> int:
        return 20 * GB

    def memory() -> int:
        return 12 * GB

    monkeypatch.setattr(hardware, "free_disk", disk)
    monkeypatch.setattr(hardware, "free_memory", memory)
    return room.Download(
        model="gpt-oss:20b",
        size=14 * GB,
        source="registry.ollama.ai",
        folder=tmp_path / "models",
        memory=16 * GB,
        command="ollama pull gpt-oss:20b",
    )


def ask(download: room.Download, person: Person | None) -> None:
    asyncio.run(room.ask_for(download, person))


def test_a_person_sees_size_disk_memory_and_licence(download: room.Download) -> None:
    person = Person(yes=True)
    ask(download, person)
    assert person.asked == [
        Question(
            kind="pull",
            what="gpt-oss:20b",
            facts=(
                ("size", "14.0 GB"),
                ("from", "registry.ollama.ai"),
                ("to", f"{download.folder}, 20.0 GB free, 6.0 GB afterwards"),
                ("memory", TOO_LITTLE),
                ("licence", "Apache-2.0"),
            ),
            command="ollama pull gpt-oss:20b",
        )
    ]


def test_a_no_ends_it_and_names_the_way_on(download: room.Download) -> None:
    with pytest.raises(DownloadError, match="was not downloaded: the answer was no"):
        ask(download, Person(yes=False))


def test_a_toy_is_downloaded_unasked(download: room.Download) -> None:
    person = Person(yes=False)
    ask(replace(download, size=room.UNASKED), person)
    assert person.asked == []


def test_a_size_that_is_not_known_is_asked_about(download: room.Download) -> None:
    person = Person(yes=True)
    ask(replace(download, size=None, memory=None), person)
    (question,) = person.asked
    assert dict(question.facts)["size"] == "not known"


@pytest.mark.parametrize("person", [Person(yes=True), None])
def test_a_disk_without_five_percent_to_spare_is_told_before_the_question(
    download: room.Download, person: Person | None
) -> None:
    fits = replace(download, size=int(20 * GB / 1.05))
    ask(fits, person)
    asked = len(person.asked) if person else 0
    with pytest.raises(DownloadError, match=r"20\.0 GB free; gpt-oss:20b needs 20\.1"):
        ask(replace(download, size=int(20.1 * GB / 1.05)), person)
    assert (len(person.asked) if person else 0) == asked


def test_a_disk_on_another_machine_is_not_measured(download: room.Download) -> None:
    ask(replace(download, folder=None, size=100 * GB), Person(yes=True))


def test_the_disk_of_a_folder_that_is_still_to_be_made_is_its_parents(
    tmp_path: Path,
) -> None:
    assert room.free(tmp_path / "a" / "b") is not None


@pytest.mark.parametrize(
    ("person", "why"),
    [(Person(yes=False), "the answer was no"), (None, "nobody was asked")],
)
def test_what_was_not_consented_to_is_not_started(
    person: Person | None, why: str
) -> None:
    with pytest.raises(EngineError) as error:
        asyncio.run(room.need(person, START))
    assert error.value.report() == (
        f"Ollama was not started: {why}\nTo do it yourself: ollama serve"
    )


def test_what_was_consented_to_goes_on() -> None:
    asyncio.run(room.need(Person(yes=True), START))


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("hf:ggml-org/gpt-oss-20b-GGUF", "Apache-2.0"),
        ("gemma4:12b", "Gemma Terms of Use: https://ai.google.dev/gemma/terms"),
        ("qwen3-coder:30b", ""),
    ],
)
def test_terms_are_known_by_the_name(name: str, terms: str) -> None:
    assert room.licence(name) == terms
