"""Our login and client as a program, with a browser that agrees to everything.

The official conformance suite starts it and watches what it sends.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import mcp_conformance
from codex_oss.config.schema import McpServer
from codex_oss.errors import CodexOssError
from codex_oss.mcp.callback import Callback
from codex_oss.mcp.credentials import Credentials
from codex_oss.mcp.login import Wish, log_in


def browse(callback: Callback, url: str) -> None:
    """Open the page."""
    del callback
    mcp_conformance.browse(url)


def client() -> dict[str, str]:
    """Return the client that the suite says is registered already, if it says so."""
    told = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    given = {key: told.get(key) for key in ("client_id", "client_secret")}
    return {key: value for key, value in given.items() if value}


async def main(url: str, home: Path) -> None:
    """Log in, then connect and call every tool."""
    server = McpServer(url=url, oauth=client())
    try:
        scopes = tuple(os.environ.get("LOGIN_SCOPES", "").split())
        await log_in("a", server, Credentials(home), Wish(show=browse, scopes=scopes))
    except CodexOssError as error:
        sys.exit(error.report())
    await mcp_conformance.main(url)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CODEX_HOME"] = folder
        asyncio.run(main(sys.argv[-1], Path(folder)))
