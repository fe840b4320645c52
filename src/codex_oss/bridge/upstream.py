"""The server behind the bridge: its models, and where the rest is passed on to."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from codex_oss.errors import ServerFault
from codex_oss.net import Client
from codex_oss.ports import Model

MAX_MODELS = 64
"""Names of models that are kept ready; a client could think of new ones for ever."""


class _Listed(msgspec.Struct, frozen=True):
    data: list[dict[str, Any]] = []


class Upstream:
    """One server. ``connect`` makes a model of a name.

    ``root`` is the URL above ``/v1``; ``headers`` hold the key, if it needs one.
    ``only``: the one model there is, whatever name is asked for.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[Model]],
        client: Client,
        *,
        root: str,
        headers: tuple[tuple[str, str], ...] = (),
        only: str | None = None,
    ) -> None:
        self._connect = connect
        self._models: OrderedDict[str, Model] = OrderedDict()
        self.client = client
        self.root = root
        self.headers = headers
        self.only = only

    def name_of(self, asked: str) -> str:
        """Return the name that the server knows a model by."""
        return self.only or asked

    async def model(self, name: str) -> Model:
        """Return the model of a name that ``name_of`` gave."""
        model = self._models.get(name)
        if model is None:
            model = self._models[name] = await self._connect(name)
            if len(self._models) > MAX_MODELS:
                # A request that runs on it keeps it alive until it is answered.
                self._models.popitem(last=False)
        else:
            self._models.move_to_end(name)
        return model

    async def listed(self) -> list[dict[str, Any]]:
        """Return what the server says of its models, as its ``/v1/models`` has it.

        Raises ``ModelError`` when it cannot be asked.
        """
        url = f"{self.root}/v1/models"
        told = await self.client.get_json(url, headers=self.headers)
        try:
            listed = msgspec.convert(told, _Listed).data
        except msgspec.ValidationError as error:
            raise ServerFault(f"{url} lists no models: {error}") from error
        return [each for each in listed if isinstance(each.get("id"), str)]

    async def names(self) -> list[str]:
        """Return the names of the server's models."""
        return [each["id"] for each in await self.listed()]

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()
