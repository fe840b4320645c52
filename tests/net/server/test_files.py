"""The limit of open files: as high as is needed and allowed, and no higher."""

import resource
import subprocess
import sys

import pytest

from codex_oss.net.server import files

FOREVER = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (256, FOREVER, 4096),
        (1024, 524_288, 4096),
        (256, 1024, 1024),
        (8192, 8192, 8192),
        (1024, 1024, 1024),
        (FOREVER, FOREVER, 4096),
    ],
)
def test_the_limit_is_raised_within_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int
) -> None:
    now = (soft, hard)

    def got(_: int) -> tuple[int, int]:
        return now

    def put(which: int, limits: tuple[int, int]) -> None:
        nonlocal now
        assert which == resource.RLIMIT_NOFILE
        now = limits

    monkeypatch.setattr(resource, "getrlimit", got)
    monkeypatch.setattr(resource, "setrlimit", put)
    assert files.raise_file_limit() == raised
    assert now == (soft if soft in (FOREVER, raised) else raised, hard)


def test_a_system_that_allows_less_is_lived_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def low(_: int) -> tuple[int, int]:
        return 256, FOREVER

    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError(which, limits)

    monkeypatch.setattr(resource, "getrlimit", low)
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert files.raise_file_limit() == 256


def test_a_real_process_gets_more() -> None:
    code = (
        "import resource as r\n"
        "from codex_oss.net.server.files import raise_file_limit\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (256, r.getrlimit(r.RLIMIT_NOFILE)[1]))\n"
        "assert raise_file_limit() == r.getrlimit(r.RLIMIT_NOFILE)[0]\n"
        "print(raise_file_limit())\n"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert int(done.stdout) == (4096 if hard == FOREVER else min(4096, hard))


@pytest.mark.parametrize(
    ("allowed", "connections"), [(4096, 2016), (1024, 480), (256, 96), (64, 1)]
)
def test_each_client_needs_two_of_them(allowed: int, connections: int) -> None:
    assert files.connections_within(allowed) == connections
