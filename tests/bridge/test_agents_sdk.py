"""OpenAI's Agents SDK (the package ``openai-agents``) as a client of a bridge."""

import asyncio
import importlib
from typing import Any

import pytest

from bridges import ours
from fake_server import LLAMACPP, FakeServer, chat_call, chat_text, chat_turn

pytest.importorskip("agents", reason="the package `openai-agents` is not installed")


def play(*turns: Any, keep: bool) -> tuple[Any, list[dict[str, Any]]]:
    """Run an agent with one tool, streamed; return its result and what was asked.

    ``keep``: go on from the last response instead of sending all items again.
    """
    agents = importlib.import_module("agents")
    openai = importlib.import_module("openai")

    def add(first: int, second: int) -> int:
        """Add two numbers."""
        return first + second

    async def run(url: str) -> Any:
        async with openai.AsyncOpenAI(api_key="k", base_url=url) as client:
            agent = agents.Agent(
                name="adder",
                instructions="Use the tool.",
                tools=[agents.function_tool(add)],
                model=agents.OpenAIResponsesModel(model="tiny", openai_client=client),
            )
            config = agents.RunConfig(tracing_disabled=True)
            result = agents.Runner.run_streamed(
                agent, "2 + 3?", run_config=config, auto_previous_response_id=keep
            )
            async for _ in result.stream_events():
                pass
            return result

    with FakeServer(turns, get=LLAMACPP) as server, ours(server.url) as bridge:
        result = asyncio.run(run(f"{bridge.url}/v1"))
        return result, [seen.json for seen in server.requests if seen.body]


@pytest.mark.parametrize("keep", [False, True])
def test_an_agent_calls_its_tool_and_answers(*, keep: bool) -> None:
    result, asked = play(
        chat_turn(chat_call("add", {"first": 2, "second": 3})),
        chat_turn(chat_text("It is 5.")),
        keep=keep,
    )
    assert result.final_output == "It is 5."
    assert len(asked) == 2
    assert [message["role"] for message in asked[1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert asked[1]["messages"][-1]["content"] == "5"
