"""`exec` for people: the final message on stdout, everything else on stderr."""

import time
from collections.abc import Callable
from typing import Literal, TextIO, assert_never

import msgspec

from codex_oss import events
from codex_oss.exec_mode.visible import shown, visible

OUTPUT_LINES = 20
"""Lines of a command's output that are shown; the model gets more."""


class Banner(msgspec.Struct, frozen=True, kw_only=True):
    """What is said before a session starts, as name and value."""

    title: str
    rows: list[tuple[str, str]]
    prompt: str


class Human:
    """Prints events for a person who watches, and the answer for a pipe."""

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        banner: Banner,
        *,
        color: bool,
        reasoning: bool | Literal["raw"] = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._err = err
        self._banner = banner
        self._color = color
        self._reasoning = reasoning
        self._thought = False
        self._clock = clock
        self._began: dict[str, float] = {}
        self._usage = events.TokenUsage()
        self._last_fault = ""

    def feed(self, event: events.Event) -> None:
        """Print one event."""
        match event:
            case events.ThreadStarted():
                self._greet(event.thread_id)
            case events.ItemStarted(item=item):
                self._started(item)
            case events.ItemUpdated(item=item):
                self._updated(item)
            case events.ItemCompleted(item=item):
                self._completed(item)
            case events.Notice(message=message):
                self._fault(message)
            case events.TurnFailed(error=failure):
                self._fault(failure.message)
            case events.TurnCompleted(usage=usage):
                self._usage = usage
            case events.Blocked() | events.Compacted() | events.Thought():
                self._remark(event)
            case (
                events.TurnStarted()
                | events.Asked()
                | events.Reading()
                | events.Answering()
                | events.TextDelta()
                | events.ReasoningDelta()
                | events.OutputDelta()
            ):
                pass
            case _:
                assert_never(event)

    def finish(self, last_message: str | None) -> None:
        """Print the tokens used, and the model's last message where it is not seen."""
        used = self._usage
        total = used.input_tokens + used.output_tokens - used.cached_input_tokens
        if total:
            self._head("tokens used", 35)
            self._say(f"{total:,}")
        # On one terminal the message has just been read.
        seen = self._out.isatty() and self._err.isatty()
        if last_message is not None and not seen:
            text = shown(last_message) if self._out.isatty() else last_message
            print(text, file=self._out, flush=True)

    def _remark(
        self, event: events.Blocked | events.Compacted | events.Thought
    ) -> None:
        """Print what only people are told."""
        match event:
            case events.Thought(text=text):
                self._thought = self._reasoning == "raw"
                if self._thought:
                    self._say(f"thinking\n{text}", style=2)
            case events.Blocked(what=what, remedy=remedy):
                self._say(f"{what}\n{remedy}", label="sandbox:", color=33)
            case events.Compacted(before=before, after=after, how=how):
                sizes = f"about {before:,} tokens, now {after:,}"
                self._say(f"{_COMPACTED[how]}: {sizes}", label="context:", color=33)

    def _fault(self, message: str) -> None:
        """Print an error; a failed turn repeats the one that ended it."""
        if message != self._last_fault:
            self._say(message, label="ERROR:", color=31)
        self._last_fault = message

    def _greet(self, thread_id: str) -> None:
        self._say(f"{self._banner.title}\n--------")
        for name, value in (*self._banner.rows, ("session id", thread_id)):
            self._say(value, label=f"{name}:", color=1)
        self._say("--------")
        self._head("user", 36)
        self._say(self._banner.prompt)

    def _started(self, item: events.ThreadItem) -> None:
        self._began[item.id] = self._clock()
        match item:
            case events.CommandExecution(command=command):
                self._head("exec", 35)
                self._say(command, style=1)
            case events.FileChange():
                self._head("apply patch", 35)
            case events.TodoList():
                self._plan(item)
            case events.McpToolCall(server=server, tool=tool):
                self._say(visible(f"mcp: {server}/{tool} started"))
            case _:
                pass

    def _updated(self, item: events.ThreadItem) -> None:
        if isinstance(item, events.TodoList):
            self._plan(item)

    def _completed(self, item: events.ThreadItem) -> None:
        match item:
            case events.AgentMessage(text=text):
                self._head("codex", 35)
                self._say(text)
            case events.ReasoningItem(text=text):
                if self._reasoning and not self._thought:
                    self._say(f"thinking\n{text}", style=2)
                self._thought = False
            case events.CommandExecution():
                self._ran(item)
            case events.FileChange(changes=changes, status=status):
                self._say(f"patch: {status}")
                self._say("\n".join(f"{_LETTER[c.kind]} {c.path}" for c in changes))
            case events.McpToolCall(server=server, tool=tool, status=status):
                self._say(visible(f"mcp: {server}/{tool} ({status})"))
            case events.WebSearch(query=query):
                self._say(f"web search: {query}")
            case events.ErrorItem(message=message):
                self._say(message, label="warning:", color=33)
            case events.TodoList():
                pass
            case _:
                assert_never(item)

    def _ran(self, item: events.CommandExecution) -> None:
        took = self._clock() - self._began.pop(item.id, self._clock())
        how = "succeeded" if item.exit_code == 0 else f"exited {item.exit_code}"
        self._say(f" {how} in {took * 1000:.0f}ms:")
        lines = shown(item.aggregated_output).rstrip("\n").split("\n")
        if len(lines) > OUTPUT_LINES:
            half = OUTPUT_LINES // 2
            gap = f"… {len(lines) - OUTPUT_LINES} lines …"
            lines = [*lines[:half], gap, *lines[-half:]]
        self._say("\n".join(lines), style=2)

    def _plan(self, item: events.TodoList) -> None:
        self._head("plan", 35)
        for step in item.items:
            self._say(f"  {'✓' if step.completed else '•'} {step.text}")

    def _head(self, text: str, color: int) -> None:
        print(self._styled(text, color), file=self._err, flush=True)

    def _say(
        self, text: str, *, label: str = "", color: int = 0, style: int = 0
    ) -> None:
        """Print text that others wrote, after a label of ours if there is one."""
        before = f"{self._styled(label, color)} " if label else ""
        print(before + self._styled(shown(text), style), file=self._err, flush=True)

    def _styled(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code else text


_COMPACTED = {
    "masked": "old outputs were left out",
    "summarised": "a summary stands for what was said",
}
_LETTER = {"add": "A", "delete": "D", "update": "M"}
