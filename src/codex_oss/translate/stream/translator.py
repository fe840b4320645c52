"""Chat chunks to Responses events, one response at a time."""

from collections.abc import Callable

from msgspec.structs import replace

from codex_oss.errors import StreamCut
from codex_oss.items import CustomToolCall, FunctionCall
from codex_oss.translate.failure import classify
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.stream.answer import Answer
from codex_oss.translate.stream.content import Content
from codex_oss.translate.stream.items import OpenReasoning, OpenRefusal
from codex_oss.translate.stream.output import Output
from codex_oss.translate.stream.replies import Replies
from codex_oss.translate.stream.usage import usage_from
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

CUTS = {
    "length": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "model_length": "max_output_tokens",  # Mistral
    "content_filter": "content_filter",
}
"""Finish reasons of an answer that is not whole, and the Responses API's words."""

FAULTS = ("error", "abort")  # OpenRouter; vLLM and SGLang
"""Finish reasons of an answer that broke."""


class Translator:
    """Turns the chunks of one answer into the events of one response.

    ``new_id`` makes an id from its prefix (``resp_``, ``msg_``, ``call_`` …);
    ``created_at`` is in seconds since the epoch. No event follows the first
    ``Completed``, ``IncompleteResponse`` or ``Failed``.
    """

    def __init__(
        self,
        request: responses.Request,
        tools: ToolMap,
        quirks: Quirks,
        *,
        new_id: Callable[[str], str],
        created_at: float = 0,
    ) -> None:
        self._output = Output(new_id)
        self._answer = Answer(self._output, tools, _call_ids(request))
        offered = tools.schemas if not _wants_json(request) else ToolMap().schemas
        content = Content(self._answer, offered, opened=quirks.think_opened)
        constrained = quirks.tool_mode == "constrained" and tools.schemas
        self._content = Replies(self._answer, content) if constrained else content
        self._response = responses.Response(
            id=new_id("resp_"), created_at=created_at, model=request.model
        )
        self._usage: chat.Usage | None = None
        self._timings: chat.Timings | None = None
        self._reason: str | None = None
        self._started = False
        self._ended = False

    def start(self) -> list[responses.Event]:
        """Return the first events, once; ``feed`` does it otherwise."""
        self._start()
        return self._output.take()

    def feed(self, chunk: chat.Chunk | chat.ChunkError) -> list[responses.Event]:
        """Return the events that follow from one chunk."""
        if self._ended:
            return []
        self._start()
        if isinstance(chunk, chat.Chunk):
            self._read(chunk)
        else:
            said = f"{chunk.code} {chunk.message}"
            self._fail(classify(chunk.status, said), chunk.message)
        return self._output.take()

    def finish(self, *, clean: bool) -> list[responses.Event]:
        """Return the last events; the stream is over.

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
        self._end(self._reason or "stop")
        return self._output.take()

    # --- chunks ------------------------------------------------------------------

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._output.emit(responses.Created(response=self._response))
            self._output.emit(responses.InProgress(response=self._response))

    def _read(self, chunk: chat.Chunk) -> None:
        if chunk.choices:
            self._choose(chunk.choices[0])
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.timings:
            self._timings = chunk.timings
        if chunk.prompt_progress:  # also keeps the stream alive while a prompt is read
            self._output.emit(responses.InProgress(response=self._response))

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
            self._settle()

    # --- endings -----------------------------------------------------------------

    def _settle(self) -> None:
        """Close what is open: all was said, only token counts may follow."""
        cut = self._reason in CUTS or self._reason in FAULTS
        self._content.finish(cut=cut)
        self._answer.close(cut=cut)

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
        return replace(
            self._response,
            status=status,
            output=self._output.items,
            usage=usage_from(self._usage, self._timings),
            **why,
        )


def _call_ids(request: responses.Request) -> set[str]:
    return {
        item.call_id
        for item in request.input
        if isinstance(item, FunctionCall | CustomToolCall)
    }


def _wants_json(request: responses.Request) -> bool:
    """Return whether the text itself is to be JSON: then it is never a call."""
    form = request.text.format if request.text else None
    return bool(form) and form.get("type") != "text"
