"""A conversation from prompt to last event, with a scripted model."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_oss import events
from codex_oss.agent.calls import AGAIN
from codex_oss.agent.context import Frame
from codex_oss.agent.session import Parts, Session
from codex_oss.errors import ContextOverflow, ServerFault, StreamCut
from codex_oss.items import (
    Call,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Reasoning,
    SummaryText,
    user,
)
from codex_oss.ports import Output, Scope, Tool
from codex_oss.wire import responses
from fakes import (
    FakeClock,
    FakeTool,
    HangingTool,
    MemoryJournal,
    ScriptedModel,
    called,
    cut_short,
    failed,
    finished,
    said,
)

SIGNS = (events.Asked, events.Answering)
"""What only live screens show, round each answer."""


class Rig:
    """A session of fakes."""

    def __init__(
        self,
        model: ScriptedModel,
        tools: Sequence[FakeTool] = (),
        surroundings: Sequence[Item] = (),
    ) -> None:
        self.clock = FakeClock()
        self.journal = MemoryJournal()
        by_name: dict[str, Tool] = {tool.spec.name: tool for tool in tools}
        self.session = Session(
            Parts(
                thread_id="t",
                model=model,
                tools=by_name,
                frame=Frame(
                    model="m",
                    instructions="be good",
                    tools=[tool.spec for tool in tools],
                    cache_key="t",
                ),
                surroundings=list(surroundings),
                cwd=Path("/w"),
                journal=self.journal,
                clock=self.clock,
                stream_retries=2,
                meta={"id": "t"},
            )
        )

    def submit(self, text: str = "go") -> list[events.Event]:
        async def collect() -> list[events.Event]:
            async with asyncio.timeout(60):
                happened = self.session.submit(user(text))
                return [e async for e in happened if not isinstance(e, SIGNS)]

        return asyncio.run(collect())


def message(number: int, text: str) -> events.ItemCompleted:
    item = events.AgentMessage(id=f"item_{number}", text=text)
    return events.ItemCompleted(item=item)


def failure(text: str) -> list[events.Event]:
    return [
        events.Notice(message=text),
        events.TurnFailed(error=events.Failure(text)),
    ]


def test_a_turn_of_one_message_is_told_and_kept() -> None:
    rig = Rig(ScriptedModel([said("hi"), finished(10, 5, 4)]), surroundings=[user("w")])
    assert rig.submit() == [
        events.TurnStarted(),
        message(0, "hi"),
        events.TurnCompleted(
            usage=events.TokenUsage(
                input_tokens=10, cached_input_tokens=4, output_tokens=5
            )
        ),
    ]
    answer = Message(role="assistant", content=[OutputText(text="hi")])
    assert rig.journal.items == [user("w"), user("go"), answer]
    assert rig.session.history == tuple(rig.journal.items)


def test_the_history_of_a_request_is_the_prefix_of_the_next() -> None:
    model = ScriptedModel(
        [called("look"), finished()],
        [said("done"), finished()],
        [said("x"), finished()],
    )
    rig = Rig(model, [FakeTool("look")])
    rig.submit()
    rig.submit("more")
    first, second, third = model.requests
    assert second.input[: len(first.input)] == first.input
    assert third.input[: len(second.input)] == second.input
    assert first.instructions == third.instructions
    assert first.tools == third.tools


def test_calls_run_side_by_side_and_outputs_keep_the_order_of_the_calls() -> None:
    meeting = asyncio.Barrier(2)

    class Meeting(FakeTool):
        async def run(self, call: object, scope: object) -> Output:  # pyright: ignore[reportIncompatibleMethodOverride] only the meeting matters
            async with asyncio.timeout(60):
                await meeting.wait()
            return Output(self.spec.name)

    model = ScriptedModel(
        [called("a", call_id="1"), called("b", call_id="2"), finished()],
        [said("ok"), finished()],
    )
    rig = Rig(model, [Meeting("a"), Meeting("b")])
    rig.submit()
    assert model.requests[1].input[1:] == [
        FunctionCall(name="a", arguments="{}", call_id="1"),
        FunctionCall(name="b", arguments="{}", call_id="2"),
        FunctionCallOutput(call_id="1", output="a"),
        FunctionCallOutput(call_id="2", output="b"),
    ]


def test_usage_counts_over_all_answers_and_turns() -> None:
    model = ScriptedModel(
        [called("a"), finished(10, 5)],
        [said("x"), finished(20, 7, 10)],
        [said("y"), finished(1, 1)],
    )
    rig = Rig(model, [FakeTool("a")])
    rig.submit()
    last = rig.submit()[-1]
    assert last == events.TurnCompleted(
        usage=events.TokenUsage(
            input_tokens=31, cached_input_tokens=10, output_tokens=13
        )
    )


def test_reasoning_is_shown_by_its_summary_and_kept_whole() -> None:
    thought = Reasoning(summary=[SummaryText(text="first"), SummaryText(text="then")])
    rig = Rig(
        ScriptedModel(
            [
                responses.OutputItemDone(item=thought),
                responses.OutputItemDone(item=Reasoning()),
                said("x"),
                finished(),
            ]
        )
    )
    shown = rig.submit()[1]
    item = events.ReasoningItem(id="item_0", text="first\n\nthen")
    assert shown == events.ItemCompleted(item=item)
    assert rig.session.history[1:3] == (thought, Reasoning())


def test_deltas_are_told_as_they_come() -> None:
    rig = Rig(
        ScriptedModel(
            [
                responses.ReasoningSummaryTextDelta(delta="hm"),
                responses.OutputTextDelta(delta="h"),
                said("h"),
                finished(),
            ]
        )
    )
    assert rig.submit()[1:3] == [
        events.ReasoningDelta(text="hm"),
        events.TextDelta(text="h"),
    ]


def test_a_cut_stream_is_asked_again_with_what_had_arrived() -> None:
    model = ScriptedModel(
        [called("a"), StreamCut("stream closed before response.completed")],
        [said("done"), finished()],
    )
    rig = Rig(model, [FakeTool("a")])
    told = rig.submit()
    assert (
        events.Notice(
            message="Reconnecting... 1/2 (stream disconnected before completion: "
            "stream closed before response.completed)"
        )
        in told
    )
    assert model.requests[1].input[1:] == [
        FunctionCall(name="a", arguments="{}", call_id="c1"),
        FunctionCallOutput(call_id="c1", output="ok"),
    ]
    assert isinstance(told[-1], events.TurnCompleted)
    assert rig.clock.slept == [0.2]


def test_cuts_in_a_row_end_the_turn_after_the_allowed_retries() -> None:
    cut = [failed("server_error", "boom")]
    rig = Rig(ScriptedModel(cut, cut, cut))
    told = rig.submit()
    prefix = "stream disconnected before completion: boom"
    assert told[1:] == [
        events.Notice(message=f"Reconnecting... 1/2 ({prefix})"),
        events.Notice(message=f"Reconnecting... 2/2 ({prefix})"),
        *failure(prefix),
    ]
    assert rig.clock.slept == [0.2, 0.4]


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (failed("context_length_exceeded", "too long"), str(ContextOverflow())),
        (failed("invalid_prompt", "no such thing"), "no such thing"),
        (
            cut_short("max_output_tokens"),
            "Incomplete response returned, reason: max_output_tokens",
        ),
        (ServerFault("down", hint="start it"), "down\nstart it"),
    ],
)
def test_what_cannot_be_mended_fails_the_turn_and_keeps_what_was_said(
    end: responses.Event | ServerFault, text: str
) -> None:
    rig = Rig(ScriptedModel([said("partial"), end]))
    assert rig.submit() == [events.TurnStarted(), message(0, "partial"), *failure(text)]
    assert len(rig.session.history) == 2


def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    busy = failed("rate_limit_exceeded", "slow: try again in 1.5s please")
    rig = Rig(ScriptedModel([busy], [said("x"), finished()]))
    assert isinstance(rig.submit()[-1], events.TurnCompleted)
    assert rig.clock.slept == [1.5]


def test_an_unknown_tool_is_answered_with_what_to_send_instead() -> None:
    model = ScriptedModel([called("nosuch"), finished()], [said("x"), finished()])
    rig = Rig(model, [FakeTool("look", required=["at"])])
    rig.submit()
    output = model.requests[1].input[-1]
    assert isinstance(output, FunctionCallOutput)
    assert isinstance(output.output, str)
    assert output.output.startswith("unsupported call: nosuch\n")
    assert "look" in output.output


def test_the_same_mistake_is_explained_once() -> None:
    wrong = [called("nosuch", f'{{"try": {n}}}') for n in range(2)]
    model = ScriptedModel(
        *[[call, finished()] for call in wrong], [said("x"), finished()]
    )
    Rig(model, [FakeTool("look", required=["at"])]).submit()
    first, second = (request.input[-1] for request in model.requests[1:])
    assert isinstance(first, FunctionCallOutput)
    assert isinstance(second, FunctionCallOutput)
    assert second.output == f"unsupported call: nosuch\n{AGAIN}"
    assert len(str(first.output)) > len("unsupported call: nosuch\n")
    assert AGAIN not in str(first.output)


def test_a_hallucinated_name_reaches_the_tool_that_was_meant() -> None:
    tool = FakeTool("exec_command", required=["cmd"])
    model = ScriptedModel(
        [called("shell", '{"command": "ls"}'), finished()], [said("x"), finished()]
    )
    Rig(model, [tool]).submit()
    meant = FunctionCall(name="exec_command", arguments='{"cmd":"ls"}', call_id="c1")
    assert [(c.name, c.call_id) for c in tool.calls] == [("exec_command", "c1")]
    kept = model.requests[1].input[1]
    assert isinstance(kept, FunctionCall)
    assert kept.name == meant.name
    assert kept.arguments.replace(" ", "") == meant.arguments


def test_an_unknown_freeform_call_is_answered_in_its_own_kind() -> None:
    call = CustomToolCall(name="nosuch", input="x", call_id="c1")
    model = ScriptedModel(
        [responses.OutputItemDone(item=call), finished()], [said("x"), finished()]
    )
    Rig(model, [FakeTool("look")]).submit()
    assert model.requests[1].input[-1] == CustomToolCallOutput(
        call_id="c1", output="unsupported custom tool call: nosuch"
    )


def test_a_model_that_repeats_itself_is_first_denied_tools_then_stopped() -> None:
    again = [called("look"), finished()]
    model = ScriptedModel(*[again] * 6)
    rig = Rig(model, [FakeTool("look")])
    told = rig.submit()
    choices = [request.tool_choice for request in model.requests]
    assert choices == ["auto", "auto", "auto", "none", "auto", "auto"]
    assert told[-1] == events.TurnFailed(
        error=events.Failure(
            "The turn was stopped: the model sent the same call 3 times and got the "
            "same result."
        )
    )


def test_an_interrupt_stops_what_runs_and_keeps_what_was_said() -> None:
    async def scenario() -> tuple[list[events.Event], Rig, HangingTool]:
        tool = HangingTool("wait")
        rig = Rig(ScriptedModel([said("wait"), called("wait"), finished()]), [tool])
        told: list[events.Event] = []

        async def watch() -> None:
            told.extend([event async for event in rig.session.submit(user("go"))])

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(watch())
            await tool.started.wait()
            rig.session.interrupt()
        return told, rig, tool

    told, rig, tool = asyncio.run(scenario())
    assert tool.cancelled
    assert told[-1] == events.TurnFailed(error=events.Failure(events.INTERRUPTED))
    assert rig.session.history[-1] == FunctionCallOutput(
        call_id="c1", output="aborted by user"
    )


def test_a_tool_can_wait_until_the_front_end_has_shown_what_it_told() -> None:
    order: list[str] = []

    class Asking(FakeTool):
        async def run(self, call: Call, scope: Scope) -> Output:
            scope.emit(events.Notice(message="told"))
            await scope.seen()
            order.append("asked")
            return await super().run(call, scope)

    async def scenario() -> None:
        model = ScriptedModel([called("ask"), finished()], [said("ok"), finished()])
        rig = Rig(model, [Asking("ask")])
        async for event in rig.session.submit(user("go")):
            await asyncio.sleep(0)  # a front end that takes its time
            order.extend(["shown"] if event == events.Notice(message="told") else [])

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert order == ["shown", "asked"]


def test_a_tool_can_end_the_turn() -> None:
    class Refused(FakeTool):
        async def run(self, call: Call, scope: Scope) -> Output:
            scope.interrupt()
            return await super().run(call, scope)

    model = ScriptedModel([called("ask"), finished()])
    told = Rig(model, [Refused("ask")]).submit()
    assert told[-1] == events.TurnFailed(error=events.Failure(events.INTERRUPTED))
    assert len(model.requests) == 1


def test_a_remark_of_a_tool_stands_behind_the_outputs_of_all_calls() -> None:
    class Remarking(FakeTool):
        async def run(self, call: Call, scope: Scope) -> Output:
            scope.remark("saved")
            return await super().run(call, scope)

    model = ScriptedModel(
        [called("a", call_id="c1"), called("b", call_id="c2"), finished()],
        [said("done"), finished()],
    )
    rig = Rig(model, [Remarking("a"), FakeTool("b")])
    rig.submit()
    remark = Message(role="developer", content=[InputText(text="saved")])
    assert model.requests[1].input[-3:] == [
        FunctionCallOutput(call_id="c1", output="ok"),
        FunctionCallOutput(call_id="c2", output="ok"),
        remark,
    ]
    assert list(rig.session.history).count(remark) == 1


def test_tools_hear_of_the_end_of_every_turn_and_of_the_session() -> None:
    tool = FakeTool("look")
    model = ScriptedModel([said("x"), finished()], [failed("invalid_prompt", "no")])
    rig = Rig(model, [tool])
    rig.submit()
    rig.submit()
    assert tool.ended == 2
    asyncio.run(rig.session.close())
    assert tool.closed
    assert model.closed
