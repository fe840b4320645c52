"""Cores and memory, read from file trees like those of Linux."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from codex_oss.engines import hardware
from codex_oss.engines.base import Machine
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the files below are Linux's"
)
MIB = 1024 * 1024


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def topology(siblings: dict[int, str]) -> dict[str, str]:
    return {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": text
        for cpu, text in siblings.items()
    }


@pytest.fixture
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def affinity(_pid: int) -> set[int]:
        return {0, 1, 2, 3}

    monkeypatch.setattr(os, "sched_getaffinity", affinity)


@pytest.mark.usefixtures("four_cpus")
def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    files = topology({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})
    assert hardware.cores(tree(tmp_path, files)) == 2


@pytest.mark.usefixtures("four_cpus")
def test_cpus_without_a_topology_are_cores(tmp_path: Path) -> None:
    assert hardware.cores(tmp_path) == 4


@pytest.mark.usefixtures("four_cpus")
@pytest.mark.parametrize(
    ("files", "cores"),
    [
        (
            {
                "proc/self/cgroup": "0::/app/job\n",
                "sys/fs/cgroup/app/cpu.max": "150000 100000",
                "sys/fs/cgroup/app/job/cpu.max": "max 100000",
            },
            1,
        ),
        (
            {
                "proc/self/cgroup": "3:cpuacct,cpu:/job\n0::/\n",
                "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            4,
        ),
    ],
    ids=["version 2, of a parent", "version 1", "no quota"],
)
def test_a_quota_of_the_control_group_limits_the_cores(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    assert hardware.cores(tree(tmp_path, files)) == cores


def test_free_memory_is_what_can_be_had_without_swapping(tmp_path: Path) -> None:
    files = {"proc/meminfo": "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n"}
    assert hardware.free_memory(tree(tmp_path, files)) == 2 * MIB


def test_a_control_group_limits_memory_and_its_page_cache_is_free(
    tmp_path: Path,
) -> None:
    files = {
        "proc/meminfo": "MemAvailable: 1000000 kB\n",
        "proc/self/cgroup": "0::/job\n",
        "sys/fs/cgroup/job/memory.max": str(100 * MIB),
        "sys/fs/cgroup/job/memory.current": str(80 * MIB),
        "sys/fs/cgroup/job/memory.stat": f"anon 1\ninactive_file {30 * MIB}\n",
    }
    assert hardware.free_memory(tree(tmp_path, files)) == 50 * MIB


def test_a_limit_of_version_1_that_means_none_is_none(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": "MemAvailable: 2048 kB\n",
        "proc/self/cgroup": "4:memory:/\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "4096",
    }
    assert hardware.free_memory(tree(tmp_path, files)) == 2 * MIB


def test_unknown_memory_is_none_not_zero(tmp_path: Path) -> None:
    assert hardware.free_memory(tmp_path) is None


def test_this_machine_has_a_core_and_some_memory() -> None:
    assert 1 <= hardware.cores() <= (os.cpu_count() or 1)
    assert (hardware.free_memory() or 0) > MIB


CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: x\n"


def test_all_memory_is_the_machines_or_what_its_control_group_allows(
    tmp_path: Path,
) -> None:
    files = {"proc/meminfo": "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n"}
    assert hardware.all_memory(tree(tmp_path, files)) == 4 * MIB
    limited = {
        "proc/self/cgroup": "0::/job\n",
        "sys/fs/cgroup/memory.max": "max",
        "sys/fs/cgroup/job/memory.max": str(3 * MIB),
    }
    assert hardware.all_memory(tree(tmp_path, limited)) == 3 * MIB


def test_a_machine_that_tells_nothing_is_not_guessed(tmp_path: Path) -> None:
    assert hardware.all_memory(tmp_path) is None
    assert hardware.processor(tmp_path) == ""


def test_a_mac_with_apples_chip_shares_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "hw.memsize": (16 << 30).to_bytes(8, sys.byteorder),
        "hw.perflevel0.physicalcpu": (4).to_bytes(4, sys.byteorder),
        "machdep.cpu.brand_string": b"Apple M4\0",
    }

    def sysctl(name: str) -> bytes:
        return told.get(name, b"")

    monkeypatch.setattr(hardware, "_sysctl_bytes", sysctl)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert asyncio.run(hardware.look({}, tmp_path)) == Host(
        processor="Apple M4",
        cores=4,
        memory=16 << 30,
        free=int((16 << 30) * hardware.MAC_MEMORY_SHARE),
        unified=True,
    )


@pytest.mark.usefixtures("four_cpus")
def test_a_machine_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": CPUINFO,
        "proc/meminfo": "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n",
        "sys/class/drm/card0/device/vendor": "0x1002",
        "sys/class/drm/card0/device/mem_info_vram_total": str(MIB << 13),
    }
    host = asyncio.run(hardware.look({}, tree(tmp_path, files)))

    assert host == Host(
        processor="AMD EPYC",
        cores=4,
        memory=4 * MIB,
        free=2 * MIB,
        cards=(Card(name="AMD graphics", memory=MIB << 13, free=MIB << 13),),
    )
    assert host.machine == Machine(memory=2 * MIB, graphics=MIB << 13)
