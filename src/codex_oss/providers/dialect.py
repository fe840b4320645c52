"""How a server's chat API is spoken: what is sent, and what its bytes say.

A dialect turns Chat Completions requests into bodies and the bytes of answers into
Chat Completions chunks. All else about a chat model is the same for all of them.
"""

from typing import Protocol

from codex_oss.errors import ModelError, ServerFault
from codex_oss.net import Reply
from codex_oss.providers.body import MAX_JSON_BYTES, kind_of
from codex_oss.providers.failure import Asked
from codex_oss.providers.probe import Probed
from codex_oss.translate.quirks import Quirks
from codex_oss.wire import chat
from codex_oss.wire.framing import SseDecoder

Piece = chat.Piece
_decode = chat.decode_chunk


class Decoder(Protocol):
    """Reads the body of one answer.

    ``ended``: the server has said that the answer is whole, so that nothing more has
    to be waited for; give it to ``Translator.finish(clean=...)``.
    """

    @property
    def steady(self) -> bool:
        """Whether an answer that has begun comes without long silences."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the server has said that the answer is whole."""
        ...

    def feed(self, data: bytes) -> list[Piece]:
        """Return the chunks that ``data`` completes; nothing once it has ended.

        Raises ``StreamCut`` when one piece of the stream grows beyond any measure.
        """
        ...

    def finish(self) -> list[Piece]:
        """Return the chunks that the end of the body left open.

        Raises ``ServerFault`` for a body that is no answer.
        """
        ...


class Dialect(Protocol):
    """One chat API."""

    @property
    def optional(self) -> tuple[tuple[str, str], ...]:
        """Words of a refusal, and the field of ``chat.Request`` to ask again without.

        The words are in lower case.
        """
        ...

    def quirks(self, quirks: Quirks) -> Quirks:
        """Return the flags of a server's kind as this API, and model, needs them."""
        ...

    def encode(self, request: chat.Request) -> bytes:
        """Return the body that asks for the same; equal requests give equal bytes."""
        ...

    def decoder(self, reply: Reply, asked: Asked) -> Decoder:
        """Return what reads this 200; raises ``NotFound`` for web pages and such."""
        ...

    def explain(self, error: ModelError) -> ModelError:
        """Return ``error``, or one that says better what to do next."""
        ...


class Prober(Protocol):
    """What is known of the server and the model before a request is written."""

    async def server(self) -> Probed:
        """Return what the server says of itself and the model."""
        ...

    async def tools(self) -> bool | None:
        """Return whether tools reach the model; None when that cannot be told."""
        ...

    def refused(self) -> None:
        """Note that the server has just refused tools for this model."""
        ...

    def forget(self) -> None:
        """Note that the server has gone: what comes back may be another one."""
        ...


# --- Chat Completions ----------------------------------------------------------------


class ChatDialect:
    """``POST /chat/completions``: server-sent events, or one JSON object."""

    optional = tuple(
        (name, name)
        for name in (
            "stream_options",
            "parallel_tool_calls",
            "reasoning_effort",
            "chat_template_kwargs",
            "response_format",
        )
    )

    def quirks(self, quirks: Quirks) -> Quirks:
        """Return them as they are: they are about this API."""
        return quirks

    def encode(self, request: chat.Request) -> bytes:
        """Return the request as JSON."""
        return chat.encode(request)

    def decoder(self, reply: Reply, asked: Asked) -> Decoder:
        """Return what reads a stream, or a whole answer, as the server says it is."""
        if kind_of(reply, asked) == "json":
            return WholeDecoder(asked.url)
        return EventsDecoder()

    def explain(self, error: ModelError) -> ModelError:
        """Return it as it is."""
        return error


class EventsDecoder:
    """Reads chunks from server-sent events; ``[DONE]`` is the end."""

    __slots__ = ("_pattern", "_sse", "ended")

    steady = True

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._pattern = chat.TextPattern()
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return the chunks of the events that are whole now."""
        if self._sse.between and (text := self._pattern.text_in(data)):
            return [] if self.ended else [text]  # nearly every read
        return self._read(self._sse.texts(data))

    def finish(self) -> list[Piece]:
        """Return the chunk of an event that no blank line ended."""
        return self._read([frame.data for frame in self._sse.finish()])

    def _read(self, events: list[str]) -> list[Piece]:
        pieces: list[Piece] = []
        if self.ended:
            return pieces
        pattern = self._pattern
        for data in events:
            if pattern.known and (text := pattern.text_of(data)):
                pieces.append(text)
                continue
            if not data.startswith("{") and data.strip() == chat.DONE:
                self.ended = True
                break
            if piece := _decode(data):
                text = piece.only_text if isinstance(piece, chat.Chunk) else ""
                pieces.append(text or piece)
                if text:
                    pattern.learn(data, text)
        return pieces


class WholeDecoder:
    """Reads an answer that is not streamed. ``url`` is for messages."""

    steady = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._body = bytearray()
        self.ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """Keep ``data``; raises ``ServerFault`` when it is too much."""
        self._body += data
        if len(self._body) > MAX_JSON_BYTES:
            raise ServerFault(f"{self._url} answered more than {MAX_JSON_BYTES} bytes")
        return []

    def finish(self) -> list[Piece]:
        """Return the answer as one chunk."""
        piece = chat.decode_completion(bytes(self._body))
        if piece is None:
            raise ServerFault(f"{self._url} answered no chat completion")
        self.ended = True
        return [piece]
