"""A bridge in the background: started, found again, ended, and nobody else's harmed."""

import contextlib
import os
import signal
import stat
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

import fake_bridge
import with_client
from codex_oss.bridge.service import daemon
from codex_oss.bridge.service.asking import Report, ask
from codex_oss.bridge.service.daemon import Start, Started
from codex_oss.bridge.service.state import Instance, Shelf
from codex_oss.errors import CodexOssError, ConfigError
from codex_oss.net import Client
from codex_oss.process import detached
from codex_oss.process.detached import Process
from fake_server import FakeServer, Reply, closed_port
from free_ports import free_port

T = TypeVar("T")
REPORT = Report(
    version="9.9",
    upstream="http://model.example/v1",
    upstream_reachable=True,
    models=["qwen3:14b"],
    uptime_s=5.0,
)


@pytest.fixture
def shelf(tmp_path: Path) -> Generator[Shelf]:
    made = Shelf(tmp_path / "with space" / "bridge")
    yield made
    for instance in made.all():
        with contextlib.suppress(CodexOssError):
            daemon.stop(made, instance)


def wanted(tmp_path: Path, kind: str = "", **changes: Any) -> Start:
    port = changes.pop("port", None) or free_port()
    arguments = ["--listen-port", str(port), *(["--upstream", kind] if kind else [])]
    return Start(
        program=fake_bridge.program(),
        arguments=arguments,
        listen="127.0.0.1",
        port=port,
        url=f"http://127.0.0.1:{port}",
        key=changes.pop("key", ""),
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
    )


def ended_process() -> Process:
    """Return a process that has just ended."""
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return Process(pid, "of an earlier time")


def started(shelf: Shelf, start: Start, start_s: float = 30) -> Started:
    use: Callable[[Client], Awaitable[Started]] = lambda client: daemon.start(  # noqa: E731
        shelf, start, client, start_s=start_s
    )
    return with_client.run(use)


def test_a_started_bridge_answers_is_remembered_and_ends(
    shelf: Shelf, tmp_path: Path
) -> None:
    start = wanted(tmp_path)

    found = started(shelf, start)

    assert (found.report, found.already) == (REPORT, False)
    assert shelf.read(start.port) == found.instance
    assert found.instance.arguments == start.arguments
    assert os.getsid(found.instance.process.pid) == found.instance.process.pid
    assert daemon.stop(shelf, found.instance)
    assert not detached.runs(found.instance.process)
    assert shelf.all() == []
    assert "serving" in shelf.log(start.port).read_text()


def test_a_shelf_in_a_relative_folder_is_the_childs_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shelf, start = Shelf(Path("state")), wanted(tmp_path / "elsewhere")
    start.cwd.mkdir(exist_ok=True)
    found = started(shelf, start)
    daemon.stop(shelf, found.instance)

    assert "serving" in shelf.log(start.port).read_text()


def test_its_log_and_its_state_are_for_its_owner_only(
    shelf: Shelf, tmp_path: Path
) -> None:
    start = wanted(tmp_path)
    started(shelf, start)

    files = [shelf.log(start.port), shelf.folder / f"{start.port}.json"]

    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]


def test_a_second_start_leaves_the_first_alone(shelf: Shelf, tmp_path: Path) -> None:
    start = wanted(tmp_path)
    first = started(shelf, start)

    second = started(shelf, start)

    assert second == Started(instance=first.instance, report=REPORT, already=True)


def test_two_bridges_run_side_by_side_on_two_ports(
    shelf: Shelf, tmp_path: Path
) -> None:
    first, second = (started(shelf, wanted(tmp_path)) for _ in range(2))

    daemon.stop(shelf, first.instance)

    assert shelf.all() == [second.instance]
    assert detached.runs(second.instance.process)


def test_a_bridge_that_ends_at_once_is_told_with_its_last_words(
    shelf: Shelf, tmp_path: Path
) -> None:
    start = wanted(tmp_path, "fail")
    shelf.folder.mkdir(parents=True)
    shelf.log(start.port).write_text("words of an earlier run\n")

    with pytest.raises(CodexOssError) as caught:
        started(shelf, start)

    assert str(caught.value) == (
        "the bridge ended with code 3 before it served; it said:\n"
        "  no such model\n  look elsewhere"
    )
    assert shelf.all() == []


