"""A request through a whole bridge, and what people and their tools see of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridging import CODEX, Asking, bridged, through
from chromium import browser, chromium
from codex_oss.bridge.ledger import Ledger
from fake_codex_requests import TOOLS, head, message
from fake_server import LLAMACPP, FakeServer, chat_call, chat_text, chat_turn

ARGUMENTS = '{"command": ["bash", "-lc", "ls"]}'
REQUEST: dict[str, Any] = {
    "input": [
        *head(),
        message("user", "What is here? My key: sk-abcdefghijklmnopqrst"),
    ],
    "tools": TOOLS,
    "stream": True,
}
TURN = chat_turn(
    chat_text("I look."),
    chat_call("shell", ARGUMENTS),
    prompt_tokens=1700,
    completion_tokens=20,
)


def test_a_mended_request_is_seen_in_numbers_lines_and_the_entry(
    tmp_path: Path,
) -> None:
    async def use(asking: Asking) -> tuple[str, dict[str, Any], str]:
        await asking.respond(REQUEST, CODEX)
        numbers = await asking.ask("GET", "/metrics")
        entry = await asking.ask("GET", "/__inspect/entry/1")
        return numbers.body.decode(), entry.json, asking.log

    with FakeServer([TURN], get=LLAMACPP) as server:
        numbers, entry, log = through(server.url, tmp_path, use, diet="aggressive")

    assert 'codex_oss_bridge_mended_total{what="name"} 1\n' in numbers
    assert "codex_oss_bridge_time_to_first_token_seconds_count 1\n" in numbers
    mended = {
        (note["fact"]["what"], note["fact"]["was"], note["fact"]["now"])
        for note in entry["notes"]
        if note["fact"]["type"] == "Mended"
    }
    assert ("name", "shell", "exec_command") in mended
    assert entry["tokens_before"] > 3 * entry["tokens_after"] > 0
    assert (entry["row"]["state"], entry["row"]["input_tokens"]) == ("completed", 1700)
    assert "sk-abc" not in str(entry)
    assert "My key: ********" in entry["came"]
    assert "My key: ********" in entry["sent"][0]["body"]
    (line,) = [line for line in log.splitlines() if " #1 " in line]
    assert " completed status=200 client=codex_exec " in line
    assert " in=1700 " in line


def test_health_tells_of_the_server_behind(tmp_path: Path) -> None:
    async def use(asking: Asking) -> dict[str, Any]:
        return (await asking.ask("GET", "/__health")).json

    with FakeServer([], get=LLAMACPP) as server:
        told = through(server.url, tmp_path, use)
    assert (told["upstream"], told["store"]) == (server.url, "memory")
    assert (told["in_flight"], told["version"]) == (0, "0.1.0")


def test_a_key_is_asked_for_by_all(tmp_path: Path) -> None:
    async def use(asking: Asking) -> list[int]:
        paths = ("/__health", "/metrics", "/__inspect", "/__inspect/events")
        return [(await asking.ask("GET", path)).status for path in paths]

    with FakeServer([], get=LLAMACPP) as server:
        assert through(server.url, tmp_path, use, key="k") == [401] * 4


PROGRAM = chromium()


@pytest.mark.skipif(PROGRAM is None, reason="no chromium here")
def test_the_page_shows_what_was_mended_in_a_running_bridge(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        assert PROGRAM is not None
        async with (
            asyncio.timeout(250),
            bridged(url, tmp_path, diet="aggressive") as asking,
            browser(PROGRAM, tmp_path / "home") as page,
        ):
            await page.call("Page.navigate", url=f"{asking.url}/__inspect")
            await page.until("document.querySelector('#link.live') !== null")
            await asking.respond(REQUEST, CODEX)
            texts = "[...document.querySelectorAll('#panel-mended .two pre')]"
            await page.until(f"{texts}.some((pre) => pre.textContent === 'shell')")
            stream = (
                "document.querySelector('#panel-stream .block.call h4').textContent"
            )
            await page.until(f"{stream} === 'Call of exec_command'")
            assert page.problems == []

    with FakeServer([TURN], get=LLAMACPP) as server:
        asyncio.run(main(server.url))


def test_what_is_kept_has_a_bound_that_a_small_machine_can_bear() -> None:
    ledger = Ledger()
    for _ in range(500):
        with ledger.open(
            client="a", route="r", model="m", came=bytes(100_000)
        ) as entry:
            entry.wrote(bytes(10_000))
    assert ledger.kept_bytes <= 8 * 1024 * 1024
