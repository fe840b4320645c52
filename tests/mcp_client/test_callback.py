"""The page that a browser is sent to after a login, called by whoever likes."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from codex_oss.errors import McpError
from codex_oss.mcp.callback import NOT_THIS, Callback, Granted, listening

WAIT_S = 180
Visit = Callable[[str], Awaitable[tuple[int, str]]]


def page(talk: Callable[[Callback, Visit], Awaitable[None]]) -> None:
    """Serve the page of a login with the state ``mine``."""

    async def serve() -> None:
        async with (
            asyncio.timeout(WAIT_S),
            listening("", 0) as callback,
            httpx2.AsyncClient() as client,
        ):

            async def visit(query: str) -> tuple[int, str]:
                answer = await client.get(f"{callback.url}?{query}")
                return answer.status_code, answer.text

            callback.expect("mine")
            await talk(callback, visit)

    asyncio.run(serve())


@pytest.mark.parametrize(
    "query",
    ["code=1&state=other", "code=1", "code=1&state=", "error=no", "error=no&state=x"],
)
def test_a_visit_that_is_not_of_this_login_does_not_end_it(query: str) -> None:
    async def talk(callback: Callback, visit: Visit) -> None:
        assert await visit(query) == (400, NOT_THIS)
        assert (await visit("code=2&state=mine"))[0] == 200
        assert await callback.wait() == Granted(code="2", state="mine")

    page(talk)


def test_a_refusal_of_this_login_ends_it() -> None:
    async def talk(callback: Callback, visit: Visit) -> None:
        assert (await visit("error=no&error_description=never&state=mine"))[0] == 200
        with pytest.raises(McpError, match="refused the login: no: never"):
            await callback.wait()

    page(talk)


def test_nothing_counts_before_a_login_has_begun() -> None:
    async def talk(callback: Callback, visit: Visit) -> None:
        callback.expect("")
        assert (await visit("code=1&state="))[0] == 400
        assert (await visit("x=1"))[0] == 404
        assert callback.take("http://[").status.startswith("404")

    page(talk)
