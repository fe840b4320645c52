"""The plan, as the front end is told of it."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from codex_oss import events
from codex_oss.errors import ToolError
from codex_oss.items import FunctionCall
from codex_oss.ports import Output, Scope
from codex_oss.tools.plan import UpdatePlan


class Told:
    """A scope that keeps what was told."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self._items = 0
        self.scope = Scope(
            cwd=Path("/"), emit=self.events.append, new_item_id=self._new_id
        )

    def _new_id(self) -> str:
        self._items += 1
        return f"item_{self._items}"


def call(arguments: str) -> FunctionCall:
    return FunctionCall(name="update_plan", arguments=arguments, call_id="c")


def plan(**steps: str) -> FunctionCall:
    rows = [{"step": step, "status": status} for step, status in steps.items()]
    return call(msgspec.json.encode({"plan": rows}).decode())


def todo(number: int, **done: bool) -> events.TodoList:
    entries = [events.TodoEntry(text, completed) for text, completed in done.items()]
    return events.TodoList(id=f"item_{number}", items=entries)


def test_a_plan_begins_changes_and_ends_with_its_turn() -> None:
    told, tool = Told(), UpdatePlan()

    async def turn() -> None:
        first = plan(Read="in_progress", Write="pending")
        assert await tool.run(first, told.scope) == Output("Plan updated")
        await tool.run(plan(Read="completed", Write="completed"), told.scope)
        tool.end_turn(told.scope)
        tool.end_turn(told.scope)
        await tool.run(plan(Test="completed"), told.scope)
        await tool.close()

    asyncio.run(turn())
    assert told.events == [
        events.ItemStarted(item=todo(1, Read=False, Write=False)),
        events.ItemUpdated(item=todo(1, Read=True, Write=True)),
        events.ItemCompleted(item=todo(1, Read=True, Write=True)),
        events.ItemStarted(item=todo(2, Test=True)),
    ]


def test_an_empty_plan_and_unknown_fields_are_accepted() -> None:
    told = Told()
    text = '{"plan":[],"explanation":null,"mood":"good"}'
    asyncio.run(UpdatePlan().run(call(text), told.scope))
    assert told.events == [events.ItemStarted(item=todo(1))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "Object missing required field `plan`"),
        ("", "Object missing required field `plan`"),
        ('{"plan":[{"step":"a","status":"x"}]}', "Invalid enum value 'x' - at "),
        ("{", "Input data was truncated"),
    ],
)
def test_wrong_arguments_are_told_to_the_model(text: str, message: str) -> None:
    told = Told()
    with pytest.raises(ToolError) as caught:
        asyncio.run(UpdatePlan().run(call(text), told.scope))
    prefix = "failed to parse function arguments: "
    assert str(caught.value).startswith(prefix + message)
    assert told.events == []


def test_the_spec_is_short() -> None:
    assert len(msgspec.json.encode(UpdatePlan().spec)) < 500
