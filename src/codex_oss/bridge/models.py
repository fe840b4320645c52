"""``GET /v1/models``: the server's models, in OpenAI's form or in Codex's."""

import asyncio
import contextlib
from typing import Any

import msgspec

from codex_oss.bridge.catalog import ModelEntry, codex_models
from codex_oss.bridge.failures import error_body
from codex_oss.bridge.parts import Parts
from codex_oss.errors import CodexOssError
from codex_oss.net.server import Exchange

MAX_LOOKED_AT = 50
"""Models that Codex is told of."""
AT_ONCE = 8
"""Of them, for a small server."""
ASK_S = 5.0
"""For what the server knows of them all; the rest is guessed then."""
OWNER = "codex-oss"
"""Of models of which the server names no owner."""

_OK = 200
_NOT_FOUND = 404


async def models(exchange: Exchange, parts: Parts, name: str) -> None:
    """Answer with all models, or with the one of a name.

    Raises ``ModelError`` when the server cannot be asked.
    """
    listed = [_whole(each) for each in await parts.upstream.listed()]
    if "client_version" in exchange.request.query and not name:
        names = [each["id"] for each in listed[:MAX_LOOKED_AT]]
        entries = await _entries(parts, names)
        body = codex_models(entries, parts.settings.diet)
        exchange.respond(_OK, body)
    elif not name:
        body = msgspec.json.encode({"object": "list", "data": listed})
        exchange.respond(_OK, body)
    elif found := next((each for each in listed if each["id"] == name), None):
        exchange.respond(_OK, msgspec.json.encode(found))
    else:
        message = f"The model '{name}' does not exist"
        body = error_body(message, "invalid_request_error", code="model_not_found")
        exchange.respond(_NOT_FOUND, body)


def _whole(told: dict[str, Any]) -> dict[str, Any]:
    """Return what the server says of a model, with the fields that OpenAI's has."""
    return {"object": "model", "created": 0, "owned_by": OWNER, **told}


async def _entries(parts: Parts, names: list[str]) -> list[ModelEntry]:
    """Return what Codex should know of models; what cannot be learned is guessed."""
    found: dict[str, ModelEntry] = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def look(name: str) -> None:
        async with room:
            with contextlib.suppress(CodexOssError):
                found[name] = await _entry(parts, name)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ASK_S):
            await asyncio.gather(*map(look, names))
    return [found.get(name) or ModelEntry(id=name, vision=True) for name in names]


async def _entry(parts: Parts, name: str) -> ModelEntry:
    model = await parts.upstream.model(parts.upstream.name_of(name))
    window, sees = await model.window(), await model.sees()
    return ModelEntry(id=name, context_window=window, vision=sees is not False)
