"""The server behind the bridge: its models, and where the rest is passed on to."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from codex_oss.errors import (
    CodexOssError,
    ModelError,
    ServerFault,
    StreamCut,
    Unreachable,
)
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.ports import Model, Reviver
from codex_oss.providers.endpoint import Site

if TYPE_CHECKING:
    # Most bridges have one server behind them.
    from codex_oss.providers.replicas import Health, Replicas

MAX_MODELS = 64
"""Names of models that are kept ready; a client could think of new ones for ever."""


class _Listed(msgspec.Struct, frozen=True):
    data: list[dict[str, Any]] = []


class Upstream:
    """One server. ``connect`` makes a model of a name, and says whether to keep it.

    ``site`` is where it is and what every request to it carries. ``only``: the one
    model there is, whatever name is asked for. ``replicas``: there are several with
    the same models, and the best of them counts as the one.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[tuple[Model, bool]]],
        client: Client,
        *,
        site: Site,
        only: str | None = None,
        replicas: "Replicas | None" = None,
    ) -> None:
        self._connect = connect
        self._models: OrderedDict[str, Model] = OrderedDict()
        self.client = client
        self._first = _whole(site)
        self.only = only
        self._replicas = replicas

    @property
    def _site(self) -> Site:
        replicas = self._replicas
        return self._first if replicas is None else _whole(replicas.best().site)

    @property
    def root(self) -> str:
        """The URL above the API's, where a server's own API begins."""
        return self._site.root

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What every request carries: the key, if the server needs one."""
        return self._site.headers

    def url(self, path: str) -> str:
        """Return the URL of a path below the API's URL, with the site's own query.

        ``path`` may have a query, which stays before it.
        """
        path, mark, query = path.partition("?")
        own_path, _, own = self._site.url(path).partition("?")
        both = "&".join(filter(None, (query, own)))
        return f"{own_path}{mark or (own and '?')}{both}"

    def name_of(self, asked: str) -> str:
        """Return the name that the server knows a model by."""
        return self.only or asked

    async def model(self, name: str) -> Model:
        """Return the model of a name that ``name_of`` gave."""
        model = self._models.get(name)
        if model is None:
            model, keep = await self._connect(name)
            if keep:
                self._models[name] = model
            if len(self._models) > MAX_MODELS:
                # A request that runs on it keeps it alive until it is answered.
                self._models.popitem(last=False)
        else:
            self._models.move_to_end(name)
        return model

    @property
    def reviver(self) -> Reviver | None:
        """Who starts the server again when it has ended; None: it is not ours."""
        return self._first.reviver

    async def explained(self, error: CodexOssError) -> CodexOssError:
        """Return ``error``, or how the engine has ended if it stands for that."""
        if self.reviver is None or not isinstance(error, StreamCut | Unreachable):
            return error
        ended = await self.reviver.ended()
        hint = "Ask again: the next request starts it again."
        return type(error)(ended, hint=hint) if ended else error

    async def listed(self) -> list[dict[str, Any]]:
        """Return what the server says of its models, as its ``/models`` has it.

        Raises ``ModelError`` when it cannot be asked.
        """
        if self._replicas is None:
            return await self._listed()
        for _ in self._replicas.all[1:]:
            best = self._replicas.best()
            try:
                return await self._listed()
            except ModelError as error:
                self._replicas.failed(best, error)
        return await self._listed()

    async def _listed(self) -> list[dict[str, Any]]:
        url = self.url("/models")
        told = await self.client.get_json(url, headers=self.headers)
        try:
            listed = msgspec.convert(told, _Listed).data
        except msgspec.ValidationError as error:
            asked = url.partition("?")[0]
            raise ServerFault(f"{asked} lists no models: {error}") from error
        return [each for each in listed if isinstance(each.get("id"), str)]

    async def names(self) -> list[str]:
        """Return the names of the server's models."""
        return [each["id"] for each in await self.listed()]

    def health(self) -> "list[Health]":
        """Return how the servers are, where there are several."""
        return [] if self._replicas is None else self._replicas.health()

    async def close(self) -> None:
        """Close all connections, end the checks of servers, unload what is ours."""
        for model in self._models.values():
            await model.close()
        self._models.clear()
        if self._replicas is not None:
            await self._replicas.close()
        await self.client.close()


def _whole(site: Site) -> Site:
    """Return a site whose URL is the API's: a bare host's API is below ``/v1``."""
    if urls.parse(site.base_url).target != "/":
        return site
    return replace(site, base_url=f"{site.base_url}/v1")
