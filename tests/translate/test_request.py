import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    SummaryText,
    Unknown,
    user,
)
from codex_oss.translate.quirks import Quirks, quirks_for
from codex_oss.translate.request import to_chat
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

PNG = InputImage(image_url="data:image/png;base64,AA==", detail="high")
EXEC = responses.FunctionTool(name="exec_command", parameters={"type": "object"})
ECHO = responses.FunctionTool(name="echo")
DEMO = responses.NamespaceTool(name="mcp__demo", tools=[ECHO])
BACK = Quirks(reasoning_back="reasoning_content")


def developer(*texts: str) -> Message:
    return Message(role="developer", content=[InputText(text=text) for text in texts])


def said(text: str) -> Message:
    return Message(role="assistant", content=[OutputText(text=text)])


def call(call_id: str, arguments: str = "{}", **fields: Any) -> FunctionCall:
    given_fields = {"name": "exec_command", **fields}
    return FunctionCall(call_id=call_id, arguments=arguments, **given_fields)


def output(call_id: str, text: str = "ok") -> FunctionCallOutput:
    return FunctionCallOutput(call_id=call_id, output=text)


def thought(text: str) -> Reasoning:
    return Reasoning(
        summary=[SummaryText(text="short")], content=[ReasoningText(text=text)]
    )


def translate(
    *items: Item, quirks: Quirks | None = None, **fields: Any
) -> chat.Request:
    request = responses.Request(model="m", input=list(items), **fields)
    return to_chat(request, ToolMap(request.tools), quirks or Quirks())


def messages(*items: Item, quirks: Quirks | None = None) -> list[chat.Message]:
    return translate(*items, quirks=quirks).messages


def called(
    *calls: tuple[str, str], name: str = "exec_command", **said: Any
) -> chat.Assistant:
    return chat.Assistant(
        **{"content": "", **said},
        tool_calls=[
            chat.ToolCall(call_id, chat.ToolFunction(name, arguments))
            for call_id, arguments in calls
        ],
    )


def answered(call_id: str, text: str = "ok") -> chat.Tool:
    return chat.Tool(tool_call_id=call_id, content=text)


# --- instructions ------------------------------------------------------------------


def test_instructions_at_the_head_are_one_system_message() -> None:
    request = translate(
        developer("Base.", "Skills."),
        Message(role="system", content=[InputText(text="More.")]),
        user("Hi"),
        instructions="First.",
    )
    assert request.messages == [
        chat.System(content="First.\n\nBase.\n\nSkills.\n\nMore."),
        chat.User(content="Hi"),
    ]


def test_openai_gets_them_as_developer() -> None:
    assert messages(
        developer("Base."),
        user("Hi"),
        developer("New."),
        quirks=quirks_for("openai", "m"),
    ) == [
        chat.Developer(content="Base."),
        chat.User(content="Hi"),
        chat.Developer(content="New."),
    ]


@pytest.mark.parametrize(
    ("role", "late"),
    [("user", chat.User(content="New.")), ("system", chat.System(content="New."))],
)
def test_later_instructions_stay_in_their_place(role: Any, late: chat.Message) -> None:
    quirks = Quirks(late_system=role)
    assert messages(
        developer("Base."), user("Hi"), developer("New."), user("Go"), quirks=quirks
    ) == [
        chat.System(content="Base."),
        chat.User(content="Hi"),
        late,
        chat.User(content="Go"),
    ]


def test_without_instructions_there_is_no_system_message() -> None:
    assert messages(user("Hi")) == [chat.User(content="Hi")]


def test_user_messages_in_a_row_become_one_where_the_template_wants_turns() -> None:
    image = Message(role="user", content=[InputText(text="See"), PNG])
    assert messages(
        user("A"), user("B"), said("C"), user("D"), image, quirks=Quirks(alternate=True)
    ) == [
        chat.User(content="A\n\nB"),
        chat.Assistant(content="C"),
        chat.User(
            content=[
                chat.TextPart("D"),
                chat.TextPart("See"),
                chat.ImagePart(chat.ImageUrl(PNG.image_url, "high")),
            ]
        ),
    ]


# --- answers and calls -------------------------------------------------------------


