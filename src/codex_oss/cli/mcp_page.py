"""MCP servers of the configuration as `codex mcp` 0.169 prints them."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from codex_oss.config.keys import dotted
from codex_oss.config.load import Loaded
from codex_oss.config.schema import McpServer

NONE = "No MCP servers configured yet. Try `codex-oss mcp add my-tool -- my-command`.\n"
_AUTH = {
    "unsupported": "Unsupported",
    "bearer_token": "Bearer token",
    "o_auth": "OAuth",
    "not_logged_in": "Not logged in",
    "unknown": "Unknown",
}


def table(servers: dict[str, McpServer], auth: Mapping[str, str]) -> str:
    """Return the servers as two tables: programs, and addresses."""
    programs = [
        (
            *(name, each.command or "-", " ".join(each.args) or "-", _variables(each)),
            *(each.cwd or "-", _status(each), _AUTH[auth[name]]),
        )
        for name, each in sorted(servers.items())
        if each.url is None
    ]
    addresses = [
        (
            *(name, each.url or "-", each.bearer_token_env_var or "-"),
            *(_status(each), _AUTH[auth[name]]),
        )
        for name, each in sorted(servers.items())
        if each.url is not None
    ]
    heads = ("Name", "Command", "Args", "Env", "Cwd", "Status", "Auth")
    other = ("Name", "Url", "Bearer Token Env Var", "Status", "Auth")
    parts = [
        _columns([head, *rows])
        for head, rows in ((heads, programs), (other, addresses))
        if rows
    ]
    return "\n".join(parts)


def details(name: str, server: McpServer, loaded: Loaded) -> str:
    """Return one server in lines."""
    if not server.enabled:
        return f"{name} (disabled)\n"
    rows: list[tuple[str, object]] = [("enabled", "true")]
    if server.enabled_tools is not None:
        rows.append(("enabled_tools", ", ".join(server.enabled_tools) or "-"))
    if server.disabled_tools:
        rows.append(("disabled_tools", ", ".join(server.disabled_tools)))
    if server.url is None:
        rows += [
            ("transport", "stdio"),
            ("command", server.command or "-"),
            ("args", " ".join(server.args) or "-"),
            ("cwd", server.cwd or "-"),
            ("env", _variables(server)),
        ]
    else:
        rows += [
            ("transport", "streamable_http"),
            ("url", server.url),
            ("bearer_token_env_var", server.bearer_token_env_var or "-"),
            ("http_headers", _masked(server.http_headers)),
            ("env_http_headers", _named(server.env_http_headers)),
            ("http_headers_helper", "-"),
        ]
    given = _given(name, loaded)
    rows += [(key, f"{value:g}") for key, value in _timeouts(server, given).items()]
    if given("default_tools_approval_mode"):
        rows.append(("default_tools_approval_mode", server.default_tools_approval_mode))
    rows.append(("remove", f"codex-oss mcp remove {name}"))
    return "".join([f"{name}\n", *(f"  {key}: {value}\n" for key, value in rows)])


def json(
    name: str, server: McpServer, loaded: Loaded, *, auth: str | None = None
) -> object:
    """Return one server as JSON has it: in the list, with ``auth``, or alone."""
    timeouts = _timeouts(server, _given(name, loaded))
    tools: dict[str, Any] = {
        "enabled_tools": server.enabled_tools,
        "disabled_tools": server.disabled_tools or None,
    }
    return {
        "name": name,
        "enabled": server.enabled,
        "disabled_reason": None,
        "transport": _transport(server),
        **({} if auth else tools),
        "startup_timeout_sec": timeouts.get("startup_timeout_sec"),
        "tool_timeout_sec": timeouts.get("tool_timeout_sec"),
        **({"auth_status": auth} if auth else {}),
    }


def pretty(value: object) -> str:
    """Return JSON as people read it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _transport(server: McpServer) -> dict[str, Any]:
    if server.url is None:
        return {
            "type": "stdio",
            "command": server.command,
            "args": server.args,
            "env": dict(sorted(server.env.items())) or None,
            "env_vars": server.env_vars,
            "cwd": server.cwd,
        }
    return {
        "type": "streamable_http",
        "url": server.url,
        "bearer_token_env_var": server.bearer_token_env_var,
        "http_headers": server.http_headers or None,
        "env_http_headers": server.env_http_headers or None,
        "http_headers_helper": None,
    }


def _given(name: str, loaded: Loaded) -> Callable[[str], bool]:
    return lambda key: dotted(("mcp_servers", name, key)) in loaded.origins


def _timeouts(server: McpServer, given: Callable[[str], bool]) -> dict[str, float]:
    timeouts: dict[str, float] = {}
    if server.startup_timeout_ms is not None:
        timeouts["startup_timeout_sec"] = server.startup_timeout_ms / 1000
    elif given("startup_timeout_sec"):
        timeouts["startup_timeout_sec"] = float(server.startup_timeout_sec)
    if given("tool_timeout_sec"):
        timeouts["tool_timeout_sec"] = float(server.tool_timeout_sec)
    return timeouts


def _status(server: McpServer) -> str:
    return "enabled" if server.enabled else "disabled"


def _variables(server: McpServer) -> str:
    return _masked(dict.fromkeys((*sorted(server.env), *server.env_vars), ""))


def _masked(table: dict[str, str]) -> str:
    return ", ".join(f"{name}=*****" for name in table) or "-"


def _named(table: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in table.items()) or "-"


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines)
