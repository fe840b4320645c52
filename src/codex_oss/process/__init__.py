"""Child processes: start, read, write, end. The only place that starts programs."""

from codex_oss.process.buffer import HeadTail
from codex_oss.process.child import Child, start
from codex_oss.process.spawn import FREE, Confined

__all__ = ["FREE", "Child", "Confined", "HeadTail", "start"]
