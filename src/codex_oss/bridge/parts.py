"""What a bridge is made of, put together by ``wiring``."""

from collections.abc import Callable

import msgspec

from codex_oss.bridge.guard import Guard
from codex_oss.bridge.images import Images
from codex_oss.bridge.ledger import Ledger
from codex_oss.bridge.log import Log
from codex_oss.bridge.references import References
from codex_oss.bridge.running import Running
from codex_oss.bridge.settings import BridgeSettings
from codex_oss.bridge.store import Store
from codex_oss.bridge.threads import Threads
from codex_oss.bridge.upstream import Upstream


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that every request may need. ``now``: seconds since the epoch."""

    settings: BridgeSettings
    upstream: Upstream
    store: Store
    references: References
    ledger: Ledger
    log: Log
    guard: Guard
    threads: Threads
    images: Images
    running: Running
    now: Callable[[], float]
    new_id: Callable[[str], str]
