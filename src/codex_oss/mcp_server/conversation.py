"""A conversation that clients of MCP hold, and one turn of it.

A turn is a task of its own. Whoever follows it may go: it is then told to end, or, with
a client of the protocol of 2026-07-28, waits for the call to come again with an answer.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, assert_never

import msgspec

from codex_oss import events
from codex_oss.agent.session import Session
from codex_oss.errors import CodexOssError
from codex_oss.items import Item, Message
from codex_oss.mcp_server import approval
from codex_oss.mcp_server.calling import OpenCalls
from codex_oss.mcp_server.calls import Told
from codex_oss.mcp_server.messages import Msg, Translator, Turn
from codex_oss.mcp_server.news import Ended, Feed, Notified, Pending
from codex_oss.mcp_server.patches import changes, hunks_in
from codex_oss.policy import (
    Answer,
    AnswerServer,
    CallTool,
    Question,
    RunAgain,
    RunCommand,
    WriteFiles,
)

ANSWER_WAIT_S = 3600.0
"""How long a question waits for a person; then the answer is no."""
ABORTED = "The turn was aborted."
NOTHING = ""
"""The last message of a turn in which the model said none."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is ready, and what a client is told of it."""

    session: Session
    cwd: str
    shell: str
    configured: Msg
    """The message ``session_configured`` without the ids."""
    warnings: list[str]
    prompt: Callable[[str], Message]
    asking: Callable[[bool], None]
    """Is told, before each turn, whether a person can be asked in it."""
    close: Callable[[], Awaitable[None]]
    usable: Callable[[], Awaitable[bool]]
    """Tells whether another turn can be taken: what it needs may have died, or
    another process may have gone on with the conversation."""
    rest: Callable[[], object] = lambda: None
    """Lets other processes go on with it until the next turn."""


class Client:
    """The person behind whichever call is being answered (``ports.Approver``)."""

    def __init__(self) -> None:
        self.turn: TakenTurn | None = None

    async def ask(self, question: Question) -> Answer:
        """Ask through the turn that runs; no, where nobody can be asked."""
        turn = self.turn
        return await turn.ask(question) if turn is not None and turn.asks else "no"


class Conversation:
    """One session, its turns one after the other."""

    def __init__(self, opened: Opened, client: Client) -> None:
        self.opened = opened
        self.client = client
        self.lock = asyncio.Lock()
        self.users = 0
        """Turns that run or wait; whoever gets the conversation has counted itself."""
        self.calls = OpenCalls()
        self.usage = events.TokenUsage()
        self.announced = False

    @property
    def thread_id(self) -> str:
        """The id by which ``codex-reply`` names it."""
        return self.opened.session.thread_id

    def kept(self) -> list[Item]:
        """Return the items that joined the history since this was last asked."""
        return self.opened.session.newly_kept()


