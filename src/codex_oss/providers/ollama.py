"""A model over Ollama's own chat API: its context is chosen, and nothing is cut.

``facts`` are learned before the first request and stay: a request with another context
length than the one before makes the server load the model anew, which takes from
seconds to minutes.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import msgspec

from codex_oss.errors import BadRequest, Busy, ModelError, NotFound, ServerFault
from codex_oss.facts import Remark
from codex_oss.net import Client, Reply
from codex_oss.ports import Note, Outlet, unheard
from codex_oss.providers.chat import ChatModel
from codex_oss.providers.dialect import Decoder, Piece
from codex_oss.providers.endpoint import Endpoint, Site, endpoint
from codex_oss.providers.failure import Asked, not_an_api
from codex_oss.providers.ollama_facts import Granted, OllamaFacts
from codex_oss.providers.ollama_stay import KEEP_ALIVE, used_since
from codex_oss.providers.retry import Pause
from codex_oss.translate.ollama import chunk_from, to_ollama
from codex_oss.translate.quirks import Mending, Quirks
from codex_oss.wire import chat, ollama, responses
from codex_oss.wire.framing import LineDecoder

__all__ = ["KEEP_ALIVE", "OllamaDialect", "OllamaModel", "open_ollama"]

PATH = "/api/chat"
LOAD_PATH = "/api/generate"
"""Without a prompt it only loads, or with ``keep_alive`` 0 unloads, a model."""
UNLOAD_S = 5.0
"""For taking a model out of memory; the answer does not wait for all of that."""
MAX_LOADED_BYTES = 64 * 1024
"""Of the answer to a load."""

_LINES = (
    "application/x-ndjson",
    "application/json",
    "application/octet-stream",
    "text/plain",
    "",
)
_MODEL_MISSING = "' not found"  # of: model 'name' not found
_HINTS = (
    ("newer version of ollama", "Update Ollama, then try again."),
    ("requires more system memory", "Take a smaller model or a smaller context."),
    (
        "unexpectedly stopped",
        "Its log says more; often memory is short: take a smaller context or model.",
    ),
    (
        "tool call",  # "error parsing tool call: raw=…", "invalid tool call arguments"
        "The model wrote a call that Ollama cannot read: ask again.",
    ),
)
"""Words of a failure, and what to do about it."""


class OllamaModel:
    """A model behind ``POST /api/chat`` (``ports.Model``)."""

    def __init__(
        self,
        chat_model: ChatModel,
        facts: OllamaFacts,
        loading: Endpoint,
        told: Sequence[str] = (),
    ) -> None:
        self._model = chat_model
        self._facts = facts
        self._loading = loading
        self._remarked = [*told]
        self._used_until: float | None = None
        """When the model was last used, by the wall clock."""

    @property
    def granted(self) -> Granted | None:
        """What the server gave to the model; None before the first answer."""
        return self._facts.granted

    @property
    def notes(self) -> list[str]:
        """What a person should know of how the server runs the model."""
        return self._facts.notes()

    async def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        """Yield the events that the answer's lines stand for.

        What a person should know of the server is remarked once, before the last.
        """
        try:
            async with aclosing(self._model.stream(request, note)) as events:
                async for event in events:
                    if isinstance(event, responses.ENDS):
                        for text in await self._news():
                            note(Remark(text))
                    yield event
        finally:
            self._used()

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        """Push the events that the answer's lines stand for.

        What a person should know of the server is noted once.
        """
        try:
            await self._model.pour(request, outlet)
        finally:
            self._used()
        for text in await self._news():
            outlet.note(Remark(text))

    async def load(self) -> None:
        """Load the model as every request will want it."""
        await self._facts.server()
        if not (self._facts.loadable and self._loading.local):
            return
        asked = self._loading.ask(
            self._facts.model,
            ollama.encode(
                ollama.Loading(
                    model=self._facts.model,
                    options=ollama.Options(num_ctx=self._facts.num_ctx),
                    keep_alive=self._facts.stay.keep_alive,
                    stream=False,
                )
            ),
        )
        try:
            with await asked as reply:
                await reply.read(MAX_LOADED_BYTES)
        finally:
            self._used()

    async def warm(self, request: responses.Request) -> None:
        """Let the server read the request, if it runs the model itself."""
        await self._facts.server()
        if self._facts.loadable:
            try:
                await self._model.warm(request)
            finally:
                self._used()

    async def _news(self) -> list[str]:
        """Look at what the server gave; return what was not remarked yet."""
        await self._facts.check()
        before, self._remarked = self._remarked, self.notes
        return [text for text in self._remarked if text not in before]

    async def window(self) -> int | None:
        """Return the context that is asked for; after an answer, that is given."""
        return await self._model.window()

    async def sees(self) -> bool | None:
        """Return whether the model can see images."""
        return await self._model.sees()

    async def close(self) -> None:
        """Close all connections; take the model out of memory if it is ours."""
        try:
            await self._unload()
        except ModelError:
            pass  # its own timer will do it
        finally:
            await self._model.close()

    async def _unload(self) -> None:
        """Unload a model that was loaded for us, and that nobody has used since.

        Only on this machine: elsewhere others share it, and the clock is another.
        """
        until, loading = self._used_until, self._loading
        self._used_until = None
        if until is None or not (self._facts.stay.ours and loading.nearby):
            return
        loaded = await self._facts.loaded()
        if loaded is None or used_since(loaded.expires_at, until):
            return
        body = {"model": self._facts.model, "keep_alive": 0, "stream": False}
        await loading.client.post_json(
            loading.url, body, headers=loading.site.headers, timeout_s=UNLOAD_S
        )

    def _used(self) -> None:
        self._used_until = self._loading.pause.clock.now()


def open_ollama(  # noqa: PLR0913  all that such a model needs
    site: Site,
    client: Client,
    pause: Pause,
    model: str,
    *,
    env: Mapping[str, str],
    num_ctx: int | None = None,
    mending: Mending | None = None,
    ours: bool = False,
    told: Sequence[str] = (),
) -> OllamaModel:
    """Return a model of an Ollama server; nothing is asked until it is.

    The base URL may end in ``/v1`` or not. ``num_ctx`` is the context that the person
    wants, in tokens; ``env`` is asked for ``OLLAMA_CONTEXT_LENGTH`` and
    ``OLLAMA_KEEP_ALIVE``. ``ours``: it is loaded, and that for us; ``told`` is what
    people know already of how it runs.
    """
    above = msgspec.structs.replace(site, base_url=site.root)
    facts = OllamaFacts(above, model, client, num_ctx=num_ctx, env=env, ours=ours)
    at = endpoint(above, PATH, client, pause)
    loading = endpoint(above, LOAD_PATH, client, pause)
    chat_model = ChatModel(at, facts, OllamaDialect(facts), mending)
    return OllamaModel(chat_model, facts, loading, told)


class OllamaDialect:
    """``POST /api/chat``: JSON lines (``providers.dialect.Dialect``)."""

    optional = (
        ("does not support thinking", "reasoning_effort"),
        ("think value", "reasoning_effort"),
        ("chatrequest.think", "reasoning_effort"),  # before levels: a bool only
        ("invalid format", "response_format"),
    )

    def __init__(self, facts: OllamaFacts) -> None:
        self._facts = facts

    def quirks(self, quirks: Quirks) -> Quirks:
        """Return Ollama's flags as this API needs them, and no thinking where none."""
        native = msgspec.structs.replace(
            quirks,
            arguments_as_object=True,
            reasoning_back="reasoning",
            stream_usage=False,
        )
        if self._facts.thinks is False:
            return msgspec.structs.replace(native, efforts=())
        return native

    def encode(self, request: chat.Request) -> bytes:
        """Return the body, always with the same context length."""
        facts = self._facts
        return ollama.encode(
            to_ollama(request, num_ctx=facts.num_ctx, keep_alive=facts.stay.keep_alive)
        )

    def decoder(self, reply: Reply, asked: Asked) -> Decoder:
        """Return what reads the lines; raises ``NotFound`` for web pages and such."""
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _LINES:
            raise not_an_api(asked, kind)
        return LinesDecoder()

    def explain(self, error: ModelError) -> ModelError:
        """Return ``error`` with what to do about it, where Ollama's words tell."""
        said = str(error).lower()
        if isinstance(error, NotFound):
            return self._not_found(str(error))
        if "server busy" in said or "maximum pending requests" in said:
            hint = "Other clients use it; try again later."
            return Busy(str(error), hint=hint, delay_s=error.delay_s)
        hint = next((hint for words, hint in _HINTS if words in said), error.hint)
        if isinstance(error, BadRequest | ServerFault):
            return type(error)(_plain(error), hint=hint, delay_s=error.delay_s)
        return error

    def _not_found(self, said: str) -> NotFound:
        root, name = self._facts.root, self._facts.model
        if _MODEL_MISSING in said:
            message = f"Ollama at {root} has no model {name!r}"
            return NotFound(message, hint=f"ollama pull {name}")
        return NotFound(said, hint=f"Is the server at {root} an Ollama server?")


def _plain(error: ModelError) -> str:
    """Return the message; an error of the server behind it in its own words."""
    wrapped = chunk_from(ollama.Fault(str(error)))
    return wrapped.message if isinstance(wrapped, chat.ChunkError) else str(error)


class LinesDecoder:
    """Reads chunks from JSON lines; the line with ``done`` is the end.

    A call comes whole: while a long one is written, nothing comes for minutes.
    """

    steady = False

    def __init__(self) -> None:
        self._lines = LineDecoder()
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return the chunks of the lines that are whole now."""
        return self._read(self._lines.feed(data))

    def finish(self) -> list[Piece]:
        """Return the chunk of a last line that no newline ended."""
        return self._read(self._lines.finish())

    def _read(self, lines: list[bytes]) -> list[Piece]:
        pieces: list[Piece] = []
        for data in lines:
            line = ollama.decode_line(data)
            if line is None or self.ended:
                continue
            if piece := chunk_from(line):
                pieces.append(piece)
            self.ended = isinstance(line, ollama.Line) and line.done
        return pieces
