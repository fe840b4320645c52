"""``codex-oss mcp login`` and ``logout``, in the Codex CLI's words."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from codex_oss.cli.browser import browser
from codex_oss.config.load import Loaded, codex_home
from codex_oss.config.schema import McpServer
from codex_oss.errors import CodexOssError
from codex_oss.mcp.credentials import Credentials

if TYPE_CHECKING:
    from codex_oss.mcp.authority import Status
    from codex_oss.mcp.callback import Callback

MAX_PASTED = 16 * 1024
"""Bytes of a pasted address."""


def log_in(options: argparse.Namespace, loaded: Loaded) -> int:
    """Log in to a server in a browser and keep the token."""
    name = options.name
    server = loaded.config.mcp_servers.get(name)
    if server is None:
        raise CodexOssError(f"No MCP server named '{name}' found.")
    if server.url is None:
        raise CodexOssError(
            "OAuth login is only supported for streamable HTTP servers."
        )
    asyncio.run(_log_in(name, server, options, loaded))
    sys.stdout.write(f"Successfully logged in to MCP server '{name}'.\n")
    return 0


async def _log_in(
    name: str, server: McpServer, options: argparse.Namespace, loaded: Loaded
) -> None:
    from codex_oss.mcp import link, login  # noqa: PLC0415  the SDK: 0.7 s

    def show(callback: "Callback", url: str) -> None:
        sys.stdout.write(
            f"Authorize `{name}` by opening this URL in your browser:\n{url}\n\n"
        )
        sys.stdout.flush()
        if options.no_browser:
            _hear(callback)
        elif (show_page := browser(os.environ)) is not None:
            show_page(url)

    scopes = tuple(filter(None, (options.scopes or "").replace(",", " ").split()))
    wish = login.Wish(
        show=show,
        headers=link.request_headers(server, os.environ),
        scopes=scopes,
        port=loaded.config.mcp_oauth_callback_port,
    )
    await login.log_in(name, server, Credentials(codex_home(os.environ)), wish)


def log_out(options: argparse.Namespace, loaded: Loaded) -> int:
    """Forget the login to a server."""
    name = options.name
    server = loaded.config.mcp_servers.get(name)
    if server is None:
        raise CodexOssError(f"No MCP server named '{name}' found in configuration.")
    if server.url is None:
        raise CodexOssError(
            "OAuth logout is only supported for streamable_http transports."
        )
    gone = Credentials(codex_home(os.environ)).drop(name, server.url)
    told = "Removed OAuth credentials" if gone else "No OAuth credentials stored"
    sys.stdout.write(f"{told} for '{name}'.\n")
    return 0


def statuses(servers: Mapping[str, McpServer]) -> "dict[str, Status]":
    """Return how each server lets us in; those that nobody knows of are asked."""
    logins = Credentials(codex_home(os.environ))
    found: dict[str, Status] = {}
    unknown: dict[str, str] = {}
    for name, server in servers.items():
        url = server.url
        given = {*server.http_headers, *server.env_http_headers}
        if url is None:
            found[name] = "unsupported"
        elif server.bearer_token_env_var or "authorization" in map(str.lower, given):
            found[name] = "bearer_token"
        elif not server.enabled:
            found[name] = "unsupported"
        else:
            login = logins.find(name, url)
            if login is None:
                unknown[name] = url
            else:
                found[name] = "o_auth" if login.counts() else "not_logged_in"
    if unknown:
        from codex_oss.mcp.authority import ask_all  # noqa: PLC0415  the SDK: 0.7 s

        found |= asyncio.run(ask_all(unknown))
    return found


def _hear(callback: "Callback") -> None:
    """Take the address that a browser elsewhere ended at, pasted into the terminal."""
    loop = asyncio.get_running_loop()
    fd = sys.stdin.fileno()
    pasted = bytearray()

    def read() -> None:
        data = os.read(fd, MAX_PASTED)
        pasted.extend(data)
        *lines, rest = pasted.split(b"\n")
        pasted[:] = rest[:MAX_PASTED]
        for line in filter(None, (each.strip() for each in lines)):
            shown = callback.take(line.decode(errors="replace"))
            if not shown.status.startswith("200"):
                sys.stderr.write(f"{shown.text}\n")
        if not data:
            loop.remove_reader(fd)

    with contextlib.suppress(OSError):  # a file: there is nobody who could paste
        loop.add_reader(fd, read)
