"""Our client as a program: connects to the URL it is given and calls every tool.

The official conformance suite starts it and watches what it sends.
"""

import asyncio
import os
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.servers import Servers
from codex_oss.policy import AnswerServer, Reply

WAIT_S = 180
VALUES: dict[str, Any] = {"number": 2, "integer": 2, "string": "x", "boolean": True}


async def agree(asked: AnswerServer) -> Reply:
    if asked.url:
        browse(asked.url)
    return Reply("accept")


def browse(url: str) -> None:
    """Open a page in a thread, as a browser does."""

    def follow() -> None:
        urllib.request.urlopen(url, timeout=WAIT_S).read()

    threading.Thread(target=follow, daemon=True).start()


async def main(url: str) -> None:
    """Connect, call, end; an error of a call is the suite's to judge."""
    server = McpServer(url=url, tool_timeout_sec=20)
    servers = Servers({"a": server}, cwd=Path.cwd(), env=os.environ, tell=print)
    servers.begin()
    try:
        for warning in await servers.ready():
            sys.exit(warning)
        (one,) = servers.all
        for tool in one.tools:
            properties: dict[str, Any] = tool.parameters["properties"]
            arguments = {k: VALUES.get(v.get("type")) for k, v in properties.items()}
            try:
                sys.stdout.write(f"{await one.call(tool.name, arguments, agree)}\n")
            except McpError as error:
                sys.stdout.write(f"{tool.name}: {error}\n")
    finally:
        await servers.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
