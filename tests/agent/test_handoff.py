"""What is kept of a conversation that is cut short."""

import json
from collections.abc import Sequence

from codex_oss.agent import rounds
from codex_oss.agent.compact import Parts, rebuilt, without_oldest
from codex_oss.agent.handoff import (
    Facts,
    facts,
    handoff,
    summary_in,
    usable,
    without_model,
)
from codex_oss.agent.window import weigh_all
from codex_oss.items import (
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    user,
)

PLACE = user("<environment_context>\n  <cwd>/w</cwd>\n</environment_context>")
PATCH = """*** Begin Patch
*** Update File: a.py
@@
-1
+2
*** Add File: b.py
+x
*** End Patch"""
DONE = "Success. Updated the following files:\nM a.py\nA b.py\n"


def call(name: str, arguments: object, number: int, output: str) -> list[Item]:
    call_id = f"c{number}"
    return [
        FunctionCall(name=name, arguments=json.dumps(arguments), call_id=call_id),
        FunctionCallOutput(call_id=call_id, output=output),
    ]


def said(text: str) -> Message:
    return Message(role="assistant", content=[OutputText(text=text)])


PLAN = {
    "plan": [
        {"step": "read", "status": "completed"},
        {"step": "write", "status": "in_progress"},
        {"step": "test", "status": "pending"},
    ]
}
WORK: list[Item] = [
    user("do it"),
    *call("update_plan", PLAN, 0, "Plan updated"),
    *call("apply_patch", {"input": PATCH}, 1, DONE),
    *call("exec_command", {"cmd": f"apply_patch <<'E'\n{PATCH}\nE"}, 2, "it failed"),
    *call(
        "exec_command", {"cmd": "make\nx"}, 3, "Process exited with code 2\nOutput:\n"
    ),
    said("Half of it is done."),
]


def test_plan_and_changed_files_are_read_from_the_conversation() -> None:
    assert facts(WORK, ["c.py"]) == Facts(
        ["[x] read", "[>] write", "[ ] test"], ["a.py", "b.py", "c.py"]
    )


def test_a_patch_that_failed_changed_nothing() -> None:
    failed = call("apply_patch", {"input": PATCH}, 1, "apply_patch verification failed")
    assert facts([user("x"), *failed]) == Facts([], [])


def test_a_handoff_is_read_again_by_the_next_one() -> None:
    known = facts(WORK)
    told = handoff(known, "## Plan\nis what the model calls it\n\nSecond paragraph.")
    assert facts([told]) == known
    assert summary_in(told) == (
        "## Plan\nis what the model calls it\n\nSecond paragraph."
    )
    assert rounds.prompts([told]) == []


def test_a_summary_without_a_model_tells_what_ran_and_what_was_said() -> None:
    before = handoff(Facts([], []), "Long ago there was a file.")
    assert without_model([before, *WORK]) == (
        "Long ago there was a file.\n\n"
        "Commands that ran, the last ones:\n"
        "- update_plan: Plan updated\n"
        "- apply_patch: Success. Updated the following files:…\n"
        "- `apply_patch <<'E'…`\n"
        "- `make…`: exit code 2\n\n"
        "What you said last:\n"
        "- Half of it is done."
    )


def test_a_summary_that_says_nothing_or_goes_in_circles_is_not_used() -> None:
    assert usable("The tests of median fail for even numbers; next: mend stats.py.")
    assert not usable("")
    assert not usable("ok")
    assert not usable("I will now " * 50)


def test_a_short_conversation_has_surroundings_prompts_handoff_and_last_rounds() -> (
    None
):
    items = [PLACE, *WORK]
    short, summary = rebuilt(
        Parts(
            surroundings=[PLACE],
            items=items,
            known=facts(items),
            summary="what was done",
            room=4000,
        )
    )
    told = handoff(facts(items), "what was done")
    assert short == [PLACE, user("do it"), told, *items[-3:]]
    assert summary == "what was done"


def test_a_prompt_that_nobody_answered_stays_last() -> None:
    items = [PLACE, *WORK, user("and now")]
    short, _ = rebuilt(
        Parts(
            surroundings=[PLACE],
            items=items,
            known=facts(items),
            summary="s",
            room=4000,
        )
    )
    assert short[:2] == [PLACE, user("do it")]
    assert short[-1] == user("and now")


