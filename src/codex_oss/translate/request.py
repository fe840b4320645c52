"""A Responses request as a Chat Completions request.

``messages`` writes the conversation, ``options`` everything else.
"""

from codex_oss.translate.again import asked_again
from codex_oss.translate.messages import messages_of, silenced
from codex_oss.translate.options import (
    effort,
    given,
    parallel_calls,
    response_format,
    silencer,
    temperature,
    tool_choice,
    variables,
)
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

__all__ = ["asked_again", "to_chat"]


def to_chat(request: responses.Request, tools: ToolMap, quirks: Quirks) -> chat.Request:
    """Return the Chat Completions request that asks for the same answer."""
    functions = tools.chat_tools(bounds=quirks.schema_bounds)
    native = functions if quirks.tool_mode == "native" else []
    limit = {quirks.max_tokens_field: request.max_output_tokens or None}
    return chat.Request(
        model=request.model,
        messages=silenced(
            messages_of(request, tools, quirks), silencer(request.reasoning, quirks)
        ),
        tools=native,
        tool_choice=tool_choice(request.tool_choice, tools) if native else None,
        parallel_tool_calls=parallel_calls(request, quirks) if native else None,
        response_format=response_format(request, tools, quirks),
        reasoning_effort=effort(request.reasoning, quirks),
        chat_template_kwargs=variables(request.reasoning, quirks),
        temperature=temperature(request, tools, quirks),
        top_p=given(request.top_p),
        stream=True,
        stream_options=chat.StreamOptions(True) if quirks.stream_usage else None,
        max_tokens=limit.get("max_tokens"),
        max_completion_tokens=limit.get("max_completion_tokens"),
        extra=quirks.extra,
    )
