"""A model over the Chat Completions API: translated there and back.

What a server refuses and can do without is left out, once it has said so, for as long
as the model lives.
"""

import os
from collections.abc import AsyncGenerator, Iterator

import msgspec

from codex_oss.config.provider import ToolMode
from codex_oss.errors import BadRequest, NotFound, ServerFault
from codex_oss.net import Reply
from codex_oss.providers.body import Frames, kind_of, read_json
from codex_oss.providers.endpoint import Endpoint
from codex_oss.providers.probe import Probe
from codex_oss.translate.quirks import Quirks, quirks_for
from codex_oss.translate.request import to_chat
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

OPTIONAL = (
    "stream_options",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
)
"""Fields that are left out when the server complains of them by name."""
NO_TOOLS = (
    "does not support tool",  # Ollama: "does not support tools"
    "tools are not supported",
    "tools is not supported",
    "tool use is not supported",
    "endpoints found that support tool use",  # OpenRouter, with 404
    "requires --jinja",  # llama.cpp without its templates
    "--enable-auto-tool-choice",  # vLLM without a tool parser
)
"""How servers refuse tools: they go into the prompt instead."""

_END = (responses.Completed, responses.Failed, responses.IncompleteResponse)
_ID_BYTES = 12


class ChatModel:
    """A model behind ``POST /chat/completions`` (``ports.Model``)."""

    def __init__(self, endpoint: Endpoint, probe: Probe) -> None:
        self._endpoint = endpoint
        self._probe = probe
        self._tool_mode: ToolMode = endpoint.site.provider.tool_mode
        self._left_out: set[str] = set()

    async def stream(
        self, request: responses.Request
    ) -> AsyncGenerator[responses.Event, None]:
        """Yield the events that the answer's chunks stand for."""
        tools = ToolMap(request.tools)
        reply, quirks = await self._open(request, tools)
        with reply:
            translator = Translator(
                request,
                tools,
                quirks,
                new_id=new_id,
                created_at=int(self._endpoint.pause.clock.now()),
            )
            asked = self._endpoint.asked(request.model)
            if kind_of(reply, asked) == "json":
                answer = chat.decode_completion(await read_json(reply, asked))
                if answer is None:
                    raise ServerFault(f"{asked.url} answered no chat completion")
                for event in (*translator.feed(answer), *translator.finish(clean=True)):
                    yield event
                return
            frames = Frames(reply)
            while (batch := await frames.next()) is not None:
                for event in _translated(translator, batch):
                    yield event
                    if isinstance(event, _END):
                        reply.release()
                        return
        for event in translator.finish(clean=False):
            yield event

    async def window(self) -> int | None:
        """Return the context window that the server says it gives."""
        return (await self._probe.server()).context_window

    async def close(self) -> None:
        """Close the client's unused connections."""
        await self._endpoint.client.close()

    # --- asking, and asking differently ------------------------------------------

    async def _open(
        self, request: responses.Request, tools: ToolMap
    ) -> tuple[Reply, Quirks]:
        """Ask, each time without what the server has just refused."""
        while True:
            quirks = await self._quirks(request)
            sent = to_chat(request, tools, quirks)
            leave = dict.fromkeys(self._left_out)
            sent = msgspec.structs.replace(sent, **leave)
            try:
                reply = await self._endpoint.ask(request.model, chat.encode(sent))
            except (BadRequest, NotFound) as error:
                said = str(error).lower()
                if self._adapt(sent, quirks, said):
                    continue
                if sent.tools and _refuses_tools(said):
                    raise self._toolless(str(error)) from error
                raise
            return reply, quirks

    async def _quirks(self, request: responses.Request) -> Quirks:
        server = await self._probe.server()
        quirks = quirks_for(server.server, request.model)
        constrained = self._tool_mode == "constrained"
        if self._tool_mode == "auto" and request.tools:
            constrained = await self._probe.tools() is False
        if constrained:
            return msgspec.structs.replace(quirks, tool_mode="constrained")
        return quirks

    def _adapt(self, sent: chat.Request, quirks: Quirks, said: str) -> bool:
        """Take note of what was refused; return whether to ask again without it."""
        constrained = quirks.tool_mode == "constrained"
        switchable = sent.tools and self._tool_mode == "auto" and not constrained
        if switchable and _refuses_tools(said):
            self._probe.refused()
            return True
        for name in OPTIONAL:
            # In constrained mode the form of the answer is how calls come.
            needed = constrained and name == "response_format"
            if name in said and getattr(sent, name) is not None and not needed:
                self._left_out.add(name)
                return True
        return False

    def _toolless(self, said: str) -> BadRequest:
        table = f"model_providers.{self._endpoint.site.provider_id}"
        return BadRequest(
            said, hint=f'Set {table}.tool_mode to "auto" or "constrained".'
        )


def _refuses_tools(said: str) -> bool:
    return any(wording in said for wording in NO_TOOLS)


def new_id(prefix: str) -> str:
    """Return an id that no other item or response has."""
    return f"{prefix}{os.urandom(_ID_BYTES).hex()}"


def _translated(translator: Translator, batch: list[str]) -> Iterator[responses.Event]:
    for data in batch:
        if data.strip() == chat.DONE:
            yield from translator.finish(clean=True)
            return
        chunk = chat.decode_chunk(data)
        if chunk is not None:
            yield from translator.feed(chunk)