def test_whatever_was_said_the_short_conversation_fits() -> None:
    image = InputImage(image_url="data:image/png;base64," + "x" * 9999)
    shown = Message(role="user", content=[image, InputText(text="look " * 3000)])
    long = call("exec_command", {"cmd": "c" * 5000}, 9, "0123456789\n" * 5000)
    many: list[Item] = [user(f"prompt {n} " * 50) for n in range(40)]
    for room in (3000, 6000, 20_000):
        items = [PLACE, shown, *WORK, *many, *long]
        short, _ = rebuilt(
            Parts(
                surroundings=[PLACE],
                items=items,
                known=Facts(["[ ] step"] * 50, [f"file{n}.py" for n in range(60)]),
                summary="words " * 2000,
                room=room,
            )
        )
        assert weigh_all(short[1:]) <= room
        first, newest = rounds.prompts(short)[0], rounds.prompts(short)[-1]
        assert "look look" in str(short[first])
        assert short[newest] == many[-1]
        assert not any("data:image" in str(item) for item in short)


def test_images_that_the_model_has_not_seen_yet_stay_if_there_is_room() -> None:
    def picture(text: str) -> Message:
        image = InputImage(image_url="data:image/png;base64,AAAA")
        return Message(role="user", content=[InputText(text=text), image])

    def seen(room: int, *more: Item) -> list[bool]:
        items = [picture("one"), *WORK[1:], picture("two"), *more]
        parts = Parts(
            surroundings=[], items=items, known=facts(items), summary="s", room=room
        )
        prompts = (each for each in rebuilt(parts)[0] if "'two'" in str(each))
        return ["data:image" in str(each) for each in prompts]

    assert seen(6000) == [True]
    assert seen(3000) == [False]
    assert seen(6000, said("I see a cat.")) == [False]


def test_an_image_that_a_tool_has_just_shown_stays_if_there_is_room() -> None:
    def last(room: int) -> Item:
        shown = InputImage(image_url="data:image/png;base64,AAAA")
        items = [*WORK, *call("view_image", {"path": "a.png"}, 9, "")]
        items[-1] = FunctionCallOutput(call_id="c9", output=[shown])
        parts = Parts(
            surroundings=[], items=items, known=facts(items), summary="s", room=room
        )
        return rebuilt(parts)[0][-1]

    assert "data:image" in str(last(6000))
    assert "left out to make room" in str(last(3000))


def test_what_the_model_has_not_seen_yet_is_cut_not_dropped() -> None:
    output = "head\n" + "x" * 20_000 + "\ntail"
    items = [user("go"), *WORK[1:], *call("exec_command", {"cmd": "ls"}, 9, output)]
    short, _ = rebuilt(
        Parts(surroundings=[], items=items, known=facts(items), summary="s", room=3000)
    )
    last = short[-1]
    assert isinstance(last, FunctionCallOutput)
    assert str(last.output).startswith("head\n")
    assert str(last.output).endswith("\ntail")
    assert weigh_all(short) <= 3000


def test_the_oldest_rounds_go_first_and_then_the_users_oldest_words() -> None:
    items = [*WORK, user("more"), said("a"), user("again"), said("b")]
    short = without_oldest(items, lambda some: weigh_all(some) <= 96)
    assert short == [user("do it"), user("more"), said("a"), user("again"), said("b")]
    assert weigh_all(short) == 96
    short = without_oldest(items, lambda some: weigh_all(some) <= 70)
    assert short == [user("do it"), user("again"), said("b")]
    assert without_oldest(items, lambda _: False) == short


def test_a_long_conversation_is_weighed_a_few_times_not_once_for_each_round() -> None:
    weighed = 0

    def fits(some: Sequence[Item]) -> bool:
        nonlocal weighed
        weighed += 1
        return len(some) <= 100

    items = [user("go"), *(each for n in range(4000) for each in call("ls", {}, n, ""))]
    assert without_oldest(items, fits) == [items[0], *items[-98:]]
    assert weighed <= 13
