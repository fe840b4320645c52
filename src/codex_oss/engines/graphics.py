"""Graphics cards and their memory.

NVIDIA's driver is asked by its own ``nvidia-smi``, which is run only where the driver
is; AMD's and Intel's say it in sysfs (``amdgpu``: ``mem_info_vram_*``, ``i915``:
``lmem_*``). A processor's own graphics have no memory of their own and count as none.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from codex_oss import process

ASK_S = 5.0
"""For ``nvidia-smi``; a driver that has just been loaded takes seconds."""
MAX_OUTPUT = 64 * 1024
MIB = 1 << 20
SET_ASIDE = 4 << 30
"""Bytes, at most, that firmware sets aside for a processor's own graphics unasked."""
_NVIDIA_HERE = ("proc/driver/nvidia/version", "dev/nvidiactl", "dev/dxg")
_NVIDIA_SMI = ("usr/bin/nvidia-smi", "usr/lib/wsl/lib/nvidia-smi")
_QUERY = ("--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")
_AMD, _INTEL = "0x1002", "0x8086"
_FIELDS = 3


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A graphics card; ``memory`` and what is left of it, ``free``, in bytes."""

    name: str
    memory: int
    free: int


async def cards(env: Mapping[str, str], root: Path = Path("/")) -> list[Card]:
    """Return the cards that have memory of their own; those of NVIDIA first."""
    return [*await _nvidia(env, root), *_drm(root / "sys/class/drm")]


# --- NVIDIA --------------------------------------------------------------------------


async def _nvidia(env: Mapping[str, str], root: Path) -> list[Card]:
    program = _nvidia_smi(env, root)
    if program is None or env.get("CUDA_VISIBLE_DEVICES") == "-1":
        return []
    output = bytearray()
    try:
        child = await process.start(
            [str(program), *_QUERY],
            cwd=Path("/"),
            env=env,
            on_output=lambda data: output.extend(data[: MAX_OUTPUT - len(output)]),
        )
    except OSError:
        return []
    try:
        async with asyncio.timeout(ASK_S):
            code = await child.wait()
    except TimeoutError:
        return []
    finally:
        await child.kill(grace_s=0)
    lines = output.decode("utf-8", "replace").splitlines()
    return [card for line in lines if (card := _told(line))] if code == 0 else []


def _nvidia_smi(env: Mapping[str, str], root: Path) -> Path | None:
    if not any((root / path).exists() for path in _NVIDIA_HERE):
        return None
    folders = [Path(part) for part in env.get("PATH", "").split(os.pathsep) if part]
    named = [folder / "nvidia-smi" for folder in folders]
    usual = [root / path for path in _NVIDIA_SMI]
    for path in (*usual, *named):
        if os.path.isfile(path) and os.access(path, os.X_OK):  # noqa: PTH113  unlike Path.is_file, False for what may not be read
            return path
    return None


def _told(line: str) -> Card | None:
    """Read a line such as ``NVIDIA GeForce RTX 4090, 24564, 23011`` (MiB).

    None for a chip that shares the main memory: it says ``[N/A]``.
    """
    words = [word.strip() for word in line.rsplit(",", _FIELDS - 1)]
    if len(words) < _FIELDS or not (words[1].isdigit() and words[2].isdigit()):
        return None
    return Card(name=words[0], memory=int(words[1]) * MIB, free=int(words[2]) * MIB)


# --- AMD, Intel ----------------------------------------------------------------------


def _drm(folder: Path) -> Iterator[Card]:
    """Yield the cards of sysfs; ``card0-HDMI-A-1`` is a connector of one."""
    for card in sorted(folder.glob("card*")):
        if not card.name.removeprefix("card").isdigit():
            continue
        match read(card / "device/vendor"):
            case vendor if vendor == _AMD:
                found = _amd(card / "device")
            case vendor if vendor == _INTEL:
                found = _intel(card)
            case _:
                found = None
        if found is not None:
            yield found


def _amd(device: Path) -> Card | None:
    memory = number(device / "mem_info_vram_total")
    shared = number(device / "mem_info_gtt_total") or 0
    # A processor's own graphics have a small part of the main memory set aside, and
    # borrow more of it than that.
    if not memory or (memory <= SET_ASIDE and shared > memory):
        return None
    used = number(device / "mem_info_vram_used") or 0
    name = read(device / "product_name") or "AMD graphics"
    return Card(name=name, memory=memory, free=max(0, memory - used))


def _intel(card: Path) -> Card | None:
    memory = number(card / "lmem_total_bytes")
    if not memory:
        return None
    free = number(card / "lmem_avail_bytes")
    return Card(
        name="Intel graphics", memory=memory, free=memory if free is None else free
    )


# --- files of the kernel -------------------------------------------------------------


def number(path: Path) -> int | None:
    """Return the number in a file; None: there is none."""
    text = read(path)
    return int(text) if text.lstrip("-").isdigit() else None


def read(path: Path) -> str:
    """Return the text of a file without blanks around it; "" if it cannot be read."""
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
