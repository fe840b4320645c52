"""Graphics cards, read from trees like those of Linux and a driver's own program."""

import asyncio
import sys
from pathlib import Path

import pytest

from codex_oss.engines import graphics
from codex_oss.engines.graphics import Card

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the files below are Linux's"
)
GIB, MIB = 1 << 30, 1 << 20


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def found(root: Path, env: dict[str, str] | None = None) -> list[Card]:
    return asyncio.run(graphics.cards(env or {}, root))


def nvidia(root: Path, script: str, driver: str = "dev/nvidiactl") -> Path:
    program = tree(root, {"usr/bin/nvidia-smi": f"#!/bin/sh\n{script}\n", driver: ""})
    (program / "usr/bin/nvidia-smi").chmod(0o755)
    return root


TWO = """echo 'NVIDIA GeForce RTX 4090, 24564, 23011'
echo 'NVIDIA GeForce RTX 3060, 12288, 12000'"""


@pytest.mark.parametrize(
    "driver", ["dev/nvidiactl", "proc/driver/nvidia/version", "dev/dxg"]
)
def test_the_driver_of_nvidia_tells_its_cards(tmp_path: Path, driver: str) -> None:
    assert found(nvidia(tmp_path, TWO, driver)) == [
        Card(name="NVIDIA GeForce RTX 4090", memory=24564 * MIB, free=23011 * MIB),
        Card(name="NVIDIA GeForce RTX 3060", memory=12288 * MIB, free=12000 * MIB),
    ]


def test_it_is_asked_for_what_is_read(tmp_path: Path) -> None:
    script = f'echo "$*" > {tmp_path}/asked; {TWO}'
    found(nvidia(tmp_path, script))
    assert (tmp_path / "asked").read_text() == (
        "--query-gpu=name,memory.total,memory.free --format=csv,noheader,nounits\n"
    )


@pytest.mark.parametrize(
    "script",
    [
        "echo 'NVIDIA-SMI has failed: no driver'; exit 9",
        f"{TWO}; exit 1",
        "echo 'NVIDIA GB10, [N/A], [N/A]'",
        "echo",
        "",
    ],
    ids=["no driver", "a failure", "shares the memory", "an empty line", "silence"],
)
def test_a_driver_that_tells_no_memory_has_no_card(tmp_path: Path, script: str) -> None:
    assert found(nvidia(tmp_path, script)) == []


def test_a_driver_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphics, "ASK_S", 0.05)
    assert found(nvidia(tmp_path, "exec sleep 600")) == []


def test_without_a_driver_its_program_is_not_run(tmp_path: Path) -> None:
    nvidia(tmp_path, f"touch {tmp_path}/ran; {TWO}")
    (tmp_path / "dev/nvidiactl").unlink()

    assert found(tmp_path) == []
    assert not (tmp_path / "ran").exists()


def test_hidden_cards_are_not_looked_for(tmp_path: Path) -> None:
    assert found(nvidia(tmp_path, TWO), {"CUDA_VISIBLE_DEVICES": "-1"}) == []


def test_the_program_may_lie_elsewhere_on_the_path(tmp_path: Path) -> None:
    nvidia(tmp_path, TWO)
    (tmp_path / "usr/bin/nvidia-smi").rename(tmp_path / "nvidia-smi")
    assert len(found(tmp_path, {"PATH": f"/nowhere:{tmp_path}"})) == 2


AMD = {
    "sys/class/drm/card1/device/vendor": "0x1002\n",
    "sys/class/drm/card1/device/mem_info_vram_total": f"{24 * GIB}\n",
    "sys/class/drm/card1/device/mem_info_vram_used": f"{GIB}\n",
    "sys/class/drm/card1/device/mem_info_gtt_total": f"{32 * GIB}\n",
    "sys/class/drm/card1/device/product_name": "Radeon RX 7900 XTX\n",
    "sys/class/drm/card1-HDMI-A-1/status": "connected\n",
    "sys/class/drm/version": "drm 1.1.0\n",
}


def test_cards_of_amd_are_in_sysfs(tmp_path: Path) -> None:
    assert found(tree(tmp_path, AMD)) == [
        Card(name="Radeon RX 7900 XTX", memory=24 * GIB, free=23 * GIB)
    ]


@pytest.mark.parametrize(
    ("memory", "cards"), [(512 * MIB, 0), (4 * GIB, 0), (96 * GIB, 1)]
)
def test_what_a_processor_sets_aside_is_no_card_unless_it_is_much(
    tmp_path: Path, memory: int, cards: int
) -> None:
    name = "sys/class/drm/card1/device/mem_info_vram_total"
    assert len(found(tree(tmp_path, AMD | {name: str(memory)}))) == cards


def test_a_card_without_a_name_and_without_use_is_one(tmp_path: Path) -> None:
    some = {k: v for k, v in AMD.items() if k.endswith(("vendor", "vram_total"))}
    assert found(tree(tmp_path, some)) == [
        Card(name="AMD graphics", memory=24 * GIB, free=24 * GIB)
    ]


def test_cards_of_intel_are_in_sysfs_and_its_processors_have_none(
    tmp_path: Path,
) -> None:
    files = {
        "sys/class/drm/card0/device/vendor": "0x8086",
        "sys/class/drm/card1/device/vendor": "0x8086",
        "sys/class/drm/card1/lmem_total_bytes": str(16 * GIB),
        "sys/class/drm/card1/lmem_avail_bytes": str(15 * GIB),
    }
    assert found(tree(tmp_path, files)) == [
        Card(name="Intel graphics", memory=16 * GIB, free=15 * GIB)
    ]


def test_another_chip_is_no_card(tmp_path: Path) -> None:
    files = {"sys/class/drm/card0/device/vendor": "0x1234\n"}
    assert found(tree(tmp_path, files)) == []
