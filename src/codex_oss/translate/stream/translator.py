"""Chat chunks to Responses events, one response at a time."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from codex_oss.errors import StreamCut
from codex_oss.facts import Reading
from codex_oss.items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    OutputText,
    ToolSearchCall,
)
from codex_oss.translate.again import Rejected
from codex_oss.translate.failure import classify
from codex_oss.translate.options import callable_in, tool_choice
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.stream.answer import Answer
from codex_oss.translate.stream.content import Content
from codex_oss.translate.stream.desk import Desk
from codex_oss.translate.stream.forbidden import TRIES, Forbidden
from codex_oss.translate.stream.items import OpenReasoning, OpenRefusal
from codex_oss.translate.stream.mend import Mender, Note, ignore
from codex_oss.translate.stream.output import Output
from codex_oss.translate.stream.replies import Replies
from codex_oss.translate.stream.usage import summed, usage_from
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

CUTS = {
    "length": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "model_length": "max_output_tokens",  # Mistral
    "content_filter": "content_filter",
}
"""Finish reasons of an answer that is not whole, and the Responses API's words."""

_NO_TOOLS = ToolMap()
_CALLS = (FunctionCall, CustomToolCall, ToolSearchCall)

FAULTS = ("error", "abort")  # OpenRouter; vLLM and SGLang
"""Finish reasons of an answer that broke."""


PROGRESS_STEPS = 10
"""Of a prompt that is read; each is told once, so that nobody is flooded."""