def test_text_and_calls_of_one_answer_are_one_message() -> None:
    assert messages(
        user("Hi"),
        said("Looking."),
        call("c1", '{"cmd": "ls"}'),
        call("c2"),
        output("c1", "a.py"),
        output("c2"),
        said("Done."),
    ) == [
        chat.User(content="Hi"),
        called(("c1", '{"cmd": "ls"}'), ("c2", "{}"), content="Looking."),
        answered("c1", "a.py"),
        answered("c2"),
        chat.Assistant(content="Done."),
    ]


def test_outputs_follow_their_calls_in_the_calls_order() -> None:
    assert messages(
        call("c1"), call("c2"), output("c2", "two"), user("Wait"), output("c1", "one")
    ) == [
        called(("c1", "{}"), ("c2", "{}")),
        answered("c1", "one"),
        answered("c2", "two"),
        chat.User(content="Wait"),
    ]


def test_a_call_without_output_was_aborted() -> None:
    assert messages(call("c1"), user("Stop")) == [
        called(("c1", "{}")),
        answered("c1", "aborted"),
        chat.User(content="Stop"),
    ]


def test_a_call_id_that_comes_again_belongs_to_the_newer_call() -> None:
    assert messages(
        call("c1"), output("c1", "old"), call("c1"), output("c1", "new")
    ) == [
        called(("c1", "{}")),
        answered("c1", "old"),
        called(("c1", "{}")),
        answered("c1", "new"),
    ]


def test_calls_go_back_under_the_names_that_the_model_knows() -> None:
    request = translate(
        call("c1", name="echo", namespace="mcp__demo"),
        output("c1"),
        CustomToolCall(name="apply_patch", input='a "b"', call_id="c2"),
        CustomToolCallOutput(call_id="c2", output="Done"),
        tools=[EXEC, DEMO],
    )
    assert request.messages == [
        called(("c1", "{}"), name="mcp__demo__echo"),
        answered("c1"),
        called(("c2", '{"input":"a \\"b\\""}'), name="apply_patch"),
        answered("c2", "Done"),
    ]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        ('{"a": ', '{"arguments":"{\\"a\\": "}'),
        ("[1]", '{"arguments":"[1]"}'),
    ],
)
def test_arguments_in_the_history_are_always_an_object(
    arguments: str, sent: str
) -> None:
    assert messages(call("c1", arguments), output("c1")) == [
        called(("c1", sent)),
        answered("c1"),
    ]


def test_arguments_can_be_sent_as_an_object() -> None:
    quirks = Quirks(arguments_as_object=True)
    [message, _] = messages(call("c1", '{"a": 1}'), output("c1"), quirks=quirks)
    function = chat.ToolFunction("exec_command", {"a": 1})
    assert message == chat.Assistant(
        content="", tool_calls=[chat.ToolCall("c1", function)]
    )


# --- reasoning ---------------------------------------------------------------------


def test_reasoning_goes_back_with_the_calls_it_led_to() -> None:
    assert messages(
        user("Hi"),
        thought("Look first."),
        said("Looking."),
        call("c1"),
        output("c1"),
        thought("Now I know."),
        said("Done."),
        quirks=BACK,
    ) == [
        chat.User(content="Hi"),
        called(("c1", "{}"), content="Looking.", reasoning_content="Look first."),
        answered("c1"),
        chat.Assistant(content="Done."),
    ]


def test_reasoning_has_the_name_that_the_server_knows() -> None:
    [message, _] = messages(
        thought("Hm"),
        call("c1"),
        output("c1"),
        quirks=Quirks(reasoning_back="reasoning"),
    )
    assert message == called(("c1", "{}"), reasoning="Hm")


def test_hidden_reasoning_goes_back_as_its_summary() -> None:
    hidden = Reasoning(
        summary=[SummaryText(text="short")], content=None, encrypted_content="x"
    )
    [message, _] = messages(hidden, call("c1"), output("c1"), quirks=BACK)
    assert message == called(("c1", "{}"), reasoning_content="short")


def test_reasoning_stays_away_where_the_server_knows_no_name_for_it() -> None:
    assert messages(thought("Hm"), call("c1"), output("c1")) == [
        called(("c1", "{}")),
        answered("c1"),
    ]


