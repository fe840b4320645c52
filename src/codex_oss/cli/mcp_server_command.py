"""``codex-oss mcp-server``: serves until the client leaves or a signal comes."""

import argparse
import asyncio
import gc
import ipaddress
import os
import sys
from collections.abc import Callable
from pathlib import Path

from codex_oss.cli.consent import consent
from codex_oss.cli.settings import Flags, load_config
from codex_oss.config.load import Loaded
from codex_oss.config.project import UNTRUSTED
from codex_oss.errors import CodexOssError, UsageError
from codex_oss.exec_mode.run import signals
from codex_oss.mcp_server.threads import Threads
from codex_oss.wiring.conversations import Conversations

MAX_PORT = 65535


def run(options: argparse.Namespace) -> int:
    """Serve and return 0."""
    env = dict(os.environ)

    def read(flags: Flags, profile: str | None, cwd: Path) -> Loaded:
        given = argparse.Namespace(**vars(options))
        given.profile = profile or options.profile
        loaded = load_config(given, env, flags, cwd=cwd)
        if loaded.blocked:
            sys.stderr.write(f"warning: {UNTRUSTED}\n")
        return loaded

    place = None if options.http is None else address(options.http)
    key = "" if options.key_env is None else env.get(options.key_env, "")
    if options.key_env is not None and not key:
        raise UsageError(f"the environment variable {options.key_env} has no key")
    if place is not None and not key and not _loopback(place[0]):
        raise UsageError(
            f"{place[0]} can be reached from other machines, and there is no key",
            hint="Put one into an environment variable and name it with --key-env.",
        )
    # Nobody is asked at the terminal: stdin is the client's, or nobody watches it.
    asked = consent(yes=options.yes, asks=False, err=sys.stderr)
    try:
        return asyncio.run(_serve(Conversations(read, env, asked), place, key))
    except ImportError as error:
        raise CodexOssError(
            f"the MCP server needs the package `mcp`: {error}",
            hint="Install it: pip install mcp",
        ) from error


async def _serve(
    conversations: Conversations, place: tuple[str, int] | None, key: str
) -> int:
    # Only here: the SDK costs a third of a second.
    from codex_oss.mcp_server.server import Agent  # noqa: PLC0415

    threads = Threads(conversations)
    agent = Agent(threads, listed=conversations.warm)
    gc.freeze()
    gc.enable()
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        _on_signals(_ended_already)
        task.cancel()

    _on_signals(end)
    try:
        if place is None:
            from codex_oss.mcp_server import stdio  # noqa: PLC0415  see above

            await stdio.serve(agent)
        else:
            from codex_oss.mcp_server import http  # noqa: PLC0415  see above

            await http.serve(agent, place, key, sys.stderr)
    except asyncio.CancelledError:
        return 0
    finally:
        _on_signals(_ended_already)
        try:
            await threads.close()
        finally:
            await conversations.close()
    return 0


def _on_signals(then: Callable[[], object]) -> None:
    for number in signals():
        asyncio.get_running_loop().add_signal_handler(number, then)


def _ended_already() -> None:
    """Do nothing: what is being ended has limits, and is ended whole."""


def address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``PORT``. Raises ``UsageError``."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise UsageError(f"--http {text}: not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
