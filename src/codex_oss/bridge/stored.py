"""Responses that were kept, or run in the background: read, listed, stopped, forgotten.

Source: OpenAI's API reference of ``GET``/``DELETE /responses/{id}``,
``/responses/{id}/input_items`` and ``/responses/{id}/cancel``.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from codex_oss.bridge.detached import Detached
from codex_oss.bridge.failures import error_body
from codex_oss.bridge.full import STREAM_HEADERS
from codex_oss.bridge.running import Running
from codex_oss.bridge.store import Kept, Store, find
from codex_oss.net.server import Exchange, HttpRequest

MAX_ITEMS = 100
DEFAULT_ITEMS = 20

Answer = tuple[int, bytes]
"""An HTTP status, and JSON."""

_OK, _BAD_REQUEST, _NOT_FOUND, _NOT_ALLOWED = 200, 400, 404, 405
_WRONG = "invalid_request_error"


class Stored:
    """Answers what is asked about responses that exist."""

    def __init__(self, store: Store, running: Running) -> None:
        self._store = store
        self._running = running

    async def handle(self, exchange: Exchange, below: list[str], owner: str) -> None:
        """Answer a request for a path below ``/responses/``, split at its slashes.

        Raises ``errors.StoreError``.
        """
        request = exchange.request
        match request.method, below:
            case "GET", [response_id] if request.query.get("stream") == "true":
                await self._follow(exchange, response_id, owner)
                return
            case "GET", [response_id]:
                answer = await self.retrieve(response_id, owner)
            case "DELETE", [response_id]:
                answer = await self.delete(response_id, owner)
            case "GET", [response_id, "input_items"]:
                answer = await self.input_items(response_id, owner, request.query)
            case "POST", [response_id, "cancel"]:
                answer = await self.cancel(response_id, owner)
            case _, ["compact" | "input_tokens"]:
                # Names of OpenAI's API that no response has, for what is not here.
                answer = _unknown(request)
            case _, [_] | [_, "input_items" | "cancel"]:
                words = f"{request.method} is not what `{request.path}` is for"
                answer = _NOT_ALLOWED, error_body(words, _WRONG, code="unknown_url")
            case _:
                answer = _unknown(request)
        exchange.respond(*answer)

    async def retrieve(self, response_id: str, owner: str) -> Answer:
        """Return a response as it stands."""
        if answer := self._running.find(response_id, owner):
            return _OK, answer.body
        kept = await find(self._store, response_id, owner)
        return (_OK, kept.response) if kept else _missing(response_id)

    async def delete(self, response_id: str, owner: str) -> Answer:
        """Forget a response; stop it, if it runs."""
        deleted = {"id": response_id, "object": "response", "deleted": True}
        if answer := self._running.find(response_id, owner):
            await self._running.forget(answer)
        elif await find(self._store, response_id, owner):
            await self._store.delete(response_id)
        else:
            return _missing(response_id)
        return _OK, msgspec.json.encode(deleted)

    async def input_items(
        self, response_id: str, owner: str, query: Mapping[str, str]
    ) -> Answer:
        """Return a page of what a response was asked with, newest first by default."""
        kept = await self._kept(response_id, owner)
        if kept is None:
            return _missing(response_id)
        page = _page_of(query)
        if isinstance(page, str):
            return _bad(f"`{page}` is `{query[page]}`", page)
        items = _items(kept)
        if page.newest_first:
            items.reverse()
        ids = [item["id"] for item in items]
        start, end = 0, len(items)
        for name in ("after", "before"):
            if (cursor := query.get(name)) and cursor not in ids:
                return _bad(f"there is no input item `{cursor}`", name)
        if after := query.get("after"):
            start = ids.index(after) + 1
        if before := query.get("before"):
            end = ids.index(before)
        rest = items[start:end]
        return _OK, _list(rest[: page.limit], has_more=len(rest) > page.limit)

    async def cancel(self, response_id: str, owner: str) -> Answer:
        """Stop a response that runs in the background; return it as it stands."""
        if answer := self._running.find(response_id, owner):
            await self._running.cancel(answer)
            return _OK, answer.body
        kept = await find(self._store, response_id, owner)
        if kept is None:
            return _missing(response_id)
        if not msgspec.json.decode(kept.response, type=_Background).background:
            return _bad("Cannot cancel a synchronous response.", None)
        return _OK, kept.response

    async def _kept(self, response_id: str, owner: str) -> Kept | None:
        if answer := self._running.find(response_id, owner):
            return answer.kept
        return await find(self._store, response_id, owner)

    async def _follow(self, exchange: Exchange, response_id: str, owner: str) -> None:
        """Stream an answer that runs in the background from the event asked for on."""
        answer = self._running.find(response_id, owner)
        if answer is None:
            there = await find(self._store, response_id, owner)
            gone = "its events are not kept: read it without `stream`"
            refusal = _bad(gone, "stream") if there else _missing(response_id)
            exchange.respond(*refusal)
            return
        asked = exchange.request.query.get("starting_after", "-1")
        number = _number(asked)
        place = None if number is None else answer.place_after(number)
        if place is None:
            words = f"there are no events after `{asked}` that are kept"
            exchange.respond(*_bad(words, "starting_after"))
            return
        await follow(exchange, answer, place)


async def follow(exchange: Exchange, answer: Detached, place: int = 0) -> None:
    """Stream an answer in the background from ``place`` on, until it ends.

    For a client that is too slow the stream ends before: the response itself can
    still be read whole.
    """
    exchange.start(_OK, content_type="text/event-stream", headers=STREAM_HEADERS)
    while unread := answer.read(place):
        frames, place = unread
        if frames:
            if not exchange.write(frames):
                await exchange.ready()
        elif answer.ended:
            break
        else:
            await answer.more()
    exchange.finish()


class _Background(msgspec.Struct):
    background: bool = False


class _Page(msgspec.Struct, frozen=True):
    limit: int
    newest_first: bool


def _page_of(query: Mapping[str, str]) -> _Page | str:
    """Return what a page holds, or the name of the parameter that is wrong."""
    limit = _number(query.get("limit", str(DEFAULT_ITEMS)))
    order = query.get("order", "desc")
    if limit is None or not 1 <= limit <= MAX_ITEMS:
        return "limit"
    if order not in ("asc", "desc"):
        return "order"
    return _Page(limit, order == "desc")


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


_PREFIXES = {"message": "msg", "function_call": "fc", "custom_tool_call": "ctc"}


def _items(kept: Kept) -> list[dict[str, Any]]:
    """Return the input items, oldest first, each with an id that stays the same."""
    items = msgspec.json.decode(kept.input_items, type=list[dict[str, Any]])
    stem = kept.id.removeprefix("resp_")
    for number, item in enumerate(items):
        prefix = _PREFIXES.get(item.get("type", ""), "item")
        item["id"] = item.get("id") or f"{prefix}_{stem}_{number}"
        item.setdefault("status", "completed")
    return items


def _list(items: list[dict[str, Any]], *, has_more: bool) -> bytes:
    return msgspec.json.encode({
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
        "has_more": has_more,
    })  # fmt: skip


def _unknown(request: HttpRequest) -> Answer:
    words = f"the bridge has no {request.method} {request.path}"
    return _NOT_FOUND, error_body(words, _WRONG, code="unknown_url")


def _missing(response_id: str) -> Answer:
    words = f"Response with id '{response_id}' not found."
    return _NOT_FOUND, error_body(words, _WRONG)


def _bad(message: str, param: str | None) -> Answer:
    return _BAD_REQUEST, error_body(message, _WRONG, param=param)