def test_a_bridge_that_loads_for_long_is_left_to_load(
    shelf: Shelf, tmp_path: Path
) -> None:
    found = started(shelf, wanted(tmp_path), start_s=0)

    assert found.report is None
    assert detached.runs(found.instance.process)


def test_what_was_remembered_of_a_bridge_that_died_is_no_hindrance(
    shelf: Shelf, tmp_path: Path
) -> None:
    start = wanted(tmp_path)
    first = started(shelf, start)
    os.kill(first.instance.process.pid, signal.SIGKILL)
    os.waitpid(first.instance.process.pid, 0)

    second = started(shelf, start)

    assert not second.already
    assert second.instance.process != first.instance.process


def test_a_process_that_took_over_the_number_is_not_harmed(shelf: Shelf) -> None:
    stranger = detached.find(os.getpid())
    assert stranger is not None
    stale = Instance(
        port=1,
        url="http://127.0.0.1:1",
        process=replace(stranger, birth="of an earlier time"),
        arguments=[],
        started=0,
    )
    shelf.keep(stale)

    assert not daemon.stop(shelf, stale)
    assert shelf.all() == []


def test_a_bridge_that_ignores_sigterm_is_killed(shelf: Shelf, tmp_path: Path) -> None:
    found = started(shelf, wanted(tmp_path, "deaf"))

    assert detached.end(found.instance.process, grace_s=0.05)
    assert not detached.runs(found.instance.process)


def test_a_process_that_has_ended_needs_no_end() -> None:
    assert detached.end(ended_process())


def test_a_bridge_that_wants_a_key_is_known_as_one(
    shelf: Shelf, tmp_path: Path
) -> None:
    start = wanted(tmp_path, "locked")
    found = started(shelf, start)

    with_key = with_client.run(lambda client: ask(start.url, client, "secret"))

    assert found.report == Report(locked=True)
    assert with_key == REPORT


def test_port_0_cannot_be_found_again(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a port of its own"):
        started(shelf, replace(wanted(tmp_path), port=0))


def test_a_state_file_of_another_form_counts_as_none(shelf: Shelf) -> None:
    shelf.folder.mkdir(parents=True)
    (shelf.folder / "11435.json").write_text('{"port": "x"}')
    (shelf.folder / "notes.json").write_text("{}")

    assert (shelf.read(11435), shelf.all()) == (None, [])


# --- a port that somebody has --------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "who"),
    [
        ("Ollama is running", "Ollama"),
        ("<html>", "another web server"),
    ],
)
def test_a_taken_port_is_told_with_its_owner(
    shelf: Shelf, tmp_path: Path, body: str, who: str
) -> None:
    with (
        FakeServer(get={"/": lambda _: Reply(body=body)}) as server,
        pytest.raises(ConfigError) as caught,
    ):
        started(shelf, wanted(tmp_path, port=server.port))

    assert str(caught.value) == f"port {server.port} is taken by {who}"
    assert "--listen-port" in caught.value.hint
    assert ("OLLAMA_HOST=127.0.0.1:11433" in caught.value.hint) == (who == "Ollama")


def test_a_port_that_another_bridge_has_is_told_so(
    shelf: Shelf, tmp_path: Path
) -> None:
    start = wanted(tmp_path)
    started(shelf, start)
    elsewhere = Shelf(tmp_path / "of another user")

    with pytest.raises(ConfigError) as caught:
        started(elsewhere, start)

    assert str(caught.value) == (
        f"port {start.port} is taken: a bridge serves there already, in front of "
        "http://model.example/v1"
    )


def test_a_port_whose_owner_says_nothing_is_taken_by_another_program(
    shelf: Shelf, tmp_path: Path
) -> None:
    with (
        closed_port() as port,
        pytest.raises(ConfigError, match="is taken by another program"),
    ):
        started(shelf, wanted(tmp_path, port=port))
