"""Where responses are kept, so that they can be read again and gone on from."""

from codex_oss.bridge.store.base import Bounds, Kept, Store, find
from codex_oss.bridge.store.history import history
from codex_oss.bridge.store.open import open_store

__all__ = ["Bounds", "Kept", "Store", "find", "history", "open_store"]
