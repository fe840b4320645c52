"""Fixtures of the configuration's tests."""

from pathlib import Path

import pytest

from config_home import Run, loader


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return ``load`` on a home directory of this test's own."""
    return loader(tmp_path)
