"""What tests of the bridge take for granted: that a busy machine gets its time."""

import pytest

from codex_oss.bridge import answering


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a server have all the time to say at once how it is."""
    monkeypatch.setattr(answering, "PATIENCE_S", 60.0)
