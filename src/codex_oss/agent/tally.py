"""Tokens added up over a conversation."""

from codex_oss.events import TokenUsage
from codex_oss.wire import responses


def added(before: TokenUsage, used: responses.Usage | None) -> TokenUsage:
    """Return the tokens so far and those of one more answer."""
    if used is None:
        return before
    inp = used.input_tokens_details or responses.InputTokensDetails()
    out = used.output_tokens_details or responses.OutputTokensDetails()
    return before + TokenUsage(
        input_tokens=used.input_tokens,
        cached_input_tokens=inp.cached_tokens,
        output_tokens=used.output_tokens,
        reasoning_output_tokens=out.reasoning_tokens,
    )
