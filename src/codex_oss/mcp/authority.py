"""Whether a server offers a login: what it says of itself."""

import asyncio
from collections.abc import Mapping
from typing import Literal

import httpx2
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    create_oauth_metadata_request,
    handle_auth_metadata_response,
    handle_protected_resource_response,
)

from codex_oss.mcp import bounded

ASK_S = 5.0
"""For all questions to one server."""

Status = Literal["unsupported", "not_logged_in", "bearer_token", "o_auth", "unknown"]
"""What ``codex mcp list --json`` says."""


async def ask_all(urls: Mapping[str, str]) -> dict[str, Status]:
    """Return by name whether each server offers a login; ``unknown``: no answer."""
    told = await asyncio.gather(*map(_ask, urls.values()))
    return dict(zip(urls, told, strict=True))


async def _ask(url: str) -> Status:
    try:
        async with asyncio.timeout(ASK_S), bounded.client(timeout=ASK_S) as client:
            return "not_logged_in" if await _offers(client, url) else "unsupported"
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError):
        return "unknown"


async def _offers(client: httpx2.AsyncClient, url: str) -> bool:
    issuer = None
    for place in build_protected_resource_metadata_discovery_urls(None, url):
        told = await client.send(create_oauth_metadata_request(place))
        if resource := await handle_protected_resource_response(told):
            issuer = str(resource.authorization_servers[0])
            break
    for place in build_oauth_authorization_server_metadata_discovery_urls(issuer, url):
        told = await client.send(create_oauth_metadata_request(place))
        goes_on, metadata = await handle_auth_metadata_response(told)
        if metadata is not None or not goes_on:
            return metadata is not None
    return False