class Translator:
    """Turns the chunks of one answer into the events of one response.

    ``new_id`` makes an id from its prefix (``resp_``, ``msg_``, ``call_`` …);
    ``created_at`` is in seconds since the epoch. No event follows the first
    ``Completed``, ``IncompleteResponse`` or ``Failed``.
    """

    __slots__ = (
        "_answer",
        "_content",
        "_cut",
        "_desk",
        "_ended",
        "_forbidden",
        "_left",
        "_note",
        "_output",
        "_quirks",
        "_read_steps",
        "_reason",
        "_response",
        "_second",
        "_spent",
        "_started",
        "_text",
        "_timings",
        "_usage",
    )

    def __init__(
        self,
        request: responses.Request,
        tools: ToolMap,
        quirks: Quirks,
        *,
        new_id: Callable[[str], str],
        created_at: float = 0,
        note: Note = ignore,
    ) -> None:
        self._output = Output(new_id)
        self._quirks = quirks
        self._note = note
        self._read_steps = -1
        mending = quirks.mending
        choice = request.tool_choice
        allowed = callable_in(choice, tools)
        mender = Mender(allowed, mending, note)
        called = _call_ids(request)
        desk = Desk(self._output, mender, called, asks=mending.ask_again)
        callable_ = tool_choice(choice, tools) != "none"
        self._desk = desk if callable_ else None
        self._forbidden = Forbidden(self._output)
        self._answer = Answer(self._output, self._desk, self._forbidden)
        self._left = mending.ask_again * (1 if callable_ else TRIES)
        searched = callable_ and mending.text_calls and not _wants_json(request)
        offered = (allowed if searched else _NO_TOOLS).schemas
        self._text = Content(self._answer, offered, mender, opened=quirks.think_opened)
        constrained = quirks.tool_mode == "constrained" and tools.schemas
        self._content = Replies(self._answer, self._text) if constrained else self._text
        self._response = responses.Response(
            id=new_id("resp_"), created_at=created_at, model=request.model
        )
        self._usage: chat.Usage | None = None
        self._timings: chat.Timings | None = None
        self._spent: responses.Usage | None = None
        self._reason: str | None = None
        self._cut = False
        self._second = False
        self._started = False
        self._ended = False

    @property
    def rejected(self) -> list[Rejected]:
        """The calls that the model must be asked for again; none: go on.

        They are known when ``finish`` has returned. The response is not over then:
        the driver asks (``asked_again`` with ``said``), calls ``again``, and feeds the
        second answer. Without one, ``again`` and ``finish`` hand out what there is.

        After calls that were forbidden there may be some once more: then the driver
        asks ``without_tools``.
        """
        if self._ended or self._cut or not self._left:
            return []
        if self._desk is not None:
            return self._desk.rejected
        told = any(map(_says_something, self._output.items))
        return [] if told else self._forbidden.rejected

    @property
    def said(self) -> chat.Assistant:
        """What the model said and called in its first answer, to show it again."""
        said = self._answer.said()
        field, thought = self._quirks.reasoning_back, self._answer.thought()
        return replace(said, **{field: thought}) if field and thought else said

    @property
    def thought_unopened(self) -> bool | None:
        """Whether the text ended thinking that it never began. None: it does not say.

        Then the template opens it: ``Quirks.think_opened`` suits the model, until an
        answer that was expected to begin so does not. A cut answer tells nothing.
        """
        return None if self._cut else self._text.thought_unopened

    def again(self) -> None:
        """Begin the next answer of the same response."""
        self._second = True
        self._left -= 1
        (self._desk or self._forbidden).again()
        self._text.restart()
        self._spent = summed(self._spent, usage_from(self._usage, self._timings))
        self._usage = self._timings = self._reason = None
        self._read_steps = -1
        self._cut = False

    def start(self) -> list[responses.Event]:
        """Return the first events, once; ``feed`` does it otherwise."""
        self._start()
        return self._output.take()

    def feed(self, chunk: chat.Piece) -> list[responses.Event]:
        """Return the events that follow from one chunk."""
        return self.feed_all((chunk,))

    def feed_all(self, chunks: Sequence[chat.Piece]) -> list[responses.Event]:
        """Return the events that follow from chunks which came at once.

        Neighbouring pieces of text are one event.
        """
        self._start()
        texts: list[str] = []
        for chunk in chunks:
            if text := chunk if type(chunk) is str else _only_text(chunk):
                texts.append(text)
                continue
            if texts:
                self._tell("".join(texts))
                texts.clear()
            self._read(chunk)
        if texts:
            self._tell("".join(texts))
        return self._output.take()

    def feed_text(self, text: str) -> list[responses.Event]:
        """Return what ``feed`` does for a chunk of text, as nearly all of them are."""
        if not self._started or self._ended or self._cut:
            return self.feed_all((text,))
        self._content.feed(text)
        output = self._output
        events, output.events = output.events, []
        return events

    def finish(self, *, clean: bool) -> list[responses.Event]:
        """Return the last events; the stream is over.

        With ``rejected`` calls these are not the last: see there.

        ``clean``: the server said so, by ``[DONE]`` or by an answer that was not
        streamed. Without that, and without a finish reason before, the stream broke:
        raises ``StreamCut``.
        """
        if self._ended:
            return []
        if not clean and self._reason is None:
            raise StreamCut("stream closed before response.completed")
        self._start()
        self._settle()
        if self._second:
            self._answer.resolve(cut=self._cut)
        if not self.rejected:
            self._end(self._reason or "stop")
        return self._output.take()

    # --- chunks ------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        if not (self._ended or self._cut):
            self._content.feed(text)

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._output.emit(responses.Created(response=self._response))
            self._output.emit(responses.InProgress(response=self._response))

    def _read(self, chunk: chat.Piece) -> None:
        if self._ended or isinstance(chunk, str):
            return
        if isinstance(chunk, chat.ChunkError):
            said = f"{chunk.code} {chunk.message}"
            self._fail(classify(chunk.status, said), chunk.message)
            return
        if chunk.choices and not self._cut:  # nothing follows what was cut
            self._choose(chunk.choices[0])
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.timings:
            self._timings = chunk.timings
        if chunk.prompt_progress:  # also keeps the stream alive while a prompt is read
            self._output.emit(responses.InProgress(response=self._response))
            self._tell_progress(chunk.prompt_progress)

    def _tell_progress(self, progress: chat.PromptProgress) -> None:
        """Tell how far the prompt is read: at first, and with every tenth of it."""
        done = progress.processed * PROGRESS_STEPS // max(1, progress.total)
        if self._read_steps < done <= PROGRESS_STEPS:
            self._read_steps = done
            self._note(
                Reading(
                    processed=progress.processed,
                    total=progress.total,
                    cached=progress.cache,
                )
            )

    def _choose(self, choice: chat.Choice) -> None:
        delta = choice.delta
        if thought := delta.reasoning_content or delta.reasoning:
            self._content.finish(cut=True)
            self._answer.write(OpenReasoning, thought)
        if delta.content:
            self._content.feed(delta.content)
        if delta.refusal:
            self._content.finish(cut=True)
            self._answer.write(OpenRefusal, delta.refusal)
        if delta.tool_calls:
            self._content.finish(cut=True)
            for call in delta.tool_calls:
                self._answer.add_call(call)
        if choice.finish_reason:
            self._reason = choice.finish_reason
            self._cut = self._reason in CUTS or self._reason in FAULTS
            self._settle()

    # --- endings -----------------------------------------------------------------

    def _settle(self) -> None:
        """Close what is open: all was said, only token counts may follow."""
        self._content.finish(cut=self._cut)
        self._answer.close(cut=self._cut)

    def _end(self, reason: str) -> None:
        if reason in FAULTS:
            self._fail("server_error", f"the server stopped: finish_reason {reason}")
        elif detail := CUTS.get(reason):
            details = responses.IncompleteDetails(detail)
            response = self._ended_as("incomplete", incomplete_details=details)
            self._output.emit(responses.IncompleteResponse(response=response))
        else:
            response = self._ended_as("completed")
            self._output.emit(responses.Completed(response=response))

    def _fail(self, code: str, message: str) -> None:
        error = responses.ResponseError(code, message)
        response = self._ended_as("failed", error=error)
        self._output.emit(responses.Failed(response=response))

    def _ended_as(self, status: str, **why: object) -> responses.Response:
        self._ended = True
        self._text.close()
        return replace(
            self._response,
            status=status,
            output=self._output.items,
            usage=summed(self._spent, usage_from(self._usage, self._timings)),
            **why,
        )


def _only_text(piece: chat.Piece) -> str:
    """Return the text of a chunk that is nothing else; "" of any other."""
    return piece.only_text if isinstance(piece, chat.Chunk) else ""


def _says_something(item: Item) -> bool:
    """Return whether an item is words. Those that became thinking left an empty one."""
    return isinstance(item, Message) and any(
        not isinstance(part, OutputText) or part.text for part in item.content
    )


def _call_ids(request: responses.Request) -> set[str]:
    return {item.call_id for item in request.input if isinstance(item, _CALLS)}


def _wants_json(request: responses.Request) -> bool:
    """Return whether the text itself is to be JSON: then it is never a call."""
    form = request.text.format if request.text else None
    return bool(form) and form.get("type") != "text"
