"""What is known of the Codex CLI's requests, as rows: its tools, its own instructions.

Source: requests of Codex 0.148 and 0.169. A new tool of Codex is one row; without it,
the tool is treated as anybody's.
"""

from typing import Literal

import msgspec

Mode = Literal["escalate", "plan"]
"""``escalate``: the person can be asked to let a command out of the sandbox.
``plan``: the conversation is, or was, in Codex's Plan mode."""

MULTI_AGENT = "multi_agent_v1"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """How one tool of Codex is offered. Required parameters stay in any case."""

    name: str
    namespace: str = ""
    says: str
    """The description under "safe"."""
    brief: str = ""
    """The description under "aggressive", where it differs."""
    keeps: dict[str, str] = {}
    """Parameters under "safe", each with its description; "" for none."""
    few: tuple[str, ...] = ()
    """Those of ``keeps`` that "aggressive" keeps too, without their descriptions."""
    modes: dict[str, Mode] = {}
    """Parameters that are kept in one mode only."""
    dropped: bool = False
    """Left out under "aggressive"."""
    unless: Mode | None = None
    """The mode in which it is not left out after all."""
    text: bool = False
    """A freeform tool; "aggressive" tells its form by example, not by grammar."""


_SPAWN = "Start a sub-agent on a task. Only when the user asks for sub-agents."
_PATCH = """Edit files with a patch, sent as plain text:
*** Begin Patch
*** Update File: a.py
@@ def f():
 unchanged line
-old line
+new line
*** Add File: b.txt
+every line with a plus
*** Delete File: c.txt
*** End Patch"""

ROWS: tuple[Row, ...] = (
    Row(
        name="exec_command",
        says="Run a shell command. Returns its output and exit code, or a session id "
        "for write_stdin while it still runs.",
        brief="Run a shell command. Returns its output, or a session id while it runs.",
        keeps={
            "cmd": "The command.",
            "workdir": "Where to run it; default: the current folder.",
            "yield_time_ms": "How long to wait for output; default 10000.",
            "tty": "Give it a terminal, for programs that ask.",
            "sandbox_permissions": '"require_escalated" asks the user to run it '
            "outside the sandbox.",
            "justification": "With require_escalated: the question to the user.",
            "prefix_rule": "With require_escalated: words at the command's start that "
            'may always run, such as ["git", "pull"].',
        },
        few=("cmd", "workdir", "tty", "sandbox_permissions", "justification"),
        modes={
            "sandbox_permissions": "escalate",
            "justification": "escalate",
            "prefix_rule": "escalate",
        },
    ),
    Row(
        name="write_stdin",
        says="Write to a command that still runs, and return its new output.",
        brief="Write to a running command; without chars, wait for its output.",
        keeps={
            "session_id": "From exec_command.",
            "chars": "Text to write; empty: only wait for output.",
            "yield_time_ms": "How long to wait for output.",
        },
        few=("session_id", "chars"),
    ),
    Row(
        name="apply_patch",
        says="Edit files with a patch, sent as plain text, not as JSON.",
        brief=_PATCH,
        text=True,
    ),
    Row(
        name="update_plan",
        says="Write down the plan: short steps, at most one in progress.",
        brief="Write down the plan.",
        keeps={"plan": "", "explanation": "Why it changed."},
        few=("plan",),
    ),
    Row(
        name="view_image",
        says="Look at an image file.",
        keeps={"path": ""},
        few=("path",),
    ),
    Row(
        name="request_user_input",
        says="Ask the user one to three short questions. Works in Plan mode only.",
        brief="Ask the user one to three short questions.",
        keeps={"questions": ""},
        few=("questions",),
        dropped=True,
        unless="plan",
    ),
    Row(
        name="list_mcp_resources",
        says="List the resources that MCP servers offer.",
        keeps={"server": "Only this server's.", "cursor": "From the page before."},
        few=("server",),
    ),
    Row(
        name="list_mcp_resource_templates",
        says="List the resource templates that MCP servers offer.",
        keeps={"server": "Only this server's.", "cursor": "From the page before."},
        few=("server",),
    ),
    Row(
        name="read_mcp_resource",
        says="Read a resource of an MCP server.",
        keeps={"server": "", "uri": ""},
        few=("server", "uri"),
    ),
    Row(
        name="get_goal",
        says="Return this thread's goal, its status and what is left of its budget.",
        dropped=True,
    ),
    Row(
        name="create_goal",
        says="Set a goal. Only when the user asks for one in so many words.",
        keeps={"objective": "", "token_budget": "Only if the user names one."},
        few=("objective",),
        dropped=True,
    ),
    Row(
        name="update_goal",
        says="Set the goal's status. complete: all of it is done and checked. blocked: "
        "the same obstacle stood in three turns running and only the user can remove "
        "it. paused: the user asked for it.",
        keeps={"status": ""},
        few=("status",),
        dropped=True,
    ),
    Row(
        name="spawn_agent",
        namespace=MULTI_AGENT,
        says=f"{_SPAWN} Returns its id. It knows nothing but what it is told, unless "
        "fork_context is true.",
        brief=_SPAWN,
        keeps={
            "message": "The task, complete in itself.",
            "items": "",
            "agent_type": "",
            "fork_context": "Hand it this conversation.",
        },
        few=("message", "agent_type"),
    ),
    Row(
        name="send_input",
        namespace=MULTI_AGENT,
        says="Send a message to a sub-agent.",
        keeps={
            "target": "The sub-agent's id.",
            "message": "",
            "items": "",
            "interrupt": "Stop what it does now.",
        },
        few=("target", "message"),
    ),
    Row(
        name="wait_agent",
        namespace=MULTI_AGENT,
        says="Wait until one of these sub-agents ends, and return what it said.",
        brief="Wait for sub-agents' results.",
        keeps={"targets": "Their ids.", "timeout_ms": "Default 30000."},
        few=("targets",),
    ),
    Row(
        name="close_agent",
        namespace=MULTI_AGENT,
        says="Close a sub-agent that is no longer needed.",
        keeps={"target": "The sub-agent's id."},
        few=("target",),
    ),
    Row(
        name="resume_agent",
        namespace=MULTI_AGENT,
        says="Open a closed sub-agent again.",
        keeps={"id": "The sub-agent's id."},
        few=("id",),
        dropped=True,
    ),
)

