"""Streams that break off, errors inside of streams, and errors instead of streams.

A fault that another request would not change must end the turn with words that say
what to do; one that passes (a model that loads, a server that is busy) must be waited
for, and the answer shown. Bodies of errors are those of the servers named.
"""

from typing import Any

from codex_scenarios.calls import echo
from fake_server import chunk
from scripted_upstream import (
    DONE,
    Scenario,
    calls,
    cut,
    ended,
    first,
    refuses,
    said,
    says,
    streamed,
)

ROOM = "ran out of room"
RETRIED = "stream disconnected before completion"
"""How Codex begins what it takes for passing, and asks again for, five times."""


def error(message: str, **more: Any) -> dict[str, Any]:
    """Return an error object as most servers have it."""
    return {"error": {"message": message} | more}


LLAMA_CONTEXT = error(
    "the request exceeds the available context size, try increasing it",
    code=400,
    type="exceed_context_size_error",
    n_prompt_tokens=9011,
    n_ctx=8192,
)
VLLM_CONTEXT = error(
    "This model's maximum context length is 8192 tokens. However, your request has "
    "9011 input tokens. Please reduce the length of the input messages.",
    type="BadRequestError",
    param="input_tokens",
    code=400,
)
OPENAI_CONTEXT = error(
    "Your input exceeds the context window of this model.",
    type="invalid_request_error",
    param="messages",
    code="context_length_exceeded",
)
JINJA = error(
    "Unable to generate parser for this template. Automatic parser generation failed: "
    "Expected iterable or object type in for loop: got Undefined",
    code=500,
    type="server_error",
)
HTML = (
    "<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>\r\n"
    "<center><h1>500 Internal Server Error</h1></center>\r\n<hr><center>nginx</center>"
    "\r\n</body>\r\n</html>\r\n"
)
SCHEMA = "failed to parse grammar: unsupported pattern in tool 'x'"
NO_MODEL = "The model `some-model` does not exist."
CRASH = "llama runner process has terminated: exit status 2"


def _cut_call(name: str) -> list[Any]:
    return calls("exec_command", echo(name))[:-2]


STREAMS = (
    Scenario(
        name="cut-text",
        turns=(cut(*said("Half an ans")),),
        answers=None,
        error=("stream",),
    ),
    Scenario(
        name="cut-tool",
        turns=(cut(*_cut_call("never")),),
        answers=(),
        error=("stream",),
    ),
    # As vLLM and llama.cpp do when the engine fails while it writes.
    Scenario(
        name="err-inband",
        turns=(streamed(*said("Half"), error("CUDA error: out of memory", code=500)),),
        answers=None,
        error=("CUDA error: out of memory",),
    ),
    Scenario(
        name="err-inband-ctx",
        turns=(streamed(chunk({"role": "assistant"}), LLAMA_CONTEXT),),
        answers=(),
        error=(ROOM,),
    ),
    Scenario(
        name="length-tool",
        turns=(streamed(*_cut_call("never"), *ended("length")),),
        answers=(),
        error=("max_output_tokens",),
    ),
)

REFUSALS = (
    Scenario(
        name="e400",
        turns=(refuses(400, error(SCHEMA, code=400, type="invalid_request_error")),),
        answers=(),
        error=(SCHEMA,),
        never=(RETRIED, "high demand"),
    ),
    Scenario(
        name="e400ctx-llama",
        turns=(refuses(400, LLAMA_CONTEXT),),
        answers=(),
        error=(ROOM,),
    ),
    Scenario(
        name="e400ctx-vllm",
        turns=(refuses(400, VLLM_CONTEXT),),
        answers=(),
        error=(ROOM,),
    ),
    Scenario(
        name="e400ctx-oai",
        turns=(refuses(400, OPENAI_CONTEXT),),
        answers=(),
        error=(ROOM,),
    ),
    Scenario(
        name="e401",
        turns=(
            refuses(
                401, error("Invalid API Key", code=401, type="authentication_error")
            ),
        ),
        answers=(),
        error=("Invalid API Key",),
        never=(RETRIED, "high demand"),
    ),
    Scenario(
        name="e404",
        turns=(refuses(404, error(NO_MODEL, type="NotFoundError", code=404)),),
        answers=(),
        error=(NO_MODEL,),
        never=(RETRIED, "high demand"),
    ),
    Scenario(
        name="e429",
        turns=(
            first(
                1,
                refuses(429, error("server busy, please try again"), retry_after="1"),
                says(DONE),
            ),
        ),
    ),
    Scenario(
        name="e500",
        turns=(refuses(500, error(CRASH, type="api_error")),),
        answers=(),
        error=(CRASH,),
        never=(RETRIED, "high demand"),
    ),
    Scenario(
        name="e500-tmpl",
        turns=(refuses(500, JINJA),),
        answers=(),
        error=("Unable to generate parser for this template",),
        never=(RETRIED, "high demand"),
    ),
    Scenario(
        name="e503",
        turns=(
            first(
                1,
                refuses(
                    503, error("Loading model", code=503, type="unavailable_error")
                ),
                says(DONE),
            ),
        ),
    ),
    Scenario(
        name="e500-html",
        turns=(refuses(500, HTML, content_type="text/html"),),
        answers=(),
        error=("500",),
        never=("<html", "<body", RETRIED, "high demand"),
    ),
)

SCENARIOS = (*STREAMS, *REFUSALS)
