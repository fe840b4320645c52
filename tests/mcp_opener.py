"""Sessions with a scripted model for the MCP server, without a program or a sandbox."""

import asyncio
from pathlib import Path

from codex_oss.agent.context import Frame
from codex_oss.agent.session import Parts, Session
from codex_oss.items import Call, FunctionCall, Message, OutputText, user
from codex_oss.mcp_server.calls import CodexCall
from codex_oss.mcp_server.conversation import Client, Opened
from codex_oss.mcp_server.threads import not_found
from codex_oss.policy import Question, RunCommand
from codex_oss.ports import Output, Scope, Tool
from codex_oss.sessions.rollout import Ephemeral
from codex_oss.wire import responses
from fakes import ScriptedModel

Script = list[responses.Event]


def says(text: str) -> Script:
    """Return an answer of the model that ends the turn."""
    said = Message(role="assistant", content=[OutputText(text=text)])
    return [
        responses.OutputItemDone(output_index=0, item=said),
        responses.Completed(response=responses.Response(id="r1")),
    ]


def calls(tool: str) -> Script:
    """Return an answer of the model that calls a tool."""
    call = FunctionCall(name=tool, arguments="{}", call_id=f"call_{tool}")
    return [
        responses.OutputItemDone(output_index=0, item=call),
        responses.Completed(response=responses.Response(id="r1")),
    ]


class Clock:
    def now(self) -> float:
        return 1.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


class _Tool:
    def __init__(self, name: str) -> None:
        self.spec = responses.FunctionTool(name=name, parameters={"type": "object"})

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


class Ask(_Tool):
    """Asks the client, and tells the model what the answer is."""

    def __init__(self, client: Client) -> None:
        super().__init__("ask")
        self.client = client
        self.answers: list[str] = []

    async def run(self, call: Call, scope: Scope) -> Output:
        action = RunCommand(command="make", cwd="/")
        answer = await self.client.ask(Question(action=action))
        self.answers.append(str(answer))
        return Output(str(answer))


class Wait(_Tool):
    """Runs until it is let go, or stopped."""

    def __init__(self) -> None:
        super().__init__("wait")
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.stopped = asyncio.Event()

    async def run(self, call: Call, scope: Scope) -> Output:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped.set()
            raise
        return Output("waited")


class Opener:
    """Opens sessions by the script; remembers what was opened and closed."""

    def __init__(self, *script: Script) -> None:
        self.script = script or (says("done"),) * 3
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.asking: list[bool] = []
        self.dead: set[str] = set()
        self.slow: dict[str, asyncio.Event] = {}
        self.wait = Wait()
        self.ask: Ask | None = None

    async def open(self, call: CodexCall, client: Client, *, asks: bool) -> Opened:
        return self._made(f"00000000-0000-7000-8000-{len(self.opened):012}", client)

    async def resume(self, thread_id: str, client: Client, *, asks: bool) -> Opened:
        if thread_id not in self.closed:
            raise not_found(thread_id)
        if thread_id in self.slow:
            await self.slow[thread_id].wait()
        return self._made(thread_id, client)

    def _made(self, thread_id: str, client: Client) -> Opened:
        async def close() -> None:
            self.closed.append(thread_id)

        async def usable() -> bool:
            return thread_id not in self.dead

        self.opened.append(thread_id)
        self.ask = Ask(client)
        tools: dict[str, Tool] = {"ask": self.ask, "wait": self.wait}
        parts = Parts(
            thread_id=thread_id,
            model=ScriptedModel(*self.script),
            tools=tools,
            frame=Frame(model="m", instructions="", tools=[], cache_key="k"),
            surroundings=[],
            cwd=Path("/"),
            journal=Ephemeral(),
            clock=Clock(),
            stream_retries=0,
            meta={},
        )
        return Opened(
            session=Session(parts),
            cwd="/",
            shell="/bin/sh",
            configured={},
            warnings=[],
            prompt=user,
            asking=self.asking.append,
            close=close,
            usable=usable,
        )
