"""What this machine has to give: cores, free memory, free disk."""

import os
import sys
from pathlib import Path

MAC_MEMORY_SHARE = 0.7
"""Metal lets one process have about this share of the memory of a Mac."""
_NO_LIMIT = 1 << 60
"""Control groups write a number above this for "no limit"."""


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
    free = _meminfo(root)
    limits = [left for left in (_v2_left(root), _v1_left(root)) if left is not None]
    return min([free, *limits], default=None) if free is not None else None


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


def _meminfo(root: Path) -> int | None:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
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
    import ctypes  # noqa: PLC0415  8 ms, and only Macs need it

    value = ctypes.c_uint64(0)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    libc = ctypes.CDLL(None)
    failed = libc.sysctlbyname(
        name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)
    )
    return None if failed else value.value


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
