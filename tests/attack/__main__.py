"""Tries to do what a sandbox must prevent, and says for each attempt how it ended.

    python tests/attack GROUND.json

One JSON line per attack: ``[name, outcome, detail]``. The ground is prepared by
``attack_ground.py``; only what it names is touched, so that the program does no harm
outside a sandbox either, as root included.
"""

# ruff: noqa: PTH208, T201

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from attack import (
    kernel,
    kit,
    processes,
    reads,
    settings,
    sockets,
    writes,
)

MODULES = (writes, settings, reads, sockets, processes, kernel)


def main() -> int:
    """Run all attacks, in order."""
    open_before = _open_descriptors()
    known = json.loads(Path(sys.argv[1]).read_text())
    ground = kit.Ground(**known)._replace(ours=open_before, starter=os.getppid())
    os.chdir(ground.workspace)
    for name, attack in kit.attacks(MODULES).items():
        print(json.dumps(kit.attempt(name, attack, ground)), flush=True)
    return 0


def _open_descriptors() -> tuple[int, ...]:
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    return tuple(fd for fd in listed if fd > 2 and _still_open(fd))


def _still_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:  # it was the listing's own
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
