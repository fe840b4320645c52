"""A bridge in front of several servers of one model."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bridging import Asking, through
from codex_oss.config.provider import Provider
from fake_server import FakeServer, chat_text, chat_turn

LISTED: dict[str, Any] = {"data": [{"id": "m", "owned_by": "vllm"}]}
COUNT = 30


def server(number: int) -> FakeServer:
    answer = chat_turn(chat_text(f"server {number}"))
    return FakeServer([answer], get={"/v1/models": LISTED})


def several(*servers: FakeServer) -> Provider:
    urls = tuple(f"{each.url}/v1" for each in servers)
    return Provider(name="several", base_url=urls[0], base_urls=urls, wire_api="chat")


async def homes(asking: Asking) -> dict[str, str]:
    """Return who answers each of some conversations."""
    told: dict[str, str] = {}
    for number in range(COUNT):
        key = f"conversation {number}"
        answer = await asking.respond({"input": "hi", "prompt_cache_key": key})
        assert answer.status == 200
        told[key] = answer.json["output"][0]["content"][0]["text"]
    return told


async def replicas(asking: Asking) -> list[dict[str, Any]]:
    answer = await asking.ask("GET", "/__health")
    return answer.json["replicas"]


def test_conversations_stay_and_go_on_elsewhere_when_a_server_dies(
    tmp_path: Path,
) -> None:
    async def use(asking: Asking) -> None:
        first = await homes(asking)
        assert await homes(asking) == first
        assert set(first.values()) == {"server 1", "server 2"}
        served = [each["asked"] for each in await replicas(asking)]
        assert sum(served) == 2 * COUNT
        stack.close()
        assert set((await homes(asking)).values()) == {"server 1"}
        one, other = await replicas(asking)
        assert (one["state"], one["said"]) == ("up", "")
        assert (other["state"], other["in_flight"]) == ("down", 0)
        assert "onnection" in other["said"]

    with server(1) as one, ExitStack() as stack:
        two = stack.enter_context(server(2))
        through(one.url, tmp_path, use, provider=several(one, two))


def test_the_models_are_those_of_a_server_that_answers(tmp_path: Path) -> None:
    async def use(asking: Asking) -> None:
        stack.close()
        listed = await asking.ask("GET", "/v1/models")
        assert [each["id"] for each in listed.json["data"]] == ["m"]
        health = (await asking.ask("GET", "/__health")).json
        assert (health["status"], health["upstream_reachable"]) == ("ok", True)

    with server(1) as one, ExitStack() as stack:
        two = stack.enter_context(server(2))
        through(two.url, tmp_path, use, provider=several(two, one))


def test_a_bridge_in_front_of_one_server_tells_of_no_replicas(tmp_path: Path) -> None:
    async def use(asking: Asking) -> None:
        assert await replicas(asking) == []

    with server(1) as one:
        through(one.url, tmp_path, use)
