from typing import Any

import pytest

from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCallOutput,
    InputText,
    Message,
    OutputText,
    Reasoning,
    Refusal,
    SummaryText,
    Unknown,
    user,
)
from codex_oss.translate.quirks import Quirks, quirks_for
from codex_oss.wire import chat, responses
from conversations import (
    BACK,
    DEMO,
    EXEC,
    PNG,
    answered,
    call,
    called,
    developer,
    messages,
    output,
    said,
    thought,
    translate,
)

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


def test_a_file_that_cannot_be_sent_is_named() -> None:
    part = Unknown(b'{"type":"input_file","filename":"a.pdf","file_data":"JVBERi0="}')
    assert messages(Message(role="user", content=[InputText(text="See"), part])) == [
        chat.User(content="See\n(input_file 'a.pdf' stood here; it cannot be sent)")
    ]


# --- items of other clients --------------------------------------------------------


def test_a_refusal_is_what_the_model_said() -> None:
    parts = [OutputText(text="Well. "), Refusal(refusal="I won't.")]
    assert messages(user("Hi"), Message(role="assistant", content=[*parts])) == [
        chat.User(content="Hi"),
        chat.Assistant(content="Well. I won't."),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"web_search_call","id":"ws_1","action":{"type":"search","query":"q"}}',
        b'{"type":"compaction","encrypted_content":"gAAA"}',
        b'{"type":"image_generation_call","id":"ig_1","result":"aGk="}',
        b'{"type":"computer_call_output","call_id":"c1","output":{"image_url":"x"}}',
        b'{"type":"reasoning","encrypted_content":"gAAA"}',
        b'{"type":7}',
        b"[]",
    ],
)
def test_what_a_model_cannot_read_is_left_out(raw: bytes) -> None:
    assert messages(user("Hi"), responses.decode_item(raw), user("Go")) == [
        chat.User(content="Hi"),
        chat.User(content="Go"),
    ]


def test_openais_own_shell_is_a_call_of_a_shell() -> None:
    made = b"""{"type": "local_shell_call", "id": "lsh_1", "call_id": "c1",
        "action": {"type": "exec", "command": ["ls"]}, "status": "completed"}"""
    answer = b'{"type":"local_shell_call_output","id":"c1","output":"a.txt"}'
    assert messages(*map(responses.decode_item, (made, answer))) == [
        chat.Assistant(
            content="",
            tool_calls=[
                chat.ToolCall(
                    "c1",
                    chat.ToolFunction("shell", '{"type":"exec","command":["ls"]}'),
                )
            ],
        ),
        chat.Tool(tool_call_id="c1", content="a.txt"),
    ]


@pytest.mark.parametrize(
    "told", [b'"Goal: win"', b'[{"type":"input_text","text":"Goal: win"}]']
)
def test_an_output_without_a_call_id_is_what_the_user_said(told: bytes) -> None:
    raw = b'{"type":"function_call_output","name":"goal_objective","output":%b}' % told
    assert messages(user("Hi"), responses.decode_item(raw)) == [
        chat.User(content="Hi"),
        chat.User(content="Goal: win"),
    ]
