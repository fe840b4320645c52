"""The inspector: a page that shows what passes through the bridge, while it does.

``pages`` serves it, ``feed`` keeps it up to date, ``views`` is what of an entry is
shown, ``reuse`` how much of a prompt a server's prefix cache can use again.
"""

from codex_oss.bridge.inspector.pages import ROOT, Inspector

__all__ = ["ROOT", "Inspector"]
