import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codex_oss.items import (
    FunctionCallOutput,
    InputText,
    Item,
    user,
)
from codex_oss.translate import constrain
from codex_oss.translate.quirks import Quirks, quirks_for
from codex_oss.wire import chat, responses
from conversations import (
    DEMO,
    EXEC,
    PNG,
    call,
    developer,
    messages,
    said,
    thought,
    translate,
)

# --- parameters --------------------------------------------------------------------


def test_the_plain_request_asks_for_a_stream_with_counts_and_nothing_else() -> None:
    assert translate(user("Hi"), stream=True, store=False) == chat.Request(
        model="m",
        messages=[chat.User(content="Hi")],
        stream=True,
        stream_options=chat.StreamOptions(True),
    )


def test_parameters_go_over() -> None:
    request = translate(
        user("Hi"),
        tools=[EXEC],
        parallel_tool_calls=True,
        reasoning=responses.ReasoningParams(effort="xhigh"),
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        quirks=quirks_for("llamacpp", "m"),
    )
    assert replace(request, tools=[]) == chat.Request(
        model="m",
        messages=[chat.User(content="Hi")],
        parallel_tool_calls=True,
        reasoning_effort="high",
        max_tokens=100,
        temperature=0.5,
        top_p=0.9,
        stream=True,
        stream_options=chat.StreamOptions(True),
        extra={
            "cache_prompt": True,
            "return_progress": True,
            "timings_per_token": False,
        },
    )


FORM = responses.TextParams(
    format={"type": "json_schema", "name": "n", "strict": True, "schema": {"a": 1}}
)
SENT_FORM = {
    "type": "json_schema",
    "json_schema": {"name": "n", "strict": True, "schema": {"a": 1}},
}


def test_the_form_of_the_answer_goes_over() -> None:
    assert translate(user("Hi"), text=FORM).response_format == SENT_FORM
    loose = responses.TextParams(format={"type": "json_object"})
    assert translate(user("Hi"), text=loose).response_format == {"type": "json_object"}
    plain = responses.TextParams(format={"type": "text"}, verbosity="low")
    assert translate(user("Hi"), text=plain).response_format is None


def test_beside_tools_the_form_is_told_in_words() -> None:
    request = translate(developer("Base."), user("Hi"), tools=[EXEC], text=FORM)
    assert request.response_format is None
    assert request.messages[0] == chat.System(
        content=(
            "Base.\n\nYour last answer must be JSON only, without a fence, of this"
            ' schema:\n{"a":1}'
        )
    )


def test_openai_takes_tools_and_a_form() -> None:
    request = translate(
        user("Hi"), tools=[EXEC], text=FORM, quirks=quirks_for("openai", "m")
    )
    assert request.response_format == SENT_FORM
    assert request.messages == [chat.User(content="Hi")]


def test_openai_has_another_name_for_the_limit() -> None:
    request = translate(
        user("Hi"), max_output_tokens=100, quirks=quirks_for("openai", "gpt")
    )
    assert (request.max_tokens, request.max_completion_tokens) == (None, 100)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        (None, None),
        ("none", None),
        ("minimal", "low"),
        ("medium", "medium"),
        ("xhigh", "high"),
        ("strange", None),
    ],
)
def test_an_effort_is_the_nearest_that_the_server_knows(
    asked: str | None, sent: str | None
) -> None:
    params = responses.ReasoningParams(effort=asked, summary="auto")
    assert translate(user("Hi"), reasoning=params).reasoning_effort == sent


FORCED = {"type": "function", "function": {"name": "exec_command"}}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "exec_command"}, FORCED),
        ({"type": "custom", "name": "exec_command"}, FORCED),
        ({"type": "allowed_tools", "mode": "required", "tools": []}, "required"),
        ({"type": "web_search"}, None),
    ],
)
def test_the_choice_of_tools_goes_over(choice: Any, sent: Any) -> None:
    request = translate(user("Hi"), tools=[EXEC], tool_choice=choice)
    assert request.tool_choice == sent
    assert len(request.tools) == 1


