"""A request for a response: from its body to what the model is to get."""

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from codex_oss.bridge.checks import check, check_input
from codex_oss.bridge.clients import Caller
from codex_oss.bridge.full import Frame
from codex_oss.bridge.images import SMALL_BYTES
from codex_oss.bridge.ledger import Entry
from codex_oss.bridge.parts import Parts
from codex_oss.bridge.store import Kept, history
from codex_oss.items import Unknown
from codex_oss.translate.diet import Diet
from codex_oss.wire import responses

MAX_HISTORY = 512
"""Responses that one may continue, one by one."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came (``given``), and as the model is to get it (``sent``).

    ``owner`` is the client that may read the response later, if ``store`` has it kept.
    """

    given: responses.Request
    sent: responses.Request
    frame: Frame
    caller: Caller
    owner: str
    store: bool
    background: bool

    def kept(self, response: responses.Response) -> Kept:
        """Return what is kept of the request and its response."""
        return Kept(
            id=self.frame.blank.id,
            created_at=int(self.frame.blank.created_at),
            owner=self.owner,
            response=self.frame.encode(response),
            input_items=responses.encode(self.given.input),
            previous_response_id=self.given.previous_response_id or None,
        )


class Reader:
    """Reads the requests that one bridge gets."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._decoder = responses.RequestDecoder()
        self._diet = Diet(parts.settings.diet)

    async def read(
        self, body: bytes, caller: Caller, owner: str, entry: Entry
    ) -> Asked:
        """Return what is asked for; raises ``CodexOssError`` for what cannot be."""
        parts = self._parts
        given, extras = self._decoder.decode(body)
        entry.model = given.model
        store = given.store is True or (given.store is not False and not caller.codex)
        check(given, extras, store=store)
        named = Unknown in map(type, given.input)  # hardly ever
        if named:
            items = await parts.references.resolve(given.input, owner)
            given = replace(given, input=items)
        check_input(given.input)
        sent = await self._with_history(given, owner)
        if caller.codex:
            key = given.prompt_cache_key
            sent = parts.threads.with_tools((owner, key) if key else None, sent)
        sent = await self._slim(sent, caller, entry)
        # A body that is no larger than a small image holds no large one.
        if len(body) > SMALL_BYTES or given.previous_response_id or named:
            sent = await parts.images.fit(sent)
        return Asked(
            given=given,
            sent=sent,
            frame=Frame(
                given,
                extras,
                response_id=parts.new_id("resp_"),
                now=parts.now,
                store=store,
                lean=caller.codex,
            ),
            caller=caller,
            owner=owner,
            store=store,
            background=bool(extras.background),
        )

    async def _with_history(
        self, given: responses.Request, owner: str
    ) -> responses.Request:
        # What is kept is kept here; and the answer is read as it comes, also for
        # clients that want it whole.
        ours = replace(
            given,
            model=self._parts.upstream.name_of(given.model),
            previous_response_id=UNSET,
            store=False,
            stream=True,
        )
        if not given.previous_response_id:
            return ours
        before = await history(
            self._parts.store, given.previous_response_id, owner, MAX_HISTORY
        )
        return replace(ours, input=[*before, *given.input])

    async def _slim(
        self, request: responses.Request, caller: Caller, entry: Entry
    ) -> responses.Request:
        window = None
        if caller.codex:
            model = await self._parts.upstream.model(request.model)
            window = await model.window()
        request, slimmed = self._diet.slim(request, codex=caller.codex, window=window)
        if slimmed is not None:
            entry.note(slimmed)
        return request
