"""Old things made short, newest last."""

import json

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.agent import rounds
from codex_oss.agent.masking import IMAGE_GONE, MAX_ARGUMENT, clipped, sweep
from codex_oss.agent.window import weigh_all
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
    SummaryText,
    user,
)

EVERYTHING = 1 << 40
LONG = "\n".join(f"line {word}" for word in "abcdefghij" * 20)


def ran(number: int, output: str = LONG, code: int = 0, cmd: str = "") -> list[Item]:
    """Return a round of one command."""
    arguments = json.dumps({"cmd": cmd or f"run {number}"})
    head = (
        f"Chunk ID: x\nWall time: 1 seconds\nProcess exited with code {code}\nOutput:\n"
    )
    call_id = f"c{number}"
    return [
        FunctionCall(name="exec_command", arguments=arguments, call_id=call_id),
        FunctionCallOutput(call_id=call_id, output=head + output),
    ]


def outputs(items: list[Item]) -> list[str]:
    return [str(i.output) for i in items if isinstance(i, FunctionCallOutput)]


def test_outputs_before_the_last_two_rounds_become_lines_that_tell_what_they_were() -> (
    None
):
    items = [user("go"), *ran(1), *ran(2, LONG + "\nboom", 1), *ran(3), *ran(4)]
    swept = sweep(items, EVERYTHING)
    assert outputs(swept)[:2] == [
        (
            "[left out to make room: `run 1`, exit code 0, 204 lines; "
            "run it again to see them]"
        ),
        (
            "[left out to make room: `run 2`, exit code 1, 205 lines, the last: "
            "'boom'; run it again to see them]"
        ),
    ]
    assert swept[5:] == items[5:]


def test_a_sweep_ends_when_enough_is_saved_and_keeps_what_stands_behind() -> None:
    items = [user("go"), *(item for n in range(6) for item in ran(n))]
    swept = sweep(items, 100)
    assert swept[3:] == items[3:]
    assert weigh_all(swept) <= weigh_all(items) - 100


def test_what_is_short_already_stays_byte_for_byte() -> None:
    items = [user("go"), *(item for n in range(6) for item in ran(n))]
    once = sweep(items, EVERYTHING)
    assert sweep(once, EVERYTHING) == once


def test_thoughts_of_earlier_turns_go_first_and_those_of_this_one_last() -> None:
    thought = Reasoning(summary=[SummaryText(text="hm " * 50)])
    answer = Message(role="assistant", content=[OutputText(text="done")])
    items = [user("a"), thought, answer, user("b"), thought, *ran(1)]
    assert sweep(items, 1) == [user("a"), answer, user("b"), thought, *ran(1)]


def test_images_become_words() -> None:
    image = InputImage(image_url="data:image/png;base64,xx")
    shown = FunctionCallOutput(call_id="c0", output=[image])
    call = FunctionCall(name="view_image", arguments="{}", call_id="c0")
    items = [user("a"), call, shown, user("b"), *ran(1)]
    gone = FunctionCallOutput(call_id="c0", output=[InputText(text=IMAGE_GONE)])
    assert sweep(items, EVERYTHING)[2] == gone


def test_huge_arguments_lose_their_middle_and_stay_json() -> None:
    arguments = json.dumps({"path": "a.py", "text": "x" * 5000, "n": [1]})
    call = FunctionCall(name="write", arguments=arguments, call_id="c0")
    patch = CustomToolCall(name="apply_patch", input="y" * 5000, call_id="c1")
    items = [
        user("go"),
        call,
        FunctionCallOutput(call_id="c0", output="ok"),
        patch,
        CustomToolCallOutput(call_id="c1", output="ok"),
        *ran(1),
        *ran(2),
    ]
    swept = sweep(items, EVERYTHING)
    short, shorter = swept[1], swept[3]
    assert isinstance(short, FunctionCall)
    fields = json.loads(short.arguments)
    assert (fields["path"], fields["n"]) == ("a.py", [1])
    assert len(fields["text"]) < MAX_ARGUMENT + 50
    assert isinstance(shorter, CustomToolCall)
    assert len(shorter.input) < MAX_ARGUMENT + 50


def test_other_tools_are_told_by_name() -> None:
    call = FunctionCall(name="mcp__x__find", arguments="{}", call_id="c0")
    output = FunctionCallOutput(call_id="c0", output=LONG)
    items = [user("go"), call, output, *ran(1), *ran(2)]
    assert sweep(items, EVERYTHING)[2] == FunctionCallOutput(
        call_id="c0",
        output="[left out to make room: 200 lines of mcp__x__find; call it again to "
        "see them]",
    )


def test_a_clipped_text_keeps_its_ends() -> None:
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("a" * 20 + "z" * 10, 3) == "aa… [27 characters left out] …z"


steps = st.lists(
    st.sampled_from(
        [
            [user("say")],
            ran(0),
            [Reasoning(summary=[SummaryText(text="hm" * 300)])],
            [Message(role="assistant", content=[OutputText(text="words")])],
        ]
    ),
    max_size=12,
)


@given(steps, st.integers(0, 20_000), st.integers(0, 3))
def test_no_sweep_parts_calls_from_outputs_or_loses_what_users_said(
    steps: list[list[Item]], excess: int, kept: int
) -> None:
    items = [item for step in steps for item in step]
    swept = sweep(items, excess, kept)
    assert [items[n] for n in rounds.prompts(items)] == [
        swept[n] for n in rounds.prompts(swept)
    ]
    kinds = [type(item) for item in items if not isinstance(item, Reasoning)]
    assert [type(i) for i in swept if not isinstance(i, Reasoning)] == kinds
    assert weigh_all(swept) <= weigh_all(items)


def test_an_edit_s_output_keeps_the_names_of_its_files() -> None:
    call = FunctionCall(name="edit_file", arguments="{}", call_id="c0")
    text = f"Success. Updated the following files:\nA a b.py\nM c.py\n\n{LONG}"
    items = [
        user("go"),
        call,
        FunctionCallOutput(call_id="c0", output=text),
        *ran(1),
        *ran(2),
    ]
    swept = sweep(items, EVERYTHING)
    assert swept[2] == FunctionCallOutput(
        call_id="c0",
        output="Success. Updated the following files:\nA a b.py\nM c.py\n"
        "[the rest was left out to make room]",
    )
    assert sweep(swept, EVERYTHING) == swept
