"""One ``POST /responses``, from its body to the last event of the answer."""

import asyncio

from msgspec.structs import replace

from codex_oss.bridge.clients import Caller
from codex_oss.bridge.detached import Detached
from codex_oss.bridge.failures import Refusal, one_line, raised, refusal_of, reported
from codex_oss.bridge.ledger import Entry, Outcome
from codex_oss.bridge.outlet import Streamed, Whole
from codex_oss.bridge.parts import Parts
from codex_oss.bridge.reading import Asked, Reader
from codex_oss.bridge.references import names
from codex_oss.bridge.stored import follow
from codex_oss.errors import CodexOssError, ServerFault, StoreError, StreamCut
from codex_oss.net.server import Exchange
from codex_oss.wire import responses

PATIENCE_S = 2.0
"""Before a stream begins without the server's word: a refusal until then is a status,
after it an event of the stream."""

STOPPED = "the bridge was stopped before the answer was whole"

_OK = 200
_OUTCOMES: dict[str, Outcome] = {"completed": "completed", "incomplete": "incomplete"}


class Answering:
    """Answers the requests for responses that one bridge gets."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reader = Reader(parts)

    async def answer(self, exchange: Exchange, caller: Caller, owner: str) -> None:
        """Answer one request, whatever happens; a client that leaves ends it."""
        body = exchange.request.body
        with self._entry(body, caller) as entry:
            try:
                asked = await self._reader.read(body, caller, owner, entry)
                if asked.background:
                    await self._detach(exchange, asked, entry)
                elif asked.given.stream:
                    await self._stream(exchange, asked, entry)
                else:
                    await self._whole(exchange, asked, entry)
            except CodexOssError as caught:
                if exchange.started:
                    raise
                error = await self._parts.upstream.explained(caught)
                refuse(exchange, refusal_of(error, codex=caller.codex), entry, error)

    def _entry(self, body: bytes, caller: Caller) -> Entry:
        return self._parts.ledger.open(
            client=caller.name,
            route="responses",
            model="",
            thread=caller.thread,
            came=body,
        )

    async def _stream(
        self, exchange: Exchange | Detached, asked: Asked, entry: Entry
    ) -> None:
        outlet = Streamed(
            exchange,
            asked.frame,
            entry,
            keep_alive_s=self._parts.settings.keep_alive_s,
            codex=asked.caller.codex,
            hold_end=asked.store,
        )
        try:
            outlet.expect(PATIENCE_S)
            await self._pour(asked, outlet)
        except CodexOssError as error:
            if not outlet.begun:
                raise
            told = await self._parts.upstream.explained(error)
            outlet.fail(reported(told, codex=asked.caller.codex))
        except asyncio.CancelledError:
            # Of an answer in the background, who stops it says how it ended.
            if outlet.begun and isinstance(exchange, Exchange) and not exchange.gone:
                outlet.fail(reported(StreamCut(STOPPED), codex=asked.caller.codex))
            raise
        finally:
            try:
                if outlet.response is not None:
                    await self._keep(asked, outlet.response)
            finally:
                outlet.close()
        if outlet.response is not None:
            end(entry, outlet.response)

    async def _whole(self, exchange: Exchange, asked: Asked, entry: Entry) -> None:
        outlet = Whole(entry)
        await self._pour(asked, outlet)
        assert outlet.response is not None, "_pour ends in a response or raises"
        if outlet.response.error is not None:
            # Nobody has seen anything of it yet, so a status can say it.
            raise raised(outlet.response.error)
        await self._keep(asked, outlet.response)
        body = asked.frame.encode(outlet.response)
        exchange.respond(_OK, body)
        # It is on its way: who waits for it does not wait for the books.
        entry.wrote(body)
        end(entry, outlet.response)

    async def _pour(self, asked: Asked, outlet: Streamed | Whole) -> None:
        # While the server reads the request, which is written before that.
        asyncio.get_running_loop().call_soon(asked.frame.prepare)
        model = await self._parts.upstream.model(asked.sent.model)
        await model.pour(asked.sent, outlet)
        if outlet.response is None:
            raise ServerFault("the server's answer had no end")

    async def _detach(self, exchange: Exchange, asked: Asked, entry: Entry) -> None:
        """Let the answer run on its own, and tell its id; or follow it."""

        async def work(detached: Detached) -> None:
            with self._entry(exchange.request.body, asked.caller) as own:
                own.model = asked.given.model
                try:
                    await self._stream(detached, asked, own)
                except CodexOssError as error:
                    refusal = refusal_of(error, codex=False)
                    own.end(
                        status=refusal.status, outcome="refused", error=one_line(error)
                    )
                    detached.respond(refusal.status, refusal.body)

        kept = asked.kept(asked.frame.blank)
        detached = self._parts.running.start(asked.frame, kept, work)
        entry.end(status=_OK, outcome="completed")
        if asked.given.stream:
            await follow(exchange, detached)
        else:
            exchange.respond(_OK, detached.body)

    async def _keep(self, asked: Asked, response: responses.Response) -> None:
        """Keep what was answered; that it cannot be kept is no reason to lose it."""
        if not asked.store:
            return
        items = [*asked.given.input, *response.output]
        kept = replace(asked.kept(response), items=tuple(names(items)))
        try:
            await self._parts.store.put(kept)
        except StoreError as error:
            self._parts.log.complain("not-kept", id=kept.id, error=one_line(error))
            return
        self._parts.references.add(asked.owner, kept.id, items)


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