def test_without_tools_nothing_is_said_about_them() -> None:
    request = translate(
        user("Hi"),
        tool_choice="required",
        parallel_tool_calls=True,
        quirks=quirks_for("vllm", "m"),
    )
    assert (request.tool_choice, request.parallel_tool_calls) == (None, None)


# --- models without tools ----------------------------------------------------------

CONSTRAINED = Quirks(tool_mode="constrained")
OFFERED = constrain.Offered("exec_command", "", {"type": "object"})


def test_a_model_without_tools_has_them_in_its_instructions() -> None:
    request = translate(
        developer("Base."),
        user("Hi"),
        tools=[EXEC],
        tool_choice="required",
        quirks=CONSTRAINED,
    )
    assert request == chat.Request(
        model="m",
        messages=[
            chat.System(content=f"Base.\n\n{constrain.prompt([OFFERED])}"),
            chat.User(content="Hi"),
        ],
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "reply",
                "strict": True,
                "schema": constrain.schema([OFFERED]),
            },
        },
        temperature=0.0,
        stream=True,
        stream_options=chat.StreamOptions(True),
    )


def test_a_model_without_tools_may_be_asked_for_an_answer_only() -> None:
    request = translate(
        user("Hi"), tools=[EXEC], tool_choice="none", quirks=CONSTRAINED
    )
    assert request.response_format == {
        "type": "json_schema",
        "json_schema": {
            "name": "reply",
            "strict": True,
            "schema": constrain.schema([]),
        },
    }


def test_a_model_without_tools_reads_calls_as_its_replies() -> None:
    assert messages(
        user("Hi"),
        call("c1", '{"cmd": "ls"}'),
        FunctionCallOutput(call_id="c1", output=[InputText(text="a b"), PNG]),
        said("Done."),
        quirks=CONSTRAINED,
    ) == [
        chat.User(content="Hi"),
        chat.Assistant(content='{"tool":"exec_command","arguments":{"cmd":"ls"}}'),
        chat.User(content=constrain.render_output("exec_command", "a b")),
        chat.User(content=[chat.ImagePart(chat.ImageUrl(PNG.image_url, "high"))]),
        chat.Assistant(content='{"answer":"Done."}'),
    ]


def test_a_model_without_tools_is_not_constrained_when_none_are_offered() -> None:
    request = translate(user("Hi"), quirks=CONSTRAINED)
    assert request == translate(user("Hi"))


# --- stability ---------------------------------------------------------------------


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Item], list[int]]:
    """Draw items, and the places where a request was sent: no call was open there."""
    items: list[Item] = [developer("Base."), user("Hi")]
    places = [len(items)]
    for turn in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            items.append(thought(f"t{turn}"))
        if draw(st.booleans()):
            items.append(said(f"s{turn}"))
        calls = [call(f"c{turn}.{n}") for n in range(draw(st.integers(0, 3)))]
        items += calls
        items += [
            FunctionCallOutput(
                call_id=each.call_id, output=draw(st.sampled_from(["ok", [PNG]]))
            )
            for each in draw(st.permutations(calls))
        ]
        if not calls:
            items.append(draw(st.sampled_from([user("Go"), developer("New.")])))
        places.append(len(items))
    return items, places


@given(conversations(), st.sampled_from(["llamacpp", "ollama", "openai", "toolless"]))
def test_a_longer_conversation_begins_with_the_same_bytes(
    drawn: tuple[list[Item], list[int]], server: str
) -> None:
    items, places = drawn
    quirks = CONSTRAINED if server == "toolless" else quirks_for(server, "m")
    whole = chat.encode(translate(*items, tools=[EXEC, DEMO], quirks=quirks))
    assert whole == chat.encode(translate(*items, tools=[EXEC, DEMO], quirks=quirks))
    for place in places:
        part = translate(*items[:place], tools=[EXEC, DEMO], quirks=quirks)
        head = chat.encode(chat.Request(model="m", messages=part.messages))[:-2]
        assert whole.startswith(head)


def test_the_whole_request_is_valid_json() -> None:
    body = chat.encode(translate(user("Hi"), quirks=quirks_for("llamacpp", "m")))
    assert json.loads(body)["return_progress"] is True
