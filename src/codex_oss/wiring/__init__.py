"""Config to a ready session: the only place that picks implementations."""

from codex_oss.wiring.session import TITLE, Job, Opened, open_session

__all__ = ["TITLE", "Job", "Opened", "open_session"]
