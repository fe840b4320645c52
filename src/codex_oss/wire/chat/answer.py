"""What comes back from ``POST /chat/completions``: the chunks of a stream.

A field that this program does not read is not here. ``None`` stands for a field that
is missing or null.
"""

import msgspec


class FunctionDelta(msgspec.Struct, frozen=True):
    """More of a call's name and of its arguments' JSON text."""

    name: str | None = None
    arguments: str | None = None


class CallDelta(msgspec.Struct, frozen=True):
    """More of one call. ``index`` says of which; some servers leave it out."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta = FunctionDelta()


class Delta(msgspec.Struct, frozen=True):
    """More of the answer."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[CallDelta] | None = None


class Choice(msgspec.Struct, frozen=True):
    """One of the answers; we ask for one only."""

    delta: Delta
    finish_reason: str | None = None


class PromptTokensDetails(msgspec.Struct, frozen=True):
    """Of the prompt's tokens, those that the server had cached."""

    cached_tokens: int | None = None


class CompletionTokensDetails(msgspec.Struct, frozen=True):
    """Of the answer's tokens, those that were reasoning."""

    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Token counts of the request."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


class Timings(msgspec.Struct, frozen=True):
    """llama.cpp's own counts: tokens cached, evaluated and written, and speeds."""

    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_per_second: float | None = None
    predicted_n: int | None = None
    predicted_per_second: float | None = None


class PromptProgress(msgspec.Struct, frozen=True):
    """llama.cpp at work on the prompt: tokens in all, cached and done so far."""

    total: int = 0
    cache: int = 0
    processed: int = 0
    time_ms: float = 0


class Chunk(msgspec.Struct, frozen=True):
    """One event of the stream."""

    choices: list[Choice] = []
    usage: Usage | None = None
    timings: Timings | None = None
    prompt_progress: PromptProgress | None = None

    @property
    def only_text(self) -> str:
        """The text of a chunk that is nothing else; "" of any other."""
        if len(self.choices) != 1:
            return ""
        [choice] = self.choices
        said = choice.delta
        if (
            choice.finish_reason
            or said.tool_calls
            or said.reasoning_content
            or said.reasoning
            or said.refusal
            or self.usage
            or self.timings
            or self.prompt_progress
        ):
            return ""
        return said.content or ""


class ChunkError(msgspec.Struct, frozen=True):
    """An error that the server put into the stream, in its own words.

    ``code`` is the server's code and type, ``status`` the HTTP status it would have
    had, where the server names them.
    """

    message: str
    code: str = ""
    status: int | None = None
