"""House rules on the locks: they hold what pyproject.toml asks for, and agree."""

import re
import tomllib
from pathlib import Path
from typing import cast

from codex_oss.engines import sources
from codex_oss.engines.sources import PypiSource

ROOT = Path(__file__).resolve().parents[2]


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return dict(found)


def names(requirements: list[str]) -> set[str]:
    starts = (re.match(r"[A-Za-z0-9_.-]+", line) for line in requirements)
    return {start[0].lower().replace("_", "-") for start in starts if start}


def project() -> tuple[set[str], set[str]]:
    """Return the names of what the program needs, and of what the tests need too."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = cast("list[str]", pyproject["project"]["dependencies"])
    dev = cast("list[str]", pyproject["dependency-groups"]["dev"])
    return names(runtime), names(dev)


def test_the_lock_holds_every_dependency_of_the_program() -> None:
    runtime, _ = project()
    assert runtime - pins("requirements.lock").keys() == set()


def test_the_dev_lock_is_the_lock_and_the_tools() -> None:
    _, dev = project()
    pinned = pins("requirements-dev.lock")

    assert dev - pinned.keys() == set()
    assert pins("requirements.lock").items() <= pinned.items()


def test_the_model_that_set_up_installs_is_the_one_without_any_download() -> None:
    source = sources.ALIASES[sources.DEFAULT_MODEL]
    assert isinstance(source, PypiSource)
    assert pins("requirements-model.lock") == {source.package: source.version}
