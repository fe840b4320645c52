"""``codex-oss mcp``: the MCP servers of the configuration."""

import argparse
import asyncio
import os
import string
import sys
from pathlib import Path
from typing import Any

from codex_oss.cli import mcp_login, mcp_page
from codex_oss.cli.place import folder
from codex_oss.cli.settings import load_config
from codex_oss.config import edit, load
from codex_oss.config.edit_table import drop_table, put_table
from codex_oss.config.schema import McpServer
from codex_oss.errors import CodexOssError, UsageError
from codex_oss.exec_mode.visible import visible

KEY = "mcp_servers"
NAME_LETTERS = frozenset(f"{string.ascii_letters}{string.digits}-_:@/.")
"""Letters of a server's name that ``codex mcp add`` takes."""
MAX_TOLD = 100
"""Letters of a tool's description that `test` shows."""


def run(options: argparse.Namespace) -> int:
    """Do what was asked for and return the exit code."""
    if options.action != "list" and not options.name:
        raise UsageError(
            "the following required arguments were not provided: NAME",
            hint=f"For more, try `codex-oss mcp --help`: mcp {options.action} NAME.",
        )
    if options.action == "list" and options.name:
        raise UsageError(
            "mcp list takes no name",
            hint=f"codex-oss mcp get {options.name} shows one server.",
        )
    match options.action:
        case "add":
            return _add(options)
        case "remove":
            return _remove(options)
        case "login":
            return mcp_login.log_in(options, load_config(options, os.environ))
        case "logout":
            return mcp_login.log_out(options, load_config(options, os.environ))
        case _:
            return _show(options)


def _show(options: argparse.Namespace) -> int:
    loaded = load_config(options, os.environ)
    servers = loaded.config.mcp_servers
    if options.action == "list":
        auth = mcp_login.statuses(servers)
        if options.json:
            listed = [
                mcp_page.json(name, each, loaded, auth=auth[name])
                for name, each in sorted(servers.items())
            ]
            sys.stdout.write(mcp_page.pretty(listed))
        else:
            sys.stdout.write(
                mcp_page.table(servers, auth) if servers else mcp_page.NONE
            )
        return 0
    name, server = options.name, servers.get(options.name)
    if server is None:
        raise CodexOssError(f"No MCP server named '{name}' found.")
    if options.action == "test":
        return asyncio.run(_test(name, server))
    if options.json:
        one = mcp_page.json(name, server, loaded)
        sys.stdout.write(mcp_page.pretty(one))
    else:
        sys.stdout.write(mcp_page.details(name, server, loaded))
    return 0


# --- the file -------------------------------------------------------------------------


def _file() -> tuple[Path, str]:
    home = load.codex_home(os.environ)
    shown = f"{load.shown(home, os.environ)}/{load.FILE_NAME}"
    return home / load.FILE_NAME, shown


def _add(options: argparse.Namespace) -> int:
    name = _checked(options.name)
    table = _table(options)
    path, shown = _file()
    with edit.alone(path):
        edit.write(put_table(path, shown, (KEY, name), table))
    sys.stdout.write(f"Added global MCP server '{name}'.\n")
    if "url" in table and "bearer_token_env_var" not in table:
        sys.stdout.write(
            "MCP server may or may not require login. "
            f"Run `codex-oss mcp login {name}` to login.\n"
        )
    return 0


def _checked(name: str) -> str:
    if all(letter in NAME_LETTERS for letter in name) and name:
        return name
    raise CodexOssError(
        f"invalid server name '{name}' "
        "(use letters, numbers, '-', '_', ':', '@', '/', '.')"
    )


def _table(options: argparse.Namespace) -> dict[str, Any]:
    usage = "codex-oss mcp add NAME (--url URL | -- COMMAND...)"
    if bool(options.url) == bool(options.command):
        raise UsageError("give either `--url` or a command after `--`", hint=usage)
    if options.url:
        if options.env:
            raise UsageError("`--env` is for servers with a command", hint=usage)
        return _address(options)
    for option, given in _for_addresses(options).items():
        if given:
            raise UsageError(f"`{option}` is for servers with --url", hint=usage)
    command, *args = options.command
    table: dict[str, Any] = {"command": command}
    if args:
        table["args"] = args
    pairs = [word.partition("=") for word in options.env]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise UsageError(
                "environment entries must be in KEY=VALUE form", hint=usage
            )
    if pairs:
        table["env"] = {name: value for name, _, value in pairs}
    return table


def _for_addresses(options: argparse.Namespace) -> dict[str, str | None]:
    return {
        "--bearer-token-env-var": options.bearer,
        "--oauth-client-id": options.oauth_client_id,
        "--oauth-client-secret": options.oauth_client_secret,
        "--oauth-resource": options.oauth_resource,
    }


def _address(options: argparse.Namespace) -> dict[str, Any]:
    table: dict[str, Any] = {
        "url": options.url,
        "bearer_token_env_var": options.bearer,
        "oauth_resource": options.oauth_resource,
    }
    client = {
        "client_id": options.oauth_client_id,
        "client_secret": options.oauth_client_secret,
    }
    oauth = {key: value for key, value in client.items() if value}
    return {key: value for key, value in table.items() if value} | (
        {"oauth": oauth} if oauth else {}
    )


def _remove(options: argparse.Namespace) -> int:
    _checked(options.name)
    path, shown = _file()
    with edit.alone(path):
        made = drop_table(path, shown, (KEY, options.name))
        if made is not None:
            edit.write(made)
    if made is None:
        sys.stdout.write(f"No MCP server named '{options.name}' found.\n")
        return 0
    sys.stdout.write(f"Removed global MCP server '{options.name}'.\n")
    return 0


# --- a try ----------------------------------------------------------------------------


async def _test(name: str, server: McpServer) -> int:
    """Start a server, show what it offers, and end it; 1 when it does not start."""
    from codex_oss.mcp.servers import Servers  # noqa: PLC0415  only here

    loop = asyncio.get_running_loop()
    begun = loop.time()
    servers = Servers({name: server}, cwd=folder(None), env=os.environ, tell=_warn)
    if not servers.all:
        raise CodexOssError(f"{name} is disabled", hint="Set `enabled = true`.")
    (one,) = servers.all
    servers.begin()
    try:
        await one.settle()
        if one.why:
            raise CodexOssError(
                f"MCP server {name} does not start: {one.why}", hint=one.hint
            )
        took = loop.time() - begun
        tools = "1 tool" if len(one.tools) == 1 else f"{len(one.tools)} tools"
        has = " and resources" if one.resources else ""
        sys.stdout.write(f"{name}: {tools}{has}, in {took:.1f} s\n")
        for tool in one.tools:
            asks = "" if tool.read_only else " (may change something)"
            told = tool.description.partition("\n")[0]
            told = told if len(told) <= MAX_TOLD else f"{told[:MAX_TOLD].rstrip()} …"
            sys.stdout.write(visible(f"  {tool.name}{asks}: {told}") + "\n")
    finally:
        await servers.close()
    return 0


def _warn(message: str) -> None:
    sys.stderr.write(f"warning: {message}\n")
