"""Parsed outputs: the ``openai`` package gets objects of the caller's own types."""

from typing import Any

import pytest

from bridges import ours
from fake_server import LLAMACPP, FakeServer, chat_call, chat_text, chat_turn

pytest.importorskip("openai", reason="the package `openai` is not installed")

from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel

PLACE = '{"city": "Paris", "people": 2}'


class Place(BaseModel):
    city: str
    people: int


def chunks(text: str) -> list[dict[str, object]]:
    return [chat_text(text[at : at + 7]) for at in range(0, len(text), 7)]


def test_an_answer_is_parsed_streamed_or_whole() -> None:
    with FakeServer([chat_turn(*chunks(PLACE))]) as server, ours(server.url) as bridge:
        client = OpenAI(base_url=f"{bridge.url}/v1", api_key="none", max_retries=0)
        with client:
            whole = client.responses.parse(model="m", input="x", text_format=Place)
            with client.responses.stream(
                model="m", input="x", text_format=Place
            ) as stream:
                deltas = [
                    e.delta for e in stream if e.type == "response.output_text.delta"
                ]
                streamed = stream.get_final_response()
    assert whole.output_parsed == Place(city="Paris", people=2)
    assert streamed.output_parsed == whole.output_parsed
    assert "".join(deltas) == PLACE
    [first, second] = server.posts
    form = first.json["response_format"]
    assert form["json_schema"]["schema"]["required"] == ["city", "people"]
    assert second.json["response_format"] == form


def test_a_calls_arguments_are_parsed() -> None:
    made = chat_turn(chat_call("Place", '{"city": "Paris", "people": "2"}'))
    tool: Any = {"type": "function", **pydantic_function_tool(Place)["function"]}
    with (
        FakeServer([made], get=LLAMACPP) as server,
        ours(server.url) as bridge,
        OpenAI(base_url=f"{bridge.url}/v1", api_key="none", max_retries=0) as client,
    ):
        answer = client.responses.parse(model="m", input="x", tools=[tool])
    [call] = answer.output
    assert call.type == "function_call"
    assert call.parsed_arguments == {"city": "Paris", "people": 2}
