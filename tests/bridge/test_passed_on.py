"""Where the bridge asks and passes on to, and what is seen of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridging import CODEX, Answered, Asking, through
from codex_oss.bridge.upstream import Upstream
from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.providers.endpoint import site
from fake_server import FakeServer, Gate, Reply, Scripted

MODELS = Reply(body={"object": "list", "data": [{"id": "m"}]})
DONE = Reply(body={"done": True})


def behind(server: FakeServer, path: str, **query: str) -> Provider:
    """Return a provider whose API has another path than ``/v1``."""
    url = f"{server.url}{path}"
    return Provider(name="up", base_url=url, wire_api="chat", query_params=query)


def test_an_api_that_is_not_below_v1_is_asked_where_it_is(tmp_path: Path) -> None:
    async def use(asking: Asking) -> list[Any]:
        listed = await asking.ask("GET", "/v1/models")
        catalogue = await asking.ask("GET", "/v1/models?client_version=1", None, CODEX)
        health = await asking.ask("GET", "/__health")
        return [
            [each["id"] for each in listed.json["data"]],
            [each["slug"] for each in catalogue.json["models"]],
            health.json["models"],
        ]

    with FakeServer([], get={"/openai/models": MODELS}) as server:
        provider = behind(server, "/openai")
        assert through(server.url, tmp_path, use, provider=provider) == [["m"]] * 3


@pytest.mark.parametrize(
    ("asked", "reached"),
    [
        ("/v1/chat/completions", "/openai/chat/completions?api-version=7"),
        ("/v1/embeddings?x=%20y", "/openai/embeddings?x=%20y&api-version=7"),
        ("/v1/embeddings", "/openai/embeddings?api-version=7"),
        ("/api/pull", "/openai/api/pull"),
        ("/v1", "/openai?api-version=7"),
    ],
)  # fmt: skip
def test_what_is_passed_on_goes_below_the_base_url(
    asked: str, reached: str, tmp_path: Path
) -> None:
    paths = ("/chat/completions", "/embeddings", "/api/pull", "")
    post: dict[str, Scripted] = {f"/openai{path}": DONE for path in paths}
    with FakeServer([], post=post) as server:
        provider = behind(server, "/openai", **{"api-version": "7"})
        got = through(
            server.url, tmp_path, lambda a: a.ask("POST", asked, {}), provider=provider
        )
        assert got.json == {"done": True}
        assert [seen.path for seen in server.requests] == [reached]


@pytest.mark.parametrize(
    ("base_url", "listed", "api"),
    [
        ("http://h", "http://h/v1/models", "http://h/api"),
        ("http://h/v1/", "http://h/v1/models", "http://h/api"),
        ("http://h/a/v4", "http://h/a/v4/models", "http://h/a/v4/api"),
    ],
)
def test_a_bare_host_s_api_is_below_v1(base_url: str, listed: str, api: str) -> None:
    async def connect(name: str) -> tuple[Model, bool]:
        raise AssertionError(name)

    provider = Provider(name="up", base_url=base_url)
    upstream = Upstream(connect, Client({}), site=site("up", provider, {}, "0"))
    assert (upstream.url("/models"), f"{upstream.root}/api") == (listed, api)


@pytest.mark.parametrize(
    "path",
    ["/v1/../x", "/v1/%2e%2e/x", "/api/%2E./x", "/api/./x", "/v1/..%2f..%2fx",
     "/v1/..\\x", "/api/x/%2e"],
)  # fmt: skip
def test_a_path_that_climbs_is_not_passed_on(path: str, tmp_path: Path) -> None:
    with FakeServer([]) as server:
        got = through(server.url, tmp_path, lambda a: a.ask("GET", path))
        assert (got.status, got.json["error"]["code"]) == (404, "unknown_url")
        assert server.requests == []


# --- what is seen of it ---------------------------------------------------------------


async def looked_at(asking: Asking, number: int = 1) -> dict[str, Any]:
    return (await asking.ask("GET", f"/__inspect/entry/{number}")).json


def test_what_is_passed_on_is_in_numbers_and_the_inspector(tmp_path: Path) -> None:
    async def use(asking: Asking) -> tuple[dict[str, Any], str]:
        await asking.ask("POST", "/api/pull?x=1", {"model": "m"}, CODEX)
        numbers = await asking.ask("GET", "/metrics")
        return await looked_at(asking), numbers.body.decode()

    with FakeServer([], post={"/api/pull": DONE}) as server:
        entry, numbers = through(server.url, tmp_path, use)
        url = f"{server.url}/api/pull?x=********"
    row = entry["row"]
    assert (row["client"], row["route"], row["model"]) == ("codex_exec", "api/pull", "")
    assert (row["state"], row["status"], row["bytes_out"]) == ("completed", 200, 14)
    assert entry["came"] == '{"model":"m"}'
    [sent] = entry["sent"]
    assert (sent["url"], sent["body"]) == (url, '{"model":"m"}')
    line = 'requests_total{route="api/pull",model="",outcome="completed"} 1\n'
    assert line in numbers


def test_routes_that_a_client_thinks_of_are_one(tmp_path: Path) -> None:
    async def use(asking: Asking) -> tuple[dict[str, Any], Answered]:
        got = await asking.ask("GET", "/api/thought-of/this")
        return (await looked_at(asking))["row"], got

    with FakeServer([]) as server:
        row, got = through(server.url, tmp_path, use)
    assert (row["route"], row["state"], row["status"]) == ("other", "failed", 404)
    assert got.status == 404


def test_a_server_that_is_not_there_is_an_entry_too(tmp_path: Path) -> None:
    async def use(asking: Asking) -> tuple[dict[str, Any], Answered]:
        got = await asking.ask("GET", "/api/tags")
        return await looked_at(asking), got

    with FakeServer([]) as server:
        gone = server.url
    entry, got = through(gone, tmp_path, use)
    assert (entry["row"]["state"], entry["row"]["status"]) == ("refused", got.status)
    assert entry["error"] == got.json["error"]["message"]


def test_a_client_that_leaves_what_is_passed_on_is_seen_to(tmp_path: Path) -> None:
    gate = Gate()

    async def use(asking: Asking) -> dict[str, Any]:
        asked = asyncio.ensure_future(asking.ask("POST", "/api/pull", {}))
        await asyncio.to_thread(gate.wait_reached)
        asked.cancel()
        await asyncio.wait([asked])
        while not (entry := await looked_at(asking))["row"]["status"]:
            pass  # the bridge is told by the system; `through` bounds the wait
        while entry["row"]["state"] in ("waiting", "streaming"):
            entry = await looked_at(asking)
        gate.open()
        return entry["row"]

    held = Reply(chunks=[b"{", gate])
    with FakeServer([], post={"/api/pull": held}) as server:
        row = through(server.url, tmp_path, use)
    assert (row["state"], row["status"], row["bytes_out"]) == ("gone", 200, 1)


def test_who_may_not_ask_is_counted_and_has_no_entry(tmp_path: Path) -> None:
    key = {"authorization": "bearer k"}

    async def use(asking: Asking) -> tuple[str, int]:
        await asking.ask("GET", "/api/tags")
        await asking.ask("GET", "/metrics")
        await asking.ask(
            "GET", "/api/tags", None, key | {"origin": "http://evil.example"}
        )
        numbers = await asking.ask("GET", "/metrics", None, key)
        entry = await asking.ask("GET", "/__inspect/entry/1", None, key)
        return numbers.body.decode(), entry.status

    with FakeServer([]) as server:
        numbers, entry = through(server.url, tmp_path, use, key="k")
        assert server.requests == []
    assert "codex_oss_bridge_unauthorized_total 3\n" in numbers
    assert entry == 404


# --- what is not there ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["compact", "input_tokens"])
def test_parts_of_openai_s_api_that_are_not_here_are_not_found(
    path: str, tmp_path: Path
) -> None:
    with FakeServer([]) as server:
        got = through(
            server.url, tmp_path, lambda a: a.ask("POST", f"/v1/responses/{path}", {})
        )
    assert (got.status, got.json["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize("path", ["/__health", "/metrics"])
def test_pages_that_only_show_take_no_other_method(path: str, tmp_path: Path) -> None:
    async def use(asking: Asking) -> list[tuple[int, str]]:
        got = [await asking.ask(each, path) for each in ("POST", "DELETE", "HEAD")]
        return [(each.status, each.headers.get("allow", "")) for each in got]

    with FakeServer([]) as server:
        assert through(server.url, tmp_path, use) == [
            (405, "GET, HEAD"),
            (405, "GET, HEAD"),
            (200, ""),
        ]
