"""What the agent tells a front end: the ``exec --json`` contract, and live deltas.

Source of the contract: ``codex exec --json`` of the Codex CLI 0.169. The types for live
screens stand at the end; ``exec --json`` does not print them.
"""

from typing import Any, Literal

import msgspec

from codex_oss.items import Tagged

Status = Literal["in_progress", "completed", "failed", "declined"]
INTERRUPTED = "turn interrupted"
"""The message of a turn that a person ended."""

# --- what happened, as items ----------------------------------------------------------


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    # `type` is a field of each item and no tag: Codex writes `id` before it.
    id: str


class AgentMessage(_Item, frozen=True, kw_only=True):
    """What the model said."""

    type: Literal["agent_message"] = "agent_message"
    text: str


class ReasoningItem(_Item, frozen=True, kw_only=True):
    """The summary of what the model thought."""

    type: Literal["reasoning"] = "reasoning"
    text: str


class CommandExecution(_Item, frozen=True, kw_only=True):
    """A command. ``exit_code`` is null while it runs; 128 + n for signal n."""

    type: Literal["command_execution"] = "command_execution"
    command: str
    aggregated_output: str = ""
    exit_code: int | None = None
    status: Status = "in_progress"


class FileUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One changed file, by absolute path."""

    path: str
    kind: Literal["add", "delete", "update"]


class FileChange(_Item, frozen=True, kw_only=True):
    """A patch, its files in order of path."""

    type: Literal["file_change"] = "file_change"
    changes: list[FileUpdate]
    status: Status = "in_progress"


class McpError(msgspec.Struct, frozen=True):
    """Why an MCP call failed."""

    message: str


class McpToolCall(_Item, frozen=True, kw_only=True):
    """A call of an MCP server's tool."""

    type: Literal["mcp_tool_call"] = "mcp_tool_call"
    server: str
    tool: str
    arguments: Any
    result: Any = None
    error: McpError | None = None
    status: Status = "in_progress"


class WebSearch(_Item, frozen=True, kw_only=True):
    """A search that the model's server ran."""

    type: Literal["web_search"] = "web_search"
    query: str
    action: Any = None


class TodoEntry(msgspec.Struct, frozen=True):
    """One step of the plan."""

    text: str
    completed: bool


class TodoList(_Item, frozen=True, kw_only=True):
    """The plan as it stands."""

    type: Literal["todo_list"] = "todo_list"
    items: list[TodoEntry]


class ErrorItem(_Item, frozen=True, kw_only=True):
    """A warning: something is not as the user may think, and the turn goes on."""

    type: Literal["error"] = "error"
    message: str


ThreadItem = (
    AgentMessage
    | ReasoningItem
    | CommandExecution
    | FileChange
    | McpToolCall
    | WebSearch
    | TodoList
    | ErrorItem
)

# --- events ---------------------------------------------------------------------------


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of the whole thread so far."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(**{n: c + getattr(other, n) for n, c in self.counts.items()})

    def __sub__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(**{n: c - getattr(other, n) for n, c in self.counts.items()})

    @property
    def counts(self) -> dict[str, int]:
        """All counts by their names."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Failure(msgspec.Struct, frozen=True):
    """Why a turn failed."""

    message: str


class ThreadStarted(Tagged, frozen=True, kw_only=True, tag="thread.started"):
    """A conversation begins or goes on; the id resumes it."""

    thread_id: str


class TurnStarted(Tagged, frozen=True, kw_only=True, tag="turn.started"):
    """The model is about to be asked."""


class ItemStarted(Tagged, frozen=True, kw_only=True, tag="item.started"):
    """Something begins."""

    item: ThreadItem


class ItemUpdated(Tagged, frozen=True, kw_only=True, tag="item.updated"):
    """Something changed."""

    item: ThreadItem


class ItemCompleted(Tagged, frozen=True, kw_only=True, tag="item.completed"):
    """Something is done."""

    item: ThreadItem


class TurnCompleted(Tagged, frozen=True, kw_only=True, tag="turn.completed"):
    """The model has no more calls; the person's turn."""

    usage: TokenUsage


class TurnFailed(Tagged, frozen=True, kw_only=True, tag="turn.failed"):
    """The turn ended without an answer. What was said before is kept."""

    error: Failure


class Notice(Tagged, frozen=True, kw_only=True, tag="error"):
    """An error; fatal only if ``turn.failed`` follows."""

    message: str


class Asked(Tagged, frozen=True, kw_only=True, tag="model.asked"):
    """The model has been asked, and has said nothing yet (live screens only)."""


class Reading(Tagged, frozen=True, kw_only=True, tag="model.reading"):
    """How far the server has read the prompt, in tokens (live screens only)."""

    done: int
    total: int


class Answering(Tagged, frozen=True, kw_only=True, tag="model.answering"):
    """Something of an answer is there (live screens only)."""


class Compacted(Tagged, frozen=True, kw_only=True, tag="context.compacted"):
    """The conversation was made short, for it filled the window (live screens only).

    ``before`` and ``after`` are the tokens of a request, estimated. ``masked``: old
    outputs were left out; ``summarised``: a summary stands for what was said.
    """

    before: int
    after: int
    how: Literal["masked", "summarised"]


class TextDelta(Tagged, frozen=True, kw_only=True, tag="text.delta"):
    """More of what the model says (live screens only)."""

    text: str


class ReasoningDelta(Tagged, frozen=True, kw_only=True, tag="reasoning.delta"):
    """More of what the model thinks (live screens only)."""

    text: str


class OutputDelta(Tagged, frozen=True, kw_only=True, tag="output.delta"):
    """More output of a running command (live screens only)."""

    item_id: str
    text: str


class Thought(Tagged, frozen=True, kw_only=True, tag="reasoning.text"):
    """What the model thought, in its own words (live screens only).

    Its summary, if there is one, follows as a ``ReasoningItem``.
    """

    text: str


class Blocked(Tagged, frozen=True, kw_only=True, tag="sandbox.blocked"):
    """The sandbox blocked what a command did, or the policy an action (live screens).

    ``item_id`` is the command's; of what was refused, and never ran, it is empty.
    """

    item_id: str
    what: str
    """What was blocked, as a sentence without a full stop."""
    remedy: str
    """How a person can allow it."""


Event = (
    ThreadStarted
    | TurnStarted
    | ItemStarted
    | ItemUpdated
    | ItemCompleted
    | TurnCompleted
    | TurnFailed
    | Notice
    | Asked
    | Reading
    | Answering
    | Compacted
    | TextDelta
    | ReasoningDelta
    | OutputDelta
    | Thought
    | Blocked
)
