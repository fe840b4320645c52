"""Items of a turn as Codex's ``item_*`` messages and the older ones beside them."""

import shlex
from typing import Any, assert_never

from codex_oss import events
from codex_oss.mcp_server.calling import OpenCalls, arguments
from codex_oss.mcp_server.patches import changes, hunks_in

Msg = dict[str, Any]


class Items:
    """What is told of the items of one turn; remembers when each began."""

    def __init__(self, turn_id: str, cwd: str, calls: OpenCalls) -> None:
        self._turn_id = turn_id
        self._cwd = cwd
        self._calls = calls
        self._began: dict[str, float] = {}
        self._facts: dict[str, Msg] = {}

    def told(
        self, thread_id: str, item: events.ThreadItem, now: float, *, done: bool
    ) -> list[Msg]:
        """Return the messages of an item that begins or is done."""
        match item:
            case events.AgentMessage(text=text):
                said: Msg = {"type": "AgentMessage", "id": item.id}
                said["content"] = [{"type": "Text", "text": text}]
                message: Msg = {"type": "agent_message", "message": text}
                message |= {"phase": None, "memory_citation": None}
                return [*self.both(thread_id, said, now), message]
            case events.ReasoningItem(text=text):
                thought: Msg = {"type": "Reasoning", "id": item.id}
                thought |= {"summary_text": [text], "raw_content": []}
                old: Msg = {"type": "agent_reasoning", "text": text}
                return [*self.both(thread_id, thought, now), old]
            case events.CommandExecution():
                return self._command(thread_id, item, now, done=done)
            case events.FileChange():
                return self._patch(thread_id, item, now, done=done)
            case events.McpToolCall():
                return [self._mcp(item, now, done=done)]
            case events.TodoList(items=entries):
                return [] if done else [_plan(entries)]
            case events.WebSearch(query=query):
                end = {"type": "web_search_end", "call_id": item.id, "query": query}
                begin = {"type": "web_search_begin", "call_id": item.id}
                return [end] if done else [begin]
            case events.ErrorItem():
                return []
            case _:
                assert_never(item)

    def both(self, thread_id: str, item: Msg, now: float) -> list[Msg]:
        """Return the start and the end of an item that has no duration."""
        ended = self._item("item_completed", thread_id, item, now)
        ended["completed_at_ms"] = int(now * 1000)
        return [self._item("item_started", thread_id, item, now), ended]

    def _item(self, kind: str, thread_id: str, item: Msg, began: float) -> Msg:
        return {
            "type": kind,
            "thread_id": thread_id,
            "turn_id": self._turn_id,
            "item": item,
            "started_at_ms": int(began * 1000),
        }

    def _command(
        self, thread_id: str, item: events.CommandExecution, now: float, *, done: bool
    ) -> list[Msg]:
        facts = self._facts.get(item.id) or self._command_facts(item)
        self._facts[item.id] = facts
        call_id = self._calls.take(item.id, None)
        began = self._began.setdefault(item.id, now)
        shown = {"type": "CommandExecution", "id": call_id, **facts}
        message: Msg = {"call_id": call_id, "turn_id": self._turn_id}
        if not done:
            start = shown | {"status": "in_progress"}
            message |= {"started_at_ms": int(began * 1000), **facts}
            begin = {"type": "exec_command_begin"} | message
            return [self._item("item_started", thread_id, start, began), begin]
        result = _result(item, now - began)
        end = self._item("item_completed", thread_id, shown | result, began)
        end["completed_at_ms"] = int(now * 1000)
        message |= {"completed_at_ms": int(now * 1000), **facts, **result}
        return [end, {"type": "exec_command_end"} | message]

    def _command_facts(self, item: events.CommandExecution) -> Msg:
        argv = _argv(item.command)
        call = self._calls.of_command(argv[-1])
        self._calls.take(item.id, call)
        place = arguments(call).get("workdir") if call else None
        inside = isinstance(place, str) and not place.startswith("/")
        cwd = f"{self._cwd}/{place}" if inside else place or self._cwd
        return {
            "command": argv,
            "cwd": f"file://{cwd}",
            "parsed_cmd": [{"type": "unknown", "cmd": argv[-1]}],
            "source": "unified_exec_startup",
        }

    def _patch(
        self, thread_id: str, item: events.FileChange, now: float, *, done: bool
    ) -> list[Msg]:
        facts = self._facts.get(item.id) or self._patch_facts(item)
        self._facts[item.id] = facts
        call_id = self._calls.take(item.id, None)
        began = self._began.setdefault(item.id, now)
        shown = {"type": "FileChange", "id": call_id, "changes": facts}
        message: Msg = {"call_id": call_id, "turn_id": self._turn_id}
        if not done:
            start = shown | {"auto_approved": False}
            begin = {"type": "patch_apply_begin"} | message
            begin |= {"auto_approved": False, "changes": facts}
            return [self._item("item_started", thread_id, start, began), begin]
        result = {"status": item.status, "stdout": "", "stderr": ""}
        end = self._item("item_completed", thread_id, shown | result, began)
        end["completed_at_ms"] = int(now * 1000)
        told = {"type": "patch_apply_end"} | message | {"stdout": "", "stderr": ""}
        told |= {"success": item.status == "completed", "changes": facts}
        return [end, told | {"status": item.status}]

    def _patch_facts(self, item: events.FileChange) -> Msg:
        call = self._calls.of_patch()
        self._calls.take(item.id, call)
        told = changes(hunks_in(call) if call else (), self._cwd)
        return told or {each.path: {"type": each.kind} for each in item.changes}

    def _mcp(self, item: events.McpToolCall, now: float, *, done: bool) -> Msg:
        began = self._began.setdefault(item.id, now)
        invocation = {"server": item.server, "tool": item.tool}
        invocation["arguments"] = item.arguments
        told: Msg = {"call_id": item.id, "invocation": invocation}
        if not done:
            return {"type": "mcp_tool_call_begin"} | told
        failed = item.error is not None
        result = {"Err": item.error.message} if failed else {"Ok": item.result}  # type: ignore[union-attr]
        told |= {"duration": _duration(now - began), "result": result}
        return {"type": "mcp_tool_call_end"} | told


def _result(item: events.CommandExecution, seconds: float) -> Msg:
    output = item.aggregated_output
    return {
        "status": item.status,
        "stdout": output,
        "stderr": "",
        "aggregated_output": output,
        "exit_code": item.exit_code,
        "duration": _duration(seconds),
        "formatted_output": output,
    }


def _plan(entries: list[events.TodoEntry]) -> Msg:
    steps = [
        {"step": entry.text, "status": "completed" if entry.completed else "pending"}
        for entry in entries
    ]
    return {"type": "plan_update", "explanation": None, "plan": steps}


def _argv(command: str) -> list[str]:
    try:
        return shlex.split(command) or [command]
    except ValueError:
        return [command]


def _duration(seconds: float) -> dict[str, int]:
    whole = int(seconds)
    return {"secs": whole, "nanos": int((seconds - whole) * 1e9)}
