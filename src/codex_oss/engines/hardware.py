"""What this machine has to give: cores, memory, graphics cards, free disk."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from codex_oss.engines import graphics
from codex_oss.engines.base import Machine
from codex_oss.engines.graphics import Card
from codex_oss.engines.graphics import number as _number
from codex_oss.engines.graphics import read as _read

MAC_MEMORY_SHARE = 0.7
"""Metal lets one process have about this share of the memory of a Mac."""
_NO_LIMIT = 1 << 60
"""Control groups write a number above this for "no limit"."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A machine; memory in bytes, None: not known."""

    processor: str = ""
    cores: int = 1
    memory: int | None = None
    """All of the main memory that this process may have."""
    free: int | None = None
    """What of it can be had without swapping."""
    cards: tuple[Card, ...] = ()
    """Graphics cards with memory of their own."""
    unified: bool = False
    """Its graphics compute in the main memory, as Apple's do."""

    @property
    def graphics(self) -> int:
        """Memory of the cards together."""
        return sum(card.memory for card in self.cards)

    @property
    def machine(self) -> Machine:
        """What a choice between models needs of it."""
        return Machine(memory=self.free, graphics=self.graphics)


async def look(env: Mapping[str, str], root: Path = Path("/")) -> Host:
    """Return this machine; asks the driver of NVIDIA's cards where there is one."""
    name = processor(root)
    return Host(
        processor=name,
        cores=cores(root),
        memory=all_memory(root),
        free=free_memory(root),
        cards=tuple(await graphics.cards(env, root)),
        unified=name.startswith("Apple"),
    )


def cores(root: Path = Path("/")) -> int:
    """Count the physical cores that this process may keep busy; at least 1.

    Threads above this number make matrix products slower, not faster. Sources: the
    CPU topology in sysfs, the affinity mask, the quota of the control group; on a
    Mac the performance cores.
    """
    if sys.platform == "darwin":
        found = _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu")
        return max(1, found or (os.cpu_count() or 1))
    count = _physical(os.sched_getaffinity(0), root)
    quota = _quota(root)
    return max(1, min(count, int(quota)) if quota else count)


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that can be had without swapping; None: unknown."""
    if sys.platform == "darwin":
        total = _sysctl("hw.memsize")
        return int(total * MAC_MEMORY_SHARE) if total else None
    free = _meminfo(root, "MemAvailable:")
    limits = [left for left in (_v2_left(root), _v1_left(root)) if left is not None]
    return min([free, *limits], default=None) if free is not None else None


def all_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that this process may have; None: not known."""
    if sys.platform == "darwin":
        return _sysctl("hw.memsize")
    limits = [
        limit
        for limit in (
            *(_number(group / "memory.max") for group in _groups(root, "")),
            *(
                _number(group / "memory.limit_in_bytes")
                for group in _groups(root, "memory")
            ),
        )
        if limit is not None and limit <= _NO_LIMIT
    ]
    total = _meminfo(root, "MemTotal:")
    return min([total, *limits]) if total is not None else None


def processor(root: Path = Path("/")) -> str:
    """Return what the processor is called; "": not known."""
    if sys.platform == "darwin":
        return _sysctl_text("machdep.cpu.brand_string")
    for line in _read(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return ""


def free_disk(directory: Path) -> int:
    """Return the bytes a normal user can still write to the disk of ``directory``."""
    stat = os.statvfs(directory)
    return stat.f_bavail * stat.f_frsize


def _physical(cpus: set[int], root: Path) -> int:
    topology = root / "sys/devices/system/cpu"
    siblings = {
        _read(topology / f"cpu{cpu}/topology/thread_siblings_list") or f"only {cpu}"
        for cpu in cpus
    }
    return len(siblings)


def _quota(root: Path) -> float | None:
    """Return the control group's CPU quota in cores; None: no quota."""
    for group in _groups(root, ""):
        first, _, period = _read(group / "cpu.max").partition(" ")
        if first.isdigit() and period.isdigit():
            return int(first) / int(period)
    for group in _groups(root, "cpu"):
        quota = _number(group / "cpu.cfs_quota_us")
        period_us = _number(group / "cpu.cfs_period_us")
        if quota and period_us and quota > 0:
            return quota / period_us
    return None


def _meminfo(root: Path, name: str) -> int | None:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None


def _v2_left(root: Path) -> int | None:
    return _left(_groups(root, ""), "memory.max", "memory.current", "inactive_file")


def _v1_left(root: Path) -> int | None:
    return _left(
        _groups(root, "memory"),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    )


def _left(groups: list[Path], limit: str, used: str, cache: str) -> int | None:
    """Return limit - usage of the tightest group; page cache is not usage."""
    found: list[int] = []
    for group in groups:
        most, now = _number(group / limit), _number(group / used)
        if most is None or now is None or most > _NO_LIMIT:
            continue
        stat = dict(
            line.split(" ", 1) for line in _read(group / "memory.stat").splitlines()
        )
        found.append(max(0, most - now + int(stat.get(cache, "0"))))
    return min(found, default=None)


def _groups(root: Path, controller: str) -> list[Path]:
    """Return this process's control group and its parents, innermost first.

    ``controller`` "" means version 2. Source: cgroups(7), ``/proc/self/cgroup``.
    """
    mount = root / "sys/fs/cgroup" / controller
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            here = mount / path.lstrip("/")
            above = [p for p in here.parents if p.is_relative_to(mount)]
            return [here, *above]
    return []


def _sysctl(name: str) -> int | None:
    """Ask macOS's kernel for a number."""
    data = _sysctl_bytes(name)
    return int.from_bytes(data, sys.byteorder) if data else None


def _sysctl_text(name: str) -> str:
    """Ask macOS's kernel for a text."""
    return _sysctl_bytes(name).partition(b"\0")[0].decode("utf-8", "replace")


def _sysctl_bytes(name: str) -> bytes:
    """Ask macOS's kernel; b"": it does not know. Source: sysctlbyname(3)."""
    import ctypes  # noqa: PLC0415  8 ms, and only Macs need it

    value = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    libc = ctypes.CDLL(None)
    failed = libc.sysctlbyname(
        name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0)
    )
    return b"" if failed else value.raw[: size.value]
