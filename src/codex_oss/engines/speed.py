"""How fast a model would answer on a machine, estimated from memory bandwidth.

Writing a token reads the weights that are active and the cache once, and little else
takes time: so tokens per second are bandwidth over bytes. The bandwidth is the makers'
figure for a class of chips (``bandwidth.json``), of which programs reach a part. It is
an estimate: half and double both occur.
"""

from functools import lru_cache
from pathlib import Path

import msgspec

from codex_oss.engines.hardware import Host

UNKNOWN_CARD = 300e9
"""Bytes per second of a card that the table does not have: a small one of today."""
PER_CORE = 8e9
"""Bytes of 4-bit weights per second that one core works off; 6 to 10 were measured."""
MAIN_MEMORY = 50e9
"""Bytes per second of two channels of memory, as in laptops and desktops."""
SERVER_MEMORY = 150e9
SERVER_CORES = 17
"""Cores from which a machine is taken for a server, with more channels."""
REACHED, REACHED_BY_EXPERTS = 0.6, 0.4
"""Share of a card's bandwidth that is used; less where experts are picked each time."""
_GIGA = 1e9


class _Table(msgspec.Struct, frozen=True):
    dated: str
    classes: dict[str, float]


def tokens_per_s(host: Host, read: float, *, on_gpu: float, experts: bool) -> float:
    """Return tokens per second, when each reads ``read`` bytes.

    ``on_gpu`` is the share of the model in graphics memory, 0 to 1.
    """
    graphics = _graphics(host) * (REACHED_BY_EXPERTS if experts else REACHED)
    return 1 / (read * (1 - on_gpu) / _processor(host) + read * on_gpu / graphics)


def _processor(host: Host) -> float:
    memory = SERVER_MEMORY if host.cores >= SERVER_CORES else MAIN_MEMORY
    return min(memory, host.cores * PER_CORE)


def _graphics(host: Host) -> float:
    """Return the slowest card's bytes per second: layers wait for each other."""
    if host.unified:
        return bandwidth(host.processor) or MAIN_MEMORY
    return min(
        (bandwidth(card.name) or UNKNOWN_CARD for card in host.cards),
        default=MAIN_MEMORY,
    )


def bandwidth(name: str) -> float | None:
    """Return the bytes per second of a chip by its name; None: not in the table."""
    words = f" {name.replace('-', ' ')} "
    fitting = [known for known in _table() if f" {known} " in words]
    return _table()[max(fitting, key=len)] * _GIGA if fitting else None


@lru_cache(maxsize=1)
def _table() -> dict[str, float]:
    data = Path(__file__).with_name("bandwidth.json").read_bytes()
    return msgspec.json.decode(data, type=_Table).classes
