"""A model over the Chat Completions API: translated there and back.

What a server refuses and can do without is left out, once it has said so, for as long
as the model lives.
"""

import os
from collections.abc import AsyncGenerator
from functools import partial
from itertools import count
from typing import Any

import msgspec

from codex_oss.config.provider import ToolMode
from codex_oss.errors import (
    BadRequest,
    ModelError,
    NotFound,
    ServerFault,
    Unreachable,
)
from codex_oss.facts import AskedAgain, Sent
from codex_oss.net import Reply
from codex_oss.net.meanwhile import Meanwhile
from codex_oss.ports import Note, Outlet, unheard
from codex_oss.providers.dialect import ChatDialect, Decoder, Dialect, Prober
from codex_oss.providers.endpoint import Endpoint
from codex_oss.providers.primer import prime
from codex_oss.providers.probe import Probed
from codex_oss.providers.tap import Tap, pour_twice
from codex_oss.translate.again import asked_again, without_tools
from codex_oss.translate.counts import is_whole, truncated
from codex_oss.translate.quirks import Mending, Quirks, quirks_for
from codex_oss.translate.request import to_chat
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap, brought
from codex_oss.wire import chat, responses

MAX_ANSWER_BYTES = 64 << 20
"""Of one answer as the server sends it: a quarter of a million tokens, at 250 bytes."""
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

_ENDS = frozenset(responses.ENDS)
_NOISE_BYTES = 8


