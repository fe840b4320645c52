"""The bridge's routes: who may ask, what is answered here, what is passed on."""

from pathlib import Path
from typing import Any

import pytest

from bridging import CODEX, Answered, Asking, through
from codex_oss.bridge.clients import Caller, caller_of
from codex_oss.bridge.guard import Guard
from fake_server import FakeServer, Reply, Scripted, chat_text, chat_turn

HI = chat_turn(chat_text("hi"))
MODELS: dict[str, Any] = {
    "/v1/models": {"object": "list", "data": [{"id": "m", "max_model_len": 4096}]}
}


def ask(
    tmp: Path,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: object = None,
    **changes: Any,
) -> tuple[Answered, FakeServer]:
    tags: dict[str, Scripted] = {"/api/tags": Reply(body=b"{}")}
    pull: dict[str, Scripted] = {"/api/pull": Reply(body={"status": "success"})}
    with FakeServer([HI], get=MODELS | tags, post=pull) as server:
        answered = through(
            server.url, tmp, lambda a: a.ask(method, path, body, headers), **changes
        )
    return answered, server


# --- models -------------------------------------------------------------------------


def test_models_are_listed_as_the_server_has_them_and_whole(tmp_path: Path) -> None:
    got, _ = ask(tmp_path, "GET", "/v1/models")
    assert got.json == {
        "object": "list",
        "data": [
            {
                "id": "m",
                "object": "model",
                "created": 0,
                "owned_by": "codex-oss",
                "max_model_len": 4096,
            }
        ],
    }


def test_one_model_can_be_asked_for(tmp_path: Path) -> None:
    got, _ = ask(tmp_path, "GET", "/v1/models/m")
    assert got.json["id"] == "m"
    got, _ = ask(tmp_path, "GET", "/v1/models/other")
    assert (got.status, got.json["error"]["code"]) == (404, "model_not_found")


def test_codex_gets_a_catalogue(tmp_path: Path) -> None:
    got, _ = ask(tmp_path, "GET", "/v1/models?client_version=0.169.0", CODEX)
    [model] = got.json["models"]
    assert (model["slug"], model["apply_patch_tool_type"]) == ("m", "freeform")


# --- passed on ----------------------------------------------------------------------


def test_what_the_bridge_does_not_know_is_passed_on_as_it_came(tmp_path: Path) -> None:
    got, server = ask(tmp_path, "POST", "/api/pull?x=%20y", {"x-mine": "1"}, {"a": 1})
    assert got.json == {"status": "success"}
    [seen] = [seen for seen in server.requests if seen.path.startswith("/api/pull")]
    assert (seen.path, seen.json, seen.headers["x-mine"]) == (
        "/api/pull?x=%20y",
        {"a": 1},
        "1",
    )


def test_chat_completions_are_passed_on_too(tmp_path: Path) -> None:
    got, server = ask(tmp_path, "POST", "/v1/chat/completions", None, {"model": "m"})
    assert got.body.endswith(b"data: [DONE]\n\n")
    assert server.posts[0].json == {"model": "m"}


def test_other_paths_are_not(tmp_path: Path) -> None:
    got, server = ask(tmp_path, "GET", "/secret")
    assert got.status == 404
    assert [seen.path for seen in server.requests if "secret" in seen.path] == []


def test_a_request_cannot_name_another_server(tmp_path: Path) -> None:
    for path in ("//other.example/v1/x", "/v1/../../x"):
        got, server = ask(tmp_path, "GET", path)
        assert got.status == 404
        assert all("other.example" not in seen.path for seen in server.requests)


@pytest.mark.parametrize("path", ["/v1/../x", "/v1/%2e%2e/x", "/v1/..%2f..%2fx"])
def test_a_path_that_leaves_its_root_is_not_passed_on(
    tmp_path: Path, path: str
) -> None:
    got, server = ask(tmp_path, "GET", path)
    assert (got.status, got.json["error"]["code"]) == (404, "unknown_url")
    assert [seen.path for seen in server.requests if seen.path.endswith("x")] == []


@pytest.mark.parametrize(
    "key",
    [
        {"authorization": "Bearer k"},
        {"authorization": "bearer  k"},
        {"api-key": "k"},
        {"cookie": "codex_oss_bridge=k"},
    ],
)
def test_a_key_of_the_bridge_is_not_passed_on(
    tmp_path: Path, key: dict[str, str]
) -> None:
    got, server = ask(tmp_path, "GET", "/api/tags", key, key="k")
    assert got.status == 200
    [seen] = [seen for seen in server.requests if seen.path == "/api/tags"]
    assert seen.headers.keys().isdisjoint(key)


def test_headers_that_are_about_one_connection_are_not_passed_on(
    tmp_path: Path,
) -> None:
    given = {"connection": "keep-alive, X-Hop", "x-hop": "1", "x-mine": "1"}
    _, server = ask(tmp_path, "GET", "/api/tags", given)
    [seen] = [seen for seen in server.requests if seen.path == "/api/tags"]
    assert ("x-hop" in seen.headers, seen.headers.get("x-mine")) == (False, "1")


# --- who may ask --------------------------------------------------------------------


