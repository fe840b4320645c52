"""Child processes: start, read, write, end. The only place that starts programs."""

from codex_oss.process.buffer import HeadTail
from codex_oss.process.child import Child, start

__all__ = ["Child", "HeadTail", "start"]