class ChatModel:
    """A model behind a chat API (``ports.Model``)."""

    def __init__(
        self,
        endpoint: Endpoint,
        probe: Prober,
        dialect: Dialect | None = None,
        mending: Mending | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._probe = probe
        self._dialect = dialect or ChatDialect()
        self._mending = mending or Mending()
        self._tool_mode: ToolMode = endpoint.site.provider.tool_mode
        self._left_out: set[str] = set()
        self._flags: tuple[object, Quirks] | None = None
        self._mapped: tuple[object, ToolMap] | None = None
        self._thinks = False
        """Whether the last answer that tells ended thinking that it never began."""

    async def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        """Yield the events that the answer's chunks stand for."""
        asked = await self._ask(request, note)
        with asked.reply as reply:
            translator = asked.translator.get()
            kept = _Kept()
            tap = Tap(kept)
            answer = _Answer(reply, asked.decoder, translator, tap)
            while not answer.ended and (data := await reply.receive()):
                answer.feed(data)
                if not answer.ended:
                    for event in kept.taken():
                        yield event
            if not answer.ended:
                answer.finish()
            # Who has the last event may not come back for more.
            _check_read(asked, tap, note)
            for event in kept.taken():
                yield event

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        """Push the events that the answer's chunks stand for.

        An answer that breaks before anything of it was shown is asked for once more.
        """
        await pour_twice(outlet, partial(self._pour, request))

    async def _pour(self, request: responses.Request, tap: Tap) -> None:
        note = tap.outlet.note
        asked = await self._ask(request, note)
        translator = asked.translator.get()
        await _Answer(asked.reply, asked.decoder, translator, tap).drain()
        again = False
        while rejected := translator.rejected:
            note(AskedAgain(reason="\n".join(call.reason for call in rejected)))
            if again:
                sent = without_tools(asked.sent)
            else:
                sent = asked_again(asked.sent, translator.said, rejected)
            again = True
            translator.again()
            reply, decoder, _ = await self._send(request.model, sent, note)
            await _Answer(reply, decoder, translator, tap).drain()
        if translator.thought_unopened is not None:
            self._thinks = translator.thought_unopened
        _check_read(asked, tap, note)

    async def load(self) -> None:
        """Do nothing: servers of this API load a model when it is asked."""

    async def warm(self, request: responses.Request) -> None:
        """Let a local server read the request, and write one token."""
        if self._endpoint.local:
            await prime(self.stream, request)

    async def window(self) -> int | None:
        """Return the context window that the server says it gives."""
        return (await self._probe.server()).context_window

    async def sees(self) -> bool | None:
        """Return whether the model can see images, if the server says so."""
        return (await self._probe.server()).vision

    async def close(self) -> None:
        """Close the client's unused connections."""
        await self._endpoint.client.close()

    # --- asking, and asking differently ------------------------------------------

    async def _ask(self, request: responses.Request, note: Note) -> "_Asked":
        """Ask, each time without what the server has just refused."""
        tools = self._tools(request)
        while True:
            quirks = self._dialect.quirks(await self._quirks(request))
            sent = to_chat(request, tools, quirks)
            if self._left_out:
                leave = dict.fromkeys(self._left_out)
                sent = msgspec.structs.replace(sent, **leave)
            # Nobody needs it before the answer comes, and the request goes out first.
            make = partial(self._translator, request, tools, quirks, note)
            translator = Meanwhile(make)
            try:
                reply, decoder, size = await self._send(request.model, sent, note)
            except (BadRequest, NotFound) as error:
                said = str(error).lower()
                if self._adapt(sent, quirks, said):
                    continue
                if sent.tools and _refuses_tools(said):
                    raise self._toolless(str(error)) from error
                raise
            return _Asked(reply, decoder, sent, size, translator)

    async def _send(
        self, model: str, sent: chat.Request, note: Note
    ) -> tuple[Reply, Decoder, int]:
        body = self._dialect.encode(sent)
        asked = self._endpoint.asked(model)
        note(Sent(url=asked.url, body=body))
        try:
            reply = await self._endpoint.ask(model, body, note)
        except ModelError as error:
            if isinstance(error, Unreachable):
                self._probe.forget()
            explained = self._dialect.explain(error)
            if explained is error:
                raise
            raise explained from error
        try:
            return reply, self._dialect.decoder(reply, asked), len(body)
        except BaseException:
            reply.close()
            raise

    def _tools(self, request: responses.Request) -> ToolMap:
        """Return the request's tools, mapped once for a list that comes again."""
        if brought(request):
            return ToolMap.of(request)
        # The list may have been changed in place; its tools never are.
        tools = [*request.tools] if request.tools else []
        if self._mapped is None or self._mapped[0] != tools:
            self._mapped = (tools, ToolMap(tools))
        return self._mapped[1]

    def _translator(
        self, request: responses.Request, tools: ToolMap, quirks: Quirks, note: Note
    ) -> Translator:
        return Translator(
            request,
            tools,
            quirks,
            new_id=new_id,
            created_at=int(self._endpoint.pause.clock.now()),
            note=note,
        )

    async def _quirks(self, request: responses.Request) -> Quirks:
        server = await self._probe.server()
        constrained = self._tool_mode == "constrained"
        if self._tool_mode == "auto" and request.tools:
            constrained = await self._probe.tools() is False
        known = (server, request.model, constrained, self._thinks)
        if self._flags is None or self._flags[0] != known:
            self._flags = (known, self._changed(server, request.model, constrained))
        return self._flags[1]

    def _changed(self, server: Probed, model: str, constrained: bool) -> Quirks:  # noqa: FBT001
        """Return the flags of a model, as far as they depend on more than names."""
        changes: dict[str, Any] = {"mending": self._mending}
        if self._thinks:
            changes["think_opened"] = True
        if constrained:
            changes["tool_mode"] = "constrained"
        if server.vision is False:
            changes["images"] = False
        return msgspec.structs.replace(quirks_for(server.server, model), **changes)

    def _adapt(self, sent: chat.Request, quirks: Quirks, said: str) -> bool:
        """Take note of what was refused; return whether to ask again without it."""
        constrained = quirks.tool_mode == "constrained"
        switchable = sent.tools and self._tool_mode == "auto" and not constrained
        if switchable and _refuses_tools(said):
            self._probe.refused()
            return True
        for word, field in self._dialect.optional:
            # In constrained mode the form of the answer is how calls come.
            needed = constrained and field == "response_format"
            if word in said and getattr(sent, field) is not None and not needed:
                self._left_out.add(field)
                return True
        return False

    def _toolless(self, said: str) -> BadRequest:
        table = f"model_providers.{self._endpoint.site.provider_id}"
        return BadRequest(
            said, hint=f'Set {table}.tool_mode to "auto" or "constrained".'
        )


def _refuses_tools(said: str) -> bool:
    return any(wording in said for wording in NO_TOOLS)


_number = count(int.from_bytes(os.urandom(4), "big")).__next__
_noise = os.urandom(_NOISE_BYTES).hex()


def new_id(prefix: str) -> str:
    """Return an id that no other item or response has.

    Ids of one process differ in their number, those of two in the noise.
    """
    return f"{prefix}{_noise}{_number():010x}"


class _Asked(msgspec.Struct, frozen=True):
    """A request that was answered with 200, and its answer to be read."""

    reply: Reply
    decoder: Decoder
    sent: chat.Request
    size: int
    """Of the body that was sent, in bytes."""
    translator: Meanwhile[Translator]


def _check_read(asked: _Asked, tap: Tap, note: Note) -> None:
    """Note when the server has read less than it was sent."""
    if tap.usage is None or is_whole(asked.size, tap.usage):
        return
    if cut := truncated(asked.sent, tap.usage):
        note(cut)


class _Answer:
    """Bytes of one answer in, events into the tap. ``ended``: no more are needed."""

    __slots__ = (
        "_decoder",
        "_hurries",
        "_left",
        "_put_on",
        "_reply",
        "_tap",
        "_translator",
        "ended",
    )

    def __init__(
        self, reply: Reply, decoder: Decoder, translator: Translator, tap: Tap
    ) -> None:
        self._reply = reply
        self._decoder = decoder
        self._translator = translator
        self._tap = tap
        self._put_on = tap.outlet.put
        self._left = MAX_ANSWER_BYTES
        self._hurries = decoder.steady
        self.ended = False

    async def drain(self) -> None:
        """Push the answer to its end."""
        with self._reply as reply:
            await reply.pour(self.feed, self._tap.outlet.ready)
            if not self.ended:
                self.finish()

    def feed(self, data: bytes) -> bool:
        """Put the events of what was read; False: the outlet wants no more now."""
        self._left -= len(data)
        if self._left < 0:
            raise ServerFault(
                f"the server's answer has more than {MAX_ANSWER_BYTES >> 20} MiB and "
                "no end",
                hint="Limit answers with max_output_tokens, or at the server.",
            )
        pieces = self._decoder.feed(data)
        if len(pieces) == 1 and type(pieces[0]) is str:
            events = self._translator.feed_text(pieces[0])  # nearly every read
        else:
            events = self._translator.feed_all(pieces)
        if self._decoder.ended:
            events += self._translator.finish(clean=True)
            self.ended = True
        elif not events:
            return True
        elif type(events[-1]) in _ENDS:
            self.ended = True
        elif self._tap.shown:
            return self._put_on(events)  # nearly every read
        more = self._tap.put(events)
        if self.ended:
            self._reply.release()
        elif self._tap.shown and self._hurries:
            self._reply.hurry()
        return more

    def finish(self) -> None:
        """Put the last events: the body is over, and did not say so itself."""
        events = self._translator.feed_all(self._decoder.finish())
        events += self._translator.finish(clean=self._decoder.ended)
        self._tap.put(events)


class _Kept:
    """Keeps events until they are taken (``ports.Outlet``)."""

    def __init__(self) -> None:
        self._events: list[responses.Event] = []
        self.note = unheard

    def put(self, events: list[responses.Event]) -> bool:
        self._events += events
        return True

    async def ready(self) -> None:
        """Return: nobody is slow here."""

    def taken(self) -> list[responses.Event]:
        events, self._events = self._events, []
        return events