class TakenTurn:
    """One turn, from the opening of its conversation to its last word."""

    def __init__(
        self,
        conversation: Callable[[], Awaitable[Conversation]],
        prompt: str,
        thread_id: str = "",
        *,
        asks: bool,
    ) -> None:
        self.news = Feed(self.end)
        """What happens."""
        self.asks = asks
        """Whether who follows the turn can ask a person."""
        self.waiting: Pending | None = None
        """The question that was handed to the client and has no answer yet."""
        self._prompt = prompt
        self._thread_id = thread_id
        self._conversation: Conversation | None = None
        self._translator: Translator | None = None
        self._turn_id = ""
        self._ended = False
        self._task = asyncio.ensure_future(self._run(conversation))
        self._task.add_done_callback(self._end)

    async def ask(self, question: Question) -> Answer:
        """Hand the question to who follows the turn, and wait for the answer."""
        conversation = self._conversation
        assert conversation is not None
        assert self._translator is not None
        for msg in self._translator.keep(conversation.kept()):
            self._tell(msg)
        asked = self._asked(conversation, question)
        answer = asyncio.get_running_loop().create_future()
        if (msg := _request(question, asked)) is not None:
            self._tell(msg)
        self.news.put(Pending(question, asked, answer))
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                return await answer
        except TimeoutError:
            return "later" if isinstance(question.action, AnswerServer) else "no"

    def end(self) -> None:
        """Stop what runs; nobody follows any more."""
        # Once: a second time would break what the first has begun to put away.
        if not self._ended:
            self._ended = True
            self._task.cancel()

    def when_over(self, then: "Callable[[TakenTurn], object]") -> None:
        """Call ``then`` with the turn when nothing of it runs any more."""
        self._task.add_done_callback(lambda _: then(self))

    async def over(self) -> None:
        """Wait until nothing of it runs."""
        await asyncio.wait([self._task])

    async def _run(
        self, conversation: Callable[[], Awaitable[Conversation]]
    ) -> tuple[str, bool]:
        try:
            self._conversation = found = await conversation()
            self._thread_id = found.thread_id
            try:
                async with found.lock:
                    return await self._take(found)
            finally:
                found.users -= 1
                if not found.users:
                    found.opened.rest()
        except CodexOssError as error:
            return error.report(), True

    def _end(self, task: "asyncio.Task[tuple[str, bool]]") -> None:
        """Tell the end; a task that was cancelled early has not even begun."""
        if task.cancelled():
            text, failed = ABORTED, True
        elif (bug := task.exception()) is not None:
            text, failed = f"codex-oss failed: {bug!r}", True
            sys.excepthook(type(bug), bug, bug.__traceback__)
        else:
            text, failed = task.result()
        told = Told(text=text, thread_id=self._thread_id, failed=failed)
        self.news.put(Ended(told))

    async def _take(self, found: Conversation) -> tuple[str, bool]:
        """Take the turn; return its last message or error, and whether it failed."""
        opened, session = found.opened, found.opened.session
        if not found.announced:
            self._announce(found)
        self._turn_id = _turn_id(session.thread_id)
        turn = Turn(
            thread_id=session.thread_id,
            turn_id=self._turn_id,
            cwd=opened.cwd,
            prompt=self._prompt,
        )
        translator = Translator(turn, found.usage, found.calls)
        self._translator, found.client.turn = translator, self
        opened.asking(self.asks)
        text, failed = NOTHING, False
        try:
            async with aclosing(
                session.submit(opened.prompt(self._prompt))
            ) as happened:
                async for event in happened:
                    for msg in translator.feed(event, _new(found, event), time.time()):
                        self._tell(msg)
                    match event:
                        case events.ItemCompleted(item=events.AgentMessage(text=said)):
                            text = said
                        case events.TurnFailed(error=error):
                            aborted = error.message == events.INTERRUPTED
                            text, failed = ABORTED if aborted else error.message, True
                        case _:
                            continue
        finally:
            found.client.turn = None
            found.usage = translator.usage
        return text, failed

    def _announce(self, found: Conversation) -> None:
        found.announced = True
        thread_id, configured = found.thread_id, found.opened.configured
        ids = {"session_id": thread_id, "thread_id": thread_id}
        self._notify("", {"type": "session_configured"} | ids | configured)
        nothing: Msg = {"ready": [], "failed": [], "cancelled": []}
        self._notify("", {"type": "mcp_startup_complete"} | nothing)
        for warning in found.opened.warnings:
            self._notify("", {"type": "warning", "message": warning})

    def _asked(self, found: Conversation, question: Question) -> approval.Asked:
        action = question.action
        command: list[str] = []
        told: dict[str, Any] = {}
        match action:
            case RunCommand(command=script) | RunAgain(command=script):
                call = found.calls.of_command(script)
                command = [found.opened.shell, "-lc", script]
            case WriteFiles(paths=paths):
                call = found.calls.of_patch()
                told = changes(hunks_in(call) if call else (), found.opened.cwd)
                told = told or {path: {"type": "update"} for path in paths}
            case CallTool(server=server, tool=tool, arguments=given):
                call = found.calls.of_tool(server, tool, given)
            case AnswerServer():
                call = None
            case _:
                assert_never(action)
        return approval.Asked(
            thread_id=found.thread_id,
            turn_id=self._turn_id,
            call_id=call.call_id if call else "",
            command=command,
            changes=told,
        )

    def _tell(self, msg: Msg) -> None:
        self._notify(self._turn_id, msg)

    def _notify(self, turn_id: str, msg: Msg) -> None:
        found = self._conversation
        assert found is not None
        self.news.put(Notified(found.thread_id, turn_id, msg))


_STEPS = (
    events.TurnStarted
    | events.ItemStarted
    | events.ItemUpdated
    | events.ItemCompleted
    | events.TurnCompleted
    | events.TurnFailed
)


def _new(found: Conversation, event: events.Event) -> list[Item]:
    """Return the new items of the history; only steps of a turn bring some."""
    return found.kept() if isinstance(event, _STEPS) else []


def _request(question: Question, asked: approval.Asked) -> Msg | None:
    """Return the message that an approval is asked for; Codex has none for tools."""
    ids = {"call_id": asked.call_id, "turn_id": asked.turn_id}
    action = question.action
    if isinstance(action, WriteFiles):
        return {"type": "apply_patch_approval_request", **ids, "changes": asked.changes}
    if isinstance(action, CallTool | AnswerServer):
        return None
    decisions = ["approved", "approved_for_session", "denied", "abort"]
    return {
        "type": "exec_approval_request",
        **ids,
        "command": asked.command,
        "cwd": action.cwd,
        "reason": approval.reason(question) or None,
        "available_decisions": decisions,
        "parsed_cmd": [{"type": "unknown", "cmd": action.command}],
    }


def _turn_id(thread_id: str) -> str:
    """Return an id that no other turn has; the conversation's id is a UUID."""
    import uuid  # noqa: PLC0415  15 ms, and only servers have turns with ids

    return str(uuid.uuid5(uuid.UUID(thread_id), str(time.time_ns())))
