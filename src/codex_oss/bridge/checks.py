"""What of a request could only be left out in silence, and is refused instead."""

from codex_oss.errors import BadRequest
from codex_oss.items import Item, Message, Unknown
from codex_oss.wire import responses

MAX_OUTPUT_TOKENS = 1 << 31
"""More than any model writes; servers keep the number in 32 bits."""


def check(given: responses.Request, extras: responses.Extras, *, store: bool) -> None:
    """Raise ``BadRequest`` that names the field."""
    if not given.model:
        raise BadRequest("`model` is empty", hint="GET /v1/models lists the names.")
    limit = given.max_output_tokens
    if isinstance(limit, int) and not 0 < limit < MAX_OUTPUT_TOKENS:
        raise BadRequest(f"`max_output_tokens` is {limit}", hint="Send 1 or more.")
    for field in ("conversation", "prompt"):
        if getattr(extras, field) is not None:
            raise BadRequest(
                f"`{field}` names an object that only OpenAI's servers have",
                hint="Send the items as `input`, or use `previous_response_id`.",
            )
    if extras.background and not store:
        raise BadRequest(
            "`background` needs `store`: nobody could read the response",
            hint="Leave `store` out, or wait for the answer.",
        )


def check_input(items: list[Item]) -> None:
    """Raise ``BadRequest`` for an input of which a model would get nothing."""
    unknown = [item for item in items if isinstance(item, Unknown)]
    if items and len(unknown) == len(items):
        kind = unknown[0].type or "of no type"
        raise BadRequest(
            f"`input` has only items that no model can be given: `{kind}`",
            hint='A message is {"role": "user", "content": "…"}.',
        )
    for number, item in enumerate(items):
        if isinstance(item, Message) and not item.content and item.role == "user":
            raise BadRequest(f"`input[{number}].content` is empty")
