"""Why a server cannot be used, in words for a person: which server, and what to do."""

import os
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import httpx2

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.bearer import UNAUTHORIZED

FORBIDDEN, NOT_FOUND, BAD = 403, 404, 400


def reworded(
    error: Exception, name: str, settings: McpServer, status: int
) -> McpError | Exception:
    """Return an error of the SDK as ``McpError``; others are given back.

    ``status`` is that of the server's last answer over HTTP; 0 where there is none.
    """
    inner = _innermost(error)
    if isinstance(inner, TimeoutError):  # which is an OSError, too
        return inner
    if settings.url is None:
        return _of_program(inner, name, settings)
    url = shown_url(settings.url)
    if isinstance(inner, McpError) and (inner.hint or status < BAD):
        return inner
    if status in (UNAUTHORIZED, FORBIDDEN):
        return McpError(
            f"{url} lets nobody in without a login (HTTP {status})",
            hint=_login(name, settings, status),
        )
    if status >= BAD:
        hint = "Is its path right? With many servers it is /mcp."
        return McpError(
            f"{url} answers with HTTP {status}",
            hint=hint if status == NOT_FOUND else "The server's log may say why.",
        )
    if isinstance(inner, httpx2.ConnectError | httpx2.ConnectTimeout | OSError):
        return McpError(
            f"cannot connect to {url}: {inner or type(inner).__name__}",
            hint=f"Is the server running, and `mcp_servers.{name}.url` right?",
        )
    if isinstance(inner, httpx2.HTTPError | httpx2.InvalidURL):
        return McpError(
            f"cannot talk to {url}: {str(inner).rstrip('.') or type(inner).__name__}",
            hint=f"Is `mcp_servers.{name}.url` right?",
        )
    return inner


def _of_program(inner: Exception, name: str, settings: McpServer) -> Exception:
    if not isinstance(inner, OSError):
        return inner
    told = os.strerror(inner.errno) if inner.errno else str(inner)
    return McpError(
        f"cannot start {settings.command}: {told}",
        hint="Is it installed, and on the PATH? "
        f"`mcp_servers.{name}.command` may be a whole path.",
    )


def _login(name: str, settings: McpServer, status: int) -> str:
    if variable := settings.bearer_token_env_var:
        return f"Is the token in {variable} right?"
    given = {*settings.http_headers, *settings.env_http_headers}
    if "authorization" in {header.lower() for header in given}:
        return "Is the header Authorization right?"
    more = " --scopes …" if status == FORBIDDEN else ""
    return f"Run `codex-oss mcp login {name}{more}`."


def shown_url(url: str) -> str:
    """Return an address without what may be a secret: user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "its `url`"
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", ""))


def _innermost(error: Exception) -> Exception:
    """Return the error that a group of the SDK's tasks was made of."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error
