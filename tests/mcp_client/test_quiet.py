"""What the SDK logs does not reach the person's terminal."""

import logging

import pytest

from codex_oss.config.schema import McpServer
from codex_oss.mcp.quiet import quiet
from mcp_http import McpHttp
from mcp_sessions import Session


def test_many_connections_leave_one_reader_of_the_log() -> None:
    async def nothing() -> None:
        """Only connect."""

    quiet()
    before = list(logging.getLogger().handlers)
    with McpHttp() as server:
        servers = {name: McpServer(url=server.url) for name in ("a", "b", "c")}
        assert Session(**servers).run(nothing) == []
    assert logging.getLogger().handlers == before


def test_a_log_that_nobody_reads_is_not_written_to_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    readers = list(root.handlers)
    root.handlers.clear()
    try:
        quiet()
        logging.getLogger("mcp").error("what a server sent")
    finally:
        root.handlers[:] = readers
    assert capfd.readouterr().err == ""