def test_an_answer_of_reasoning_alone_is_no_message() -> None:
    assert messages(user("Hi"), thought("Hm"), user("So?"), quirks=BACK) == [
        chat.User(content="Hi"),
        chat.User(content="So?"),
    ]


# --- images and strange items ------------------------------------------------------


def test_images_of_the_user_stay_between_their_texts() -> None:
    message = Message(
        role="user",
        content=[InputText(text="<image>"), PNG, InputText(text="</image>")],
    )
    assert messages(message) == [
        chat.User(
            content=[
                chat.TextPart("<image>"),
                chat.ImagePart(chat.ImageUrl(PNG.image_url, "high")),
                chat.TextPart("</image>"),
            ]
        )
    ]


def test_images_of_tools_follow_all_outputs_as_a_users_message() -> None:
    viewed = FunctionCallOutput(call_id="c1", output=[PNG])
    listed = FunctionCallOutput(
        call_id="c2", output=[InputText(text="Output:"), InputText(text="x")]
    )
    assert messages(call("c1"), call("c2"), viewed, listed, said("Nice.")) == [
        called(("c1", "{}"), ("c2", "{}")),
        answered("c1", "The image follows."),
        answered("c2", "Output:\nx"),
        chat.User(content=[chat.ImagePart(chat.ImageUrl(PNG.image_url, "high"))]),
        chat.Assistant(content="Nice."),
    ]


def test_a_model_that_cannot_see_is_told_so() -> None:
    message = Message(role="user", content=[InputText(text="See"), PNG])
    assert messages(message, quirks=Quirks(images=False)) == [
        chat.User(content="See\n(an image stood here; this model cannot see images)")
    ]


def test_an_output_without_call_id_is_text() -> None:
    goal = Unknown(
        b'{"type":"function_call_output","name":"goal_objective","output":"do it"}'
    )
    assert messages(call("c1"), output("c1"), goal) == [
        called(("c1", "{}")),
        answered("c1"),
        chat.User(content="do it"),
    ]


def test_an_output_whose_call_is_gone_is_text() -> None:
    assert messages(output("c9", "left over")) == [chat.User(content="left over")]


def test_items_that_models_cannot_read_are_left_out() -> None:
    search = Unknown(b'{"type":"web_search_call","id":"ws_1"}')
    broken = Unknown(b'"what"')
    assert messages(search, said("A"), search, call("c1"), broken, output("c1")) == [
        called(("c1", "{}"), content="A"),
        answered("c1"),
    ]


def test_a_part_that_cannot_be_sent_is_named() -> None:
    message = Message(role="user", content=[Unknown(b'{"type":"input_file"}')])
    assert messages(message) == [
        chat.User(content="(input_file stood here; it cannot be sent)")
    ]


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
        text=responses.TextParams(
            format={"type": "json_schema", "name": "n", "strict": True, "schema": {}}
        ),
        max_output_tokens=100,
        temperature=0.5,
        top_p=0.9,
        quirks=quirks_for("llamacpp", "m"),
    )
    assert replace(request, messages=[], tools=[]) == chat.Request(
        model="m",
        messages=[],
        parallel_tool_calls=True,
        reasoning_effort="high",
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "n", "strict": True, "schema": {}},
        },
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


@given(conversations(), st.sampled_from(["llamacpp", "ollama", "openai", "unknown"]))
def test_a_longer_conversation_begins_with_the_same_bytes(
    drawn: tuple[list[Item], list[int]], server: str
) -> None:
    items, places = drawn
    quirks = quirks_for(server, "m")
    whole = chat.encode(translate(*items, tools=[EXEC, DEMO], quirks=quirks))
    assert whole == chat.encode(translate(*items, tools=[EXEC, DEMO], quirks=quirks))
    for place in places:
        part = translate(*items[:place], tools=[EXEC, DEMO], quirks=quirks)
        head = chat.encode(part).partition(b'],"tools":')[0]
        assert whole.startswith(head)


def test_the_whole_request_is_valid_json() -> None:
    body = chat.encode(translate(user("Hi"), quirks=quirks_for("llamacpp", "m")))
    assert json.loads(body)["return_progress"] is True