BY_NAME = {(row.namespace, row.name): row for row in ROWS}

NAMESPACES = {MULTI_AGENT: "Sub-agents."}
"""Descriptions of Codex's own namespaces."""

SEARCH = "Find more tools by words; those it finds can be called from then on."
"""The description of ``tool_search``."""

DROPPED_NAMESPACES = frozenset(("mcp__codex_tui",))
"""Namespaces of Codex's own that "aggressive" leaves out: other threads, worktrees."""

# --- instructions ------------------------------------------------------------------

OPENINGS = (
    "You are a coding agent running in the Codex CLI",
    "You are Codex, a coding agent",
    "You are Codex, based on GPT-5.",
)
"""How the base instructions of Codex begin."""

MIN_LENGTH = 6000
"""Characters that the base instructions have at least; they have 17,000 and more."""

HEADINGS = frozenset(
    (
        "# AGENTS.md spec",
        "# Editing constraints",
        "# General",
        "# How you work",
        "# Personality",
        "# Tool Guidelines",
        "# Working with the user",
        "## Ambition vs. precision",
        "## Autonomy and persistence",
        "## Codex CLI harness, sandboxing, and approvals",
        "## Editing constraints",
        "## Engineering judgment",
        "## Escalation",
        "## Final answer instructions",
        "## Formatting rules",
        "## Frontend guidance",
        "## Frontend tasks",
        "## General",
        "## Interaction Style",
        "## Intermediary updates",
        "## Personality",
        "## Plan tool",
        "## Planning",
        "## Presenting your work and final message",
        "## Responsiveness",
        "## Sandbox and approvals",
        "## Sharing progress updates",
        "## Shell commands",
        "## Special user requests",
        "## Task execution",
        "## Validating your work",
        "## Values",
        "## `apply_patch`",
        "## `update_plan`",
        "### Build with empathy",
        "### Design instructions",
        "### Examples",
        "### Final answer structure and style guidelines",
        "### Preamble messages",
    )
)
"""Headings of the base instructions. One more, and a person has written there."""

MIN_HEADINGS = 5
"""Headings that the base instructions have at least."""
