"""The model made ready while nobody asks it anything yet.

A person thinks and types for longer than most models take to load, and to read what
every request begins with.
"""

import asyncio

from codex_oss.errors import CodexOssError
from codex_oss.ports import Model
from codex_oss.wire import responses


class Warmth:
    """Warms one model in the background; nothing that goes wrong there is told.

    The request that follows says it better.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._loading: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    def begin(self, request: responses.Request) -> None:
        """Begin, unless it has begun: load the model and let it read ``request``."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load())
            self._reading = asyncio.ensure_future(self._read(self._loading, request))

    async def ready(self) -> None:
        """Return when the model can be asked at once.

        A load is waited for: a server would begin anew. Reading is broken off: the
        server keeps what it has read, and the rest stands in the request that comes.
        """
        if self._loading is not None:
            await asyncio.wait((self._loading,))
        await self.close()

    async def over(self) -> None:
        """Return when it is done, however that went."""
        tasks = [task for task in (self._loading, self._reading) if task is not None]
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """End all that runs."""
        tasks = [task for task in (self._loading, self._reading) if task is not None]
        self._loading = self._reading = None
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _load(self) -> None:
        try:
            await self._model.load()
        except CodexOssError:
            return

    async def _read(
        self, loading: asyncio.Task[None], request: responses.Request
    ) -> None:
        await asyncio.wait((loading,))
        try:
            await self._model.warm(request)
        except CodexOssError:
            return
