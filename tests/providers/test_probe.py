"""What servers say of themselves, and whether tools reach the model."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.providers.endpoint import site
from codex_oss.providers.memory import ProbeMemory
from codex_oss.providers.probe import Probe, Probed
from fake_server import WAIT_S, FakeServer, Reply, Scripted, Seen, closed_port

PROPS: dict[str, Any] = {
    "default_generation_settings": {"n_ctx": 8192, "params": {}},
    "chat_template_caps": {"supports_tools": False, "supports_system_role": True},
    "build_info": "b11434",
}
OLLAMA = {
    "/api/version": {"version": "0.33.1"},
    "/api/ps": {"models": [{"name": "m:latest", "context_length": 4096}]},
}


def ask(
    base_url: str, model: str = "m", memory: ProbeMemory | None = None
) -> tuple[Probed, bool | None]:
    """Ask all there is to ask, twice; return what was said of server and tools."""

    async def use() -> tuple[Probed, bool | None]:
        client = Client({})
        where = site("fake", Provider(name="F", base_url=base_url), {}, "1")
        probe = Probe(where, model, client, memory or ProbeMemory())
        try:
            async with asyncio.timeout(WAIT_S):
                first = await probe.server(), await probe.tools()
                assert (await probe.server(), await probe.tools()) == first
                return first
        finally:
            await client.close()

    return asyncio.run(use())


def counting(with_tool: int, without: int) -> Scripted:
    """Return a server that counts tokens."""

    def answer(seen: Seen) -> Reply:
        count = with_tool if "tools" in seen.json else without
        return Reply(body={"choices": [], "usage": {"prompt_tokens": count}})

    return answer


def test_llamacpp_tells_everything_in_one_answer() -> None:
    with FakeServer(get={"/props": PROPS}) as server:
        said = ask(f"{server.url}/v1")
    assert said == (
        Probed(server="llamacpp", version="b11434", tools=False, context_window=8192),
        False,
    )
    assert [seen.path for seen in server.requests] == ["/props"]


@pytest.mark.parametrize(
    ("capabilities", "tools"),
    [(["completion", "tools"], True), (["completion"], False)],
)
def test_ollama_is_asked_for_the_models_capabilities(
    capabilities: list[str],
    tools: bool,  # noqa: FBT001
) -> None:
    show = {"/api/show": {"capabilities": capabilities}}
    with FakeServer(get=OLLAMA, post=show) as server:
        said = ask(f"{server.url}/v1")
    found = Probed(server="ollama", version="0.33.1", context_window=4096)
    assert said == (found, tools)
    assert server.requests[-1].json == {"model": "m"}


def test_a_model_that_ollama_has_not_loaded_has_no_window_yet() -> None:
    show = {"/api/show": {"capabilities": ["tools"]}}
    with FakeServer(get=OLLAMA, post=show) as server:
        said = ask(f"{server.url}/v1", "other:7b")
    assert said == (Probed(server="ollama", version="0.33.1"), True)


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
def test_vllm_and_sglang_are_known_by_who_owns_the_model(kind: str) -> None:
    listed = {"data": [{"id": "m", "owned_by": kind, "max_model_len": 32768}]}
    with FakeServer([counting(50, 10)], get={"/v1/models": listed}) as server:
        said = ask(f"{server.url}/v1")
    assert said == (Probed(server=kind, context_window=32768), True)


def test_the_window_of_any_server_that_tells_it_as_vllm_does_is_known() -> None:
    listed = {"data": [{"id": "m", "owned_by": "me", "max_model_len": 16384}]}
    with FakeServer([counting(50, 10)], get={"/v1/models": listed}) as server:
        said = ask(f"{server.url}/v1")
    assert said == (Probed(server="unknown", context_window=16384), True)


def test_lmstudio_says_what_it_loaded_and_carries_tools_itself() -> None:
    library: dict[str, Any] = {
        "models": [
            {"key": "x", "loaded_instances": [{"id": "x:2", "config": {}}]},
            {"key": "m", "loaded_instances": [{"config": {"context_length": 4096}}]},
        ]
    }
    pages: dict[str, Any] = {
        "/v1/models": {"data": [{"id": "m", "owned_by": "organization_owner"}]},
        "/api/v1/models": library,
    }
    with FakeServer(get=pages) as server:
        said = ask(f"{server.url}/v1")
    assert said == (Probed(server="lmstudio", tools=True, context_window=4096), True)


@pytest.mark.parametrize(
    ("script", "tools"),
    [
        ([counting(60, 10)], True),
        ([counting(10, 10)], False),
        ([counting(0, 0)], None),
        ([Reply(status=400, body={"error": "m does not support tools"})], False),
        ([Reply(status=400, body={"error": "bad"})], None),
        ([Reply(status=500, body=b"")], None),
        ([Reply(body=b"[]")], None),
    ],
    ids=["more", "same", "no counts", "refused", "400", "500", "odd"],
)
def test_tools_that_make_the_prompt_no_longer_do_not_reach_the_model(
    script: list[Scripted],
    tools: bool | None,  # noqa: FBT001
) -> None:
    with FakeServer(script) as server:
        assert ask(f"{server.url}/v1") == (Probed(server="unknown"), tools)


def test_the_count_costs_one_token_each_way() -> None:
    with FakeServer([counting(60, 10)]) as server:
        ask(f"{server.url}/v1")
    bodies: list[dict[str, Any]] = [seen.json for seen in server.posts]
    assert [body.pop("tools", None) is not None for body in bodies] == [True, False]
    question = {"role": "user", "content": "Hi"}
    assert bodies == [{"model": "m", "messages": [question], "max_tokens": 1}] * 2


def test_a_server_that_was_seen_to_carry_tools_is_not_asked_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "servers.json"
    with FakeServer([counting(60, 10)]) as server:
        for _ in range(2):
            assert ask(f"{server.url}/v1", memory=ProbeMemory(path))[1] is True
        assert len(server.posts) == 2


def test_a_new_version_of_the_server_is_asked_again(tmp_path: Path) -> None:
    memory = ProbeMemory(tmp_path / "servers.json")
    show = {"/api/show": {"capabilities": ["tools"]}}
    with FakeServer(get=OLLAMA, post=show) as server:
        ask(f"{server.url}/v1", memory=memory)
        server.get["/api/version"] = {"version": "0.34.0"}
        ask(f"{server.url}/v1", memory=memory)
        ask(f"{server.url}/v1", memory=memory)
    assert [s.path for s in server.requests].count("/api/show") == 2


def test_a_server_without_tools_is_asked_again_at_the_next_start() -> None:
    memory = ProbeMemory()
    with FakeServer([counting(10, 10)]) as server:
        assert ask(f"{server.url}/v1", memory=memory)[1] is False
        server.script = [counting(60, 10)]
        assert ask(f"{server.url}/v1", memory=memory)[1] is True


def test_the_kind_it_was_is_asked_for_first() -> None:
    memory = ProbeMemory()
    show = {"/api/show": {"capabilities": ["tools"]}}
    with FakeServer(get=OLLAMA, post=show) as server:
        ask(f"{server.url}/v1", memory=memory)
        before = len(server.requests)
        ask(f"{server.url}/v1", memory=memory)
    paths = [seen.path for seen in server.requests[before:]]
    assert paths == ["/api/version", "/api/ps"]


def test_a_server_that_is_down_is_asked_again_later() -> None:
    async def use() -> None:
        client = Client({})
        with closed_port() as port:
            base_url = f"http://127.0.0.1:{port}/v1"
            where = site("fake", Provider(name="F", base_url=base_url), {}, "1")
            probe = Probe(where, "m", client, ProbeMemory())
            assert await probe.server() == Probed(server="unknown")
            assert await probe.tools() is None
        assert probe.settled is False
        await client.close()

    asyncio.run(use())


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://mine.openai.azure.com/openai/v1", "openai"),
        ("https://openrouter.ai/api/v1", "unknown"),
    ],
)
def test_known_hosts_on_the_internet_are_not_asked(url: str, server: str) -> None:
    assert ask(url) == (Probed(server=server, tools=True), True)


def test_a_key_goes_along_with_the_questions() -> None:
    async def use(base_url: str) -> None:
        client = Client({})
        provider = Provider(name="F", base_url=base_url, experimental_bearer_token="k")
        probe = Probe(site("f", provider, {}, "1"), "m", client, ProbeMemory())
        await probe.server()
        await client.close()

    with FakeServer(get={"/props": PROPS}) as server:
        asyncio.run(use(f"{server.url}/v1"))
    assert server.requests[0].headers["authorization"] == "Bearer k"
