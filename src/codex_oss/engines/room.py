"""Before something large is done: is there room, and what is a person told and asked.

Every download of ours asks here, whoever it is from: nothing large comes unasked.
"""

from pathlib import Path

import msgspec

from codex_oss.engines import hardware
from codex_oss.engines.base import Consent, Question
from codex_oss.errors import DownloadError, EngineError

RESERVE = 1.05
"""Free disk wanted, as a multiple of what will be written."""
UNASKED = 250_000_000
"""Bytes that are downloaded without a question: a toy model to show that it works."""
HINT = "Free some space, or set `engine.models_dir` to another disk."
_TERMS = {
    "gpt-oss": "Apache-2.0",
    "gemma": "Gemma Terms of Use: https://ai.google.dev/gemma/terms",
    "llama": "Llama Community License: https://www.llama.com/llama-downloads",
}
"""The licence of families of models, by a part of their names. Those of the other
families that the catalogue recommends are free software's."""


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """A model that may be downloaded. Sizes in bytes; None: not known."""

    model: str
    size: int | None
    """What is still to come."""
    source: str
    """Where it comes from, for people, such as ``registry.ollama.ai``."""
    folder: Path | None
    """Where it is kept; None: on another machine."""
    memory: int | None = None
    """What it needs to run."""
    command: str
    """What to type for the same."""
    update: bool = False
    """The model is there; what has changed of it is downloaded."""


def gigabytes(size: float) -> str:
    """Return a size for people; a GB is 1e9 bytes, as models and disks are sold."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"  # noqa: PLR2004  a GB


def free(folder: Path) -> int | None:
    """Return the bytes free on the disk of a folder that may not exist yet."""
    for place in (folder, *folder.parents):
        try:
            return hardware.free_disk(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def require_disk(
    folder: Path, size: int, what: str, *, times: float = RESERVE, hint: str = HINT
) -> None:
    """Raise ``errors.DownloadError`` unless ``times`` ``size`` bytes are free.

    ``what`` is what wants them. A disk that does not tell is taken as large enough.
    """
    wanted, left = int(size * times), free(folder)
    if left is not None and left < wanted:
        raise DownloadError(
            f"The disk of {folder} has {gigabytes(left)} free; {what} needs "
            f"{gigabytes(wanted)}",
            hint=hint,
        )


async def ask_for(download: Download, consent: Consent | None) -> None:
    """Return when a model may be downloaded; ``consent`` None: it was given before.

    Raises ``errors.DownloadError`` if the disk is too small or the answer is no, and
    ``errors.EngineError`` where nobody can be asked.
    """
    size = download.size
    if download.folder is not None and size is not None:
        require_disk(download.folder, size, download.model)
    if consent is None or (size is not None and size <= UNASKED):
        return
    if not await consent.ask(question(download)):
        done = "updated" if download.update else "downloaded"
        raise DownloadError(
            f"{download.model} was not {done}: the answer was no",
            hint="`codex-oss models` shows what fits this machine; -m names another.",
        )


async def need(consent: Consent | None, question: Question) -> None:
    """Return when something may be installed or started.

    Raises ``errors.EngineError`` with the command to type where the answer is no, or
    nobody may be asked.
    """
    if consent is not None and await consent.ask(question):
        return
    done = "installed" if question.kind == "install" else "started"
    why = "the answer was no" if consent is not None else "nobody was asked"
    raise EngineError(
        f"{question.what} was not {done}: {why}",
        hint=f"To do it yourself: {question.command}",
    )


def question(download: Download) -> Question:
    """Return what a person is asked before a download."""
    unknown = "of what has changed, if anything" if download.update else "not known"
    size = gigabytes(download.size) if download.size is not None else unknown
    facts = [("size", size), ("from", download.source)]
    if download.folder is not None:
        facts += _disk(download.folder, download.size)
    if download.memory is not None:
        facts.append(("memory", _memory(download.memory)))
    if terms := licence(download.model):
        facts.append(("licence", terms))
    return Question(
        kind="update" if download.update else "pull",
        what=download.model,
        facts=tuple(facts),
        command=download.command,
    )


def licence(model: str) -> str:
    """Return the terms that a model's name stands for; empty if none are known."""
    name = model.lower().rpartition("/")[2]
    return next((terms for part, terms in _TERMS.items() if part in name), "")


def _disk(folder: Path, size: int | None) -> list[tuple[str, str]]:
    left = free(folder)
    told = f", {gigabytes(left)} free" if left is not None else ""
    after = f", {gigabytes(left - size)} afterwards" if left and size else ""
    return [("to", f"{folder}{told}{after}")]


def _memory(needed: int) -> str:
    there = hardware.free_memory()
    if there is None:
        return f"needs {gigabytes(needed)}"
    enough = "" if there >= needed else " (too little: it will be slow, or fail)"
    return f"needs {gigabytes(needed)}; {gigabytes(there)} are free{enough}"
