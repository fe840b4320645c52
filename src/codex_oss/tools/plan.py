"""The `update_plan` tool: the model's list of steps, for the person to follow."""

from typing import Literal

import msgspec

from codex_oss import events
from codex_oss.items import Call
from codex_oss.ports import Output, Scope
from codex_oss.tools.spec import arguments, function_tool
from codex_oss.wire.responses import FunctionTool


class Step(msgspec.Struct, frozen=True):
    """One step of the plan."""

    step: str
    status: Literal["pending", "in_progress", "completed"]


class PlanArguments(msgspec.Struct, frozen=True):
    """The arguments of ``update_plan``."""

    plan: list[Step]
    explanation: str | None = None


class UpdatePlan:
    """Shows the plan. One list per turn: begun, changed, and done when the turn is."""

    def __init__(self) -> None:
        self._shown: events.TodoList | None = None

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return function_tool("update_plan", _PROPERTIES, required=("plan",))

    async def run(self, call: Call, scope: Scope) -> Output:
        """Show the list as it now stands."""
        steps = arguments(call, PlanArguments).plan
        entries = [
            events.TodoEntry(text=step.step, completed=step.status == "completed")
            for step in steps
        ]
        if self._shown is None:
            self._shown = events.TodoList(id=scope.new_item_id(), items=entries)
            scope.emit(events.ItemStarted(item=self._shown))
        else:
            self._shown = msgspec.structs.replace(self._shown, items=entries)
            scope.emit(events.ItemUpdated(item=self._shown))
        return Output("Plan updated")

    def end_turn(self, scope: Scope) -> None:
        """Tell that the list of this turn changes no more."""
        if self._shown is not None:
            scope.emit(events.ItemCompleted(item=self._shown))
            self._shown = None

    async def close(self) -> None:
        """Nothing outlives a call."""


_PROPERTIES = {
    "plan": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "step": {"type": "string"},
                "status": {
                    "type": "string",
                    "enum": ["pending", "in_progress", "completed"],
                },
            },
            "required": ["step", "status"],
        },
    },
    "explanation": {"type": "string"},
}
