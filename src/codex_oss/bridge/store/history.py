"""The conversation that a response goes on from."""

from typing import Any

import msgspec

from codex_oss.bridge.store.base import Store, find
from codex_oss.errors import BadRequest, PreviousNotFound
from codex_oss.items import Item
from codex_oss.wire import responses


class _Output(msgspec.Struct):
    output: list[Any]


async def history(store: Store, response_id: str, owner: str, limit: int) -> list[Item]:
    """Return what was asked and answered up to a response, oldest first.

    Raises ``PreviousNotFound`` when a response of the chain is not kept or belongs to
    another owner, and ``BadRequest`` when the chain is longer than ``limit``.
    """
    turns: list[list[Item]] = []
    following: str | None = response_id
    while following:
        if len(turns) == limit:
            raise BadRequest(
                f"the conversation up to '{response_id}' has more than {limit} "
                "responses",
                hint="Send its items as `input`, without `previous_response_id`.",
            )
        kept = await find(store, following, owner)
        if kept is None:
            raise PreviousNotFound(following)
        asked = msgspec.json.decode(kept.input_items, type=list[Any])
        answered = msgspec.json.decode(kept.response, type=_Output).output
        turns.append([responses.item_from(item) for item in (*asked, *answered)])
        following = kept.previous_response_id
    return [item for turn in reversed(turns) for item in turn]
