"""One line on what a turn does, for standard progress notifications."""

from collections.abc import Callable

from codex_oss.mcp_server.messages import Msg

LINE = 120
"""The longest line, in characters."""


def progress(msg: Msg) -> str:
    """Return a line on a message; empty for one that is no step."""
    how = _STEPS.get(msg["type"])
    line = " ".join(how(msg).split()) if how else ""
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"


_STEPS: dict[str, Callable[[Msg], str]] = {
    "task_started": lambda _: "Asking the model",
    "exec_command_begin": lambda msg: f"Running {msg['parsed_cmd'][0]['cmd']}",
    "exec_command_end": lambda msg: f"Command ended with {msg['exit_code']}",
    "patch_apply_begin": lambda msg: f"Changing {', '.join(msg['changes'])}",
    "agent_message": lambda msg: msg["message"],
    "agent_reasoning": lambda msg: msg["text"],
    "exec_approval_request": lambda _: "Waiting for an approval",
    "apply_patch_approval_request": lambda _: "Waiting for an approval",
    "mcp_tool_call_begin": lambda msg: f"Calling {msg['invocation']['tool']}",
    "plan_update": lambda _: "Changed the plan",
    "warning": lambda msg: msg["message"],
    "error": lambda msg: msg["message"],
    "stream_error": lambda msg: msg["message"],
}