def test_without_the_key_nothing_is_told(tmp_path: Path) -> None:
    async def use(asking: Asking) -> list[int]:
        paths = ("/v1/models", "/api/tags", "/metrics", "/__inspect", "/__health")
        answers = [(await asking.ask("GET", path)).status for path in paths]
        answers.append((await asking.respond({"input": "x"})).status)
        key = {"authorization": "Bearer k"}
        answers.append((await asking.respond({"input": "x"}, key)).status)
        return answers

    with FakeServer([HI], get=MODELS) as server:
        assert through(server.url, tmp_path, use, key="k") == [
            401, 401, 401, 401, 401, 401, 200,
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "127.0.0.1:11435"}, True),
        ({"host": "localhost"}, True),
        ({"host": "[::1]:11435"}, True),
        ({"host": "bridge.localhost:1"}, True),
        ({"host": "evil.example"}, False),
        ({"host": "127.0.0.1.evil.example"}, False),
        ({"host": "localhost", "origin": "http://localhost:3000"}, True),
        ({"host": "localhost", "origin": "https://evil.example"}, False),
        ({"host": "localhost", "origin": "null"}, False),
    ],
)
def test_pages_of_other_sites_cannot_ask(
    headers: dict[str, str], *, allowed: bool
) -> None:
    guard = Guard(key="", loopback=True)
    assert (guard.refuse(headers) is None) is allowed


def test_a_page_of_this_machine_can_ask_and_read_the_answer(tmp_path: Path) -> None:
    page = {"origin": "http://localhost:3000"}
    asked = page | {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-stainless-os",
    }

    async def use(asking: Asking) -> list[Answered]:
        before = await asking.ask("OPTIONS", "/v1/responses", headers=asked)
        answer = await asking.respond({"input": "x"}, page)
        locked = await asking.ask("GET", "/__inspect", headers=page)
        return [before, answer, locked]

    with FakeServer([HI]) as server:
        before, answer, page_of_ours = through(server.url, tmp_path, use)
    assert (before.status, answer.status, page_of_ours.status) == (204, 200, 200)
    allowed = before.headers["access-control-allow-headers"]
    assert allowed == "authorization,x-stainless-os"
    for each in (before, answer):
        assert each.headers["access-control-allow-origin"] == page["origin"]
    assert "access-control-allow-origin" not in page_of_ours.headers


def test_a_bridge_for_others_answers_to_any_name_but_not_to_other_pages() -> None:
    guard = Guard(key="k", loopback=False)
    assert guard.refuse({"host": "box.lan"}) is None
    assert guard.refuse({"host": "box.lan", "origin": "http://box.lan"}) is None
    assert guard.refuse({"host": "box.lan", "origin": "http://evil.example"})


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({}, Caller()),
        (CODEX, Caller(name="codex_exec", codex=True)),
        (
            {"originator": "codex_cli_rs", "thread-id": "t", "user-agent": "x"},
            Caller(name="codex_cli_rs", codex=True, thread="t"),
        ),
        ({"user-agent": "codex-oss/1"}, Caller(name="codex-oss/1")),
        ({"user-agent": "OpenAI/Python 3.1"}, Caller(name="OpenAI/Python")),
        ({"user-agent": "a\x07b" + "x" * 90}, Caller(name="ab" + "x" * 46)),
    ],
)
def test_clients_are_known_by_their_headers(
    headers: dict[str, str], caller: Caller
) -> None:
    assert caller_of(headers) == caller


# --- limits -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not valid JSON"),
        (b'{"model":1,"input":"x"}', 400, "$.model"),
        (b'{"model":"m"}', 400, "input"),
        (b'{"model":"m","input":"x","tools":{}}', 400, "tools"),
        (b'{"model":"m","input":' + b"[" * 100_000, 400, "JSON"),
        (b'{"model":"m","input":"x","conversation":"c"}', 400, "conversation"),
        (b'{"model":"","input":"x"}', 400, "`model` is empty"),
        (b'{"model":"m","input":[1]}', 400, "$.input[0]"),
        (b'{"model":"m","input":[{"type":"odd"}]}', 400, "`odd`"),
        (b'{"model":"m","input":"x","max_output_tokens":-5}', 400, "is -5"),
        (b'{"model":"m","input":"x","background":true,"store":false}', 400, "store"),
        (b'{"model":"m","input":"x","previous_response_id":"r"}', 400, "r"),
        (b"x" * ((1 << 22) + 1), 413, "bytes"),
    ],
)
def test_a_bad_body_is_refused_with_the_place(
    body: bytes, status: int, words: str, tmp_path: Path
) -> None:
    got, _ = ask(tmp_path, "POST", "/v1/responses", None, body)
    assert got.status == status
    assert words in got.json["error"]["message"]


def test_the_log_has_a_line_for_each_request_and_no_secrets(tmp_path: Path) -> None:
    async def use(asking: Asking) -> str:
        key = {"authorization": "Bearer sk-verysecretverysecret"}
        await asking.respond({"input": "x"}, key)
        return asking.log

    with FakeServer([HI]) as server:
        log = through(server.url, tmp_path, use, debug=True)
    assert "completed" in log
    assert "verysecret" not in log
