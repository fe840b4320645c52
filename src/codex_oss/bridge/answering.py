"""One ``POST /responses``, from its body to the last event of the answer."""

import msgspec
from msgspec.structs import replace

from codex_oss.bridge.clients import Caller
from codex_oss.bridge.failures import Refusal, one_line, refusal_of, reported
from codex_oss.bridge.full import Extras, Frame, decode_extras
from codex_oss.bridge.ledger import Entry, Outcome
from codex_oss.bridge.outlet import Streamed, Whole
from codex_oss.bridge.parts import Parts
from codex_oss.bridge.store import Kept, history
from codex_oss.errors import BadRequest, CodexOssError, ServerFault, StoreError
from codex_oss.facts import Slimmed
from codex_oss.net.server import Exchange
from codex_oss.translate import diet
from codex_oss.wire import responses

PATIENCE_S = 2.0
"""Before a stream begins without the server's word: a refusal until then is a status,
after it an event of the stream."""
MAX_HISTORY = 512
"""Responses that one may continue, one by one."""

_OK = 200
_OUTCOMES: dict[str, Outcome] = {"completed": "completed", "incomplete": "incomplete"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came, and as the model is to get it."""

    given: responses.Request
    sent: responses.Request
    extras: Extras
    store: bool


class Answering:
    """Answers the requests for responses that one bridge gets."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def answer(self, exchange: Exchange, caller: Caller, owner: str) -> None:
        """Answer one request, whatever happens; a client that leaves ends it."""
        body = exchange.request.body
        ledger = self._parts.ledger
        with ledger.open(
            client=caller.name,
            route="responses",
            model="",
            thread=caller.thread,
            came=body,
        ) as entry:
            try:
                asked = await self._read(body, caller, owner, entry)
            except CodexOssError as error:
                refuse(exchange, refusal_of(error, codex=caller.codex), entry, error)
                return
            frame = self._frame(asked, caller)
            if asked.given.stream:
                await self._stream(exchange, asked, frame, caller, owner, entry)
            else:
                await self._whole(exchange, asked, frame, caller, owner, entry)

    # --- reading -------------------------------------------------------------------

    async def _read(
        self, body: bytes, caller: Caller, owner: str, entry: Entry
    ) -> Asked:
        parts = self._parts
        given = responses.decode_request(body)
        entry.model = given.model
        extras = decode_extras(body)
        if extras.conversation is not None or extras.prompt is not None:
            field = "conversation" if extras.conversation is not None else "prompt"
            raise BadRequest(
                f"`{field}` names an object that only OpenAI's servers have",
                hint="Send the items as `input`, or use `previous_response_id`.",
            )
        request = given
        if given.previous_response_id:
            before = await history(
                parts.store, given.previous_response_id, owner, MAX_HISTORY
            )
            request = replace(given, input=[*before, *given.input])
        key = given.prompt_cache_key or caller.thread
        if caller.codex:
            request = parts.threads.with_tools(key, request)
        request = await parts.images.fit(self._slim(request, caller, entry))
        kept = caller.codex is False and given.store is not False
        return Asked(
            given=given,
            sent=replace(request, model=parts.upstream.name_of(given.model)),
            extras=extras,
            store=kept or given.store is True,
        )

    def _slim(
        self, request: responses.Request, caller: Caller, entry: Entry
    ) -> responses.Request:
        level = self._parts.settings.diet
        slim = diet.slim(request, level, codex=caller.codex)
        if slim is not request:
            before, after = diet.tokens(request), diet.tokens(slim)
            entry.note(Slimmed(tokens_before=before, tokens_after=after))
        return slim

    def _frame(self, asked: Asked, caller: Caller) -> Frame:
        return Frame(
            asked.given,
            asked.extras,
            response_id=self._parts.new_id("resp_"),
            now=self._parts.now,
            store=asked.store,
            lean=caller.codex,
        )

    # --- answering -----------------------------------------------------------------

    async def _stream(
        self,
        exchange: Exchange,
        asked: Asked,
        frame: Frame,
        caller: Caller,
        owner: str,
        entry: Entry,
    ) -> None:
        settings, upstream = self._parts.settings, self._parts.upstream
        outlet = Streamed(
            exchange,
            frame,
            entry,
            keep_alive_s=settings.keep_alive_s,
            hold_end=asked.store,
        )
        try:
            outlet.expect(PATIENCE_S)
            model = await upstream.model(asked.sent.model)
            await model.pour(asked.sent, outlet)
            if outlet.response is None:
                raise ServerFault("the answer ended without an end")
        except CodexOssError as error:
            if not outlet.begun:
                refuse(exchange, refusal_of(error, codex=caller.codex), entry, error)
                return
            outlet.fail(reported(error, codex=caller.codex))
        finally:
            try:
                if outlet.response is not None:
                    await self._keep(asked, frame, outlet.response, owner)
            finally:
                outlet.close()
        if outlet.response is not None:
            end(entry, outlet.response)

    async def _whole(
        self,
        exchange: Exchange,
        asked: Asked,
        frame: Frame,
        caller: Caller,
        owner: str,
        entry: Entry,
    ) -> None:
        outlet = Whole(entry)
        try:
            model = await self._parts.upstream.model(asked.sent.model)
            await model.pour(asked.sent, outlet)
            if outlet.response is None:
                raise ServerFault("the answer ended without an end")
        except CodexOssError as error:
            refuse(exchange, refusal_of(error, codex=caller.codex), entry, error)
            return
        body = frame.encode(outlet.response)
        await self._keep(asked, frame, outlet.response, owner)
        entry.wrote(body)
        end(entry, outlet.response)
        exchange.respond(_OK, body)

    async def _keep(
        self, asked: Asked, frame: Frame, response: responses.Response, owner: str
    ) -> None:
        """Keep what was answered; that it cannot be kept is no reason to lose it."""
        if not asked.store:
            return
        kept = Kept(
            id=frame.blank.id,
            created_at=int(frame.blank.created_at),
            owner=owner,
            response=frame.encode(response),
            input_items=responses.encode(asked.given.input),
            previous_response_id=asked.given.previous_response_id or None,
        )
        try:
            await self._parts.store.put(kept)
        except StoreError as error:
            self._parts.log.say("not-kept", id=kept.id, error=one_line(error))


def end(entry: Entry, response: responses.Response) -> None:
    """Close the entry of a response that ended, well or not."""
    error = response.error.message if response.error else None
    outcome = _OUTCOMES.get(response.status or "", "failed")
    entry.end(status=_OK, outcome=outcome, usage=response.usage, error=error or "")


def refuse(
    exchange: Exchange, refusal: Refusal, entry: Entry, error: CodexOssError
) -> None:
    """Answer with what went wrong."""
    entry.end(status=refusal.status, outcome="refused", error=one_line(error))
    exchange.respond(
        refusal.status,
        refusal.body,
        content_type=refusal.content_type,
        headers=refusal.headers,
    )
