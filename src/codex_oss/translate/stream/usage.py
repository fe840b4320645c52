"""Token counts, as the Responses API names them."""

from codex_oss.wire import chat, responses


def usage_from(
    usage: chat.Usage | None, timings: chat.Timings | None
) -> responses.Usage | None:
    """Return what the server counted; None when it counted nothing.

    ``timings`` are llama.cpp's own counts: they fill what ``usage`` leaves open.
    """
    if usage is None and timings is None:
        return None
    counted, timed = usage or chat.Usage(), timings or chat.Timings()
    cached = (counted.prompt_tokens_details or chat.PromptTokensDetails()).cached_tokens
    if cached is None:
        cached = timed.cache_n or 0
    prompt = counted.prompt_tokens
    if prompt is None:
        prompt = (timed.cache_n or 0) + (timed.prompt_n or 0)
    answer = counted.completion_tokens
    if answer is None:
        answer = timed.predicted_n or 0
    details = counted.completion_tokens_details or chat.CompletionTokensDetails()
    return responses.Usage(
        input_tokens=prompt,
        input_tokens_details=responses.InputTokensDetails(cached),
        output_tokens=answer,
        output_tokens_details=responses.OutputTokensDetails(
            details.reasoning_tokens or 0
        ),
        total_tokens=counted.total_tokens or prompt + answer,
    )


def summed(
    one: responses.Usage | None, two: responses.Usage | None
) -> responses.Usage | None:
    """Return the counts of two answers together."""
    if one is None or two is None:
        return one or two
    cached = [(each.input_tokens_details or _NONE_CACHED) for each in (one, two)]
    thought = [(each.output_tokens_details or _NO_REASONING) for each in (one, two)]
    return responses.Usage(
        input_tokens=one.input_tokens + two.input_tokens,
        input_tokens_details=responses.InputTokensDetails(
            sum(each.cached_tokens for each in cached)
        ),
        output_tokens=one.output_tokens + two.output_tokens,
        output_tokens_details=responses.OutputTokensDetails(
            sum(each.reasoning_tokens for each in thought)
        ),
        total_tokens=one.total_tokens + two.total_tokens,
    )


_NONE_CACHED = responses.InputTokensDetails()
_NO_REASONING = responses.OutputTokensDetails()
