"""The program, its configuration, the sandbox, the machine, and the Codex CLI."""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from codex_oss import __version__
from codex_oss.config.builtin import LOCAL
from codex_oss.config.load import FILE_NAME
from codex_oss.engines import hardware, room
from codex_oss.wire.json_text import NOT_JSON
from codex_oss.wiring.doctor.check import Check, note, ok, todo
from codex_oss.wiring.doctor.shared_file import refused
from codex_oss.wiring.engines import models_home
from codex_oss.wiring.permissions import Job, permissions
from codex_oss.wiring.permissions import sandbox as confining

LITTLE_DISK = 2_000_000_000
"""Bytes: with less, no model that can work may be downloaded."""
MAX_MANIFEST_BYTES = 256 * 1024
_SANDBOX_GUIDE = "codex-oss sandbox --explain"


async def program(_: Job) -> list[Check]:
    """Look at this program and what it runs on."""
    version = ".".join(map(str, sys.version_info[:3]))
    where = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return [
        ok("codex-oss", __version__),
        ok("Python", f"{version} ({sys.executable})"),
        ok("system", f"WSL, {where}" if "microsoft" in where.lower() else where),
    ]


async def configuration(job: Job) -> list[Check]:
    """Look at the configuration; it has been read, or we were not here."""
    loaded = job.loaded
    file = loaded.home / FILE_NAME
    there = str(file) if file.exists() else f"{file} is not there: defaults are used"
    found = [
        todo("configuration", warning, f"Correct it in {file}; see codex-oss config")
        for warning in loaded.warnings
    ]
    chosen = f"{loaded.provider_id} ({loaded.origin('model_provider')})"
    return [ok("configuration", there), *found, ok("provider", chosen), *_key(job)]


def _key(job: Job) -> list[Check]:
    """Tell of a key that the provider wants and that is not set."""
    provider = job.loaded.provider
    if job.loaded.provider_id in LOCAL or not provider.env_key:
        return []
    if job.env.get(provider.env_key, "").strip():
        return [ok("key", f"{provider.env_key} is set")]
    how = provider.env_key_instructions or f"Set {provider.env_key}."
    return [todo("key", f"{provider.env_key} is not set", how)]


async def sandbox(job: Job) -> list[Check]:
    """Look at what isolates commands."""
    allowed = permissions(job)
    found = await confining(job).guarantee(allowed, job.cwd)
    if allowed.mode == "danger-full-access":
        how = 'sandbox_mode = "workspace-write"'
        return [note("sandbox", "none: danger-full-access is configured", how)]
    if found.isolation == "full":
        return [ok("sandbox", found.backend)]
    if found.isolation == "reduced":
        value = f"{found.backend}, which isolates less. {found.why}"
        return [todo("sandbox", value, _SANDBOX_GUIDE)]
    return [todo("sandbox", f"no command can be run: {found.why}", _SANDBOX_GUIDE)]


async def machine(job: Job) -> list[Check]:
    """Look at memory, graphics and disk."""
    host = await hardware.look(job.env)
    return [
        ok("processor", f"{host.processor or 'not known'}, {_counted(host.cores)}"),
        _memory(host),
        _graphics(host),
        _disk(job),
    ]


def _counted(cores: int) -> str:
    return f"{cores} core{'' if cores == 1 else 's'}"


def _memory(host: hardware.Host) -> Check:
    if host.memory is None or host.free is None:
        return note("memory", "not known")
    return ok(
        "memory",
        f"{room.gigabytes(host.memory)}, {room.gigabytes(host.free)} of it free",
    )


def _graphics(host: hardware.Host) -> Check:
    if host.unified:
        return ok("graphics", f"{host.processor}, in the main memory")
    if not host.cards:
        return note("graphics", "no card with memory of its own: models run on the CPU")
    return ok(
        "graphics",
        "; ".join(
            f"{card.name}, {room.gigabytes(card.memory)}, "
            f"{room.gigabytes(card.free)} of it free"
            for card in host.cards
        ),
    )


def _disk(job: Job) -> Check:
    folder = models_home(job.loaded.config, job.env)
    left = room.free(folder)
    if left is None:
        return note("disk", f"{folder} cannot be looked at")
    told = f"{room.gigabytes(left)} free for models in {folder}"
    if left < LITTLE_DISK:
        return todo("disk", told, room.HINT)
    return ok("disk", told)


# --- the real Codex CLI --------------------------------------------------------------


class _Manifest(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""


async def codex(job: Job) -> list[Check]:
    """Look for the Codex CLI; its version is read, for it takes long to say it."""
    program = _on_path("codex", job.env)
    if program is None:
        return [note("Codex CLI", "not installed; codex-oss does without")]
    version = _packaged(program)
    found = ok("Codex CLI", f"{version or 'version not known'} ({program})")
    return [found, *refused(job.loaded)]


def _packaged(program: str) -> str:
    """Return the version of the npm package that a program is part of."""
    for folder in Path(os.path.realpath(program)).parents[:3]:
        try:
            with (folder / "package.json").open("rb") as file:
                data = file.read(MAX_MANIFEST_BYTES)
            found = msgspec.json.decode(data, type=_Manifest)
        except (OSError, *NOT_JSON):
            continue
        if found.name == "@openai/codex":
            return found.version
    return ""


def _on_path(name: str, env: Mapping[str, str]) -> str | None:
    from shutil import which  # noqa: PLC0415  other commands do without

    return which(name, path=env.get("PATH", ""))
