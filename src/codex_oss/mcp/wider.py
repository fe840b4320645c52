"""More rights at an MCP server in the middle of a session: by one more login.

A server refuses a call with HTTP 403 and names the scopes that it wants (RFC 6750, 3.1:
``insufficient_scope``). A person is asked twice: whether to give them, and whether to
open the page of the login, as that is not known before.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from codex_oss.config.load import codex_home
from codex_oss.config.schema import McpServer
from codex_oss.mcp.credentials import Credentials
from codex_oss.mcp.login import Wish, log_in
from codex_oss.mcp.place import Agree, Place
from codex_oss.policy import AnswerServer
from codex_oss.policy.form import Form

if TYPE_CHECKING:
    from codex_oss.mcp.callback import Callback

PAGE = "Log in there to give the rights."


async def widen(
    name: str,
    settings: McpServer,
    place: Place,
    headers: Mapping[str, str],
    scopes: tuple[str, ...],
    agree: Agree,
) -> bool:
    """Log in once more, with ``scopes`` beside those of the login that there is.

    Return False where the person does not want that; raises ``McpError``.
    """
    logins = Credentials(codex_home(place.env))
    login = logins.find(name, settings.url or "")
    had = login.scopes if login is not None else []
    wants = f"It wants more rights for this: {' '.join(scopes)}. Log in to give them?"
    asked = AnswerServer(server=name, message=wants, form=Form())
    if (await agree(asked)).action != "accept":
        return False
    page: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def show(callback: "Callback", url: str) -> None:
        del callback
        page.set_result(url)

    wish = Wish(
        show=show,
        headers=headers,
        scopes=tuple(dict.fromkeys([*had, *scopes])),
        port=place.login_port,
    )
    logging_in = asyncio.ensure_future(log_in(name, settings, logins, wish))
    try:
        await asyncio.wait([page, logging_in], return_when=asyncio.FIRST_COMPLETED)
        if page.done():
            opens = AnswerServer(server=name, message=PAGE, url=page.result())
            if (await agree(opens)).action != "accept":
                return False
        await logging_in
    finally:
        logging_in.cancel()
        await asyncio.wait([logging_in])
    return True
