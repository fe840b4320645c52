"""What can be said after ``codex-oss mcp``, in the Codex CLI's words."""

import argparse
from collections.abc import Sequence

from codex_oss.cli.parser import MixedParser, Parser, add_settings

ACTIONS = ("list", "get", "add", "remove", "login", "logout", "test")


class McpParser(MixedParser):
    """A parser for which all behind ``--`` is the server's command."""

    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride]  one of its overloads
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> argparse.Namespace:
        """Return the options; ``command`` are the words behind ``--``."""
        words = list(args or ())
        cut = words.index("--") if "--" in words else len(words)
        given = namespace or argparse.Namespace()
        options = super().parse_args(words[:cut], given)
        options.command = words[cut + 1 :]
        return options


def mcp_parser() -> Parser:
    """Return the parser of ``codex-oss mcp``."""
    parser = McpParser(
        prog="codex-oss mcp",
        description="Show, add, remove and try the configured MCP servers.\n\n"
        "  codex-oss mcp list [--json]\n"
        "  codex-oss mcp get NAME [--json]\n"
        "  codex-oss mcp add NAME [--env KEY=VALUE]... -- COMMAND...\n"
        "  codex-oss mcp add NAME --url URL [--bearer-token-env-var VARIABLE]\n"
        "  codex-oss mcp remove NAME\n"
        "  codex-oss mcp login NAME [--scopes SCOPE,SCOPE] [--no-browser]\n"
        "  codex-oss mcp logout NAME\n"
        "  codex-oss mcp test NAME",
    )
    add = parser.add_argument
    add("action", choices=ACTIONS, help="what to do")
    add("name", nargs="?", metavar="NAME", help="the server's name")
    add("--json", action="store_true", help="with list, get: as JSON")
    add("--url", metavar="URL", help="with add: a server over streamable HTTP")
    add(
        "--bearer-token-env-var",
        dest="bearer",
        metavar="VARIABLE",
        help="with --url: the environment variable that holds its token",
    )
    add(
        "--env",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with add and a command: an environment variable of the server",
    )
    _add_oauth(parser)
    add_settings(parser)
    return parser


def _add_oauth(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--oauth-client-id",
        metavar="CLIENT_ID",
        help="with --url: the OAuth client that the server knows already",
    )
    add("--oauth-client-secret", metavar="SECRET", help="with --oauth-client-id")
    add("--oauth-resource", metavar="RESOURCE", help="with --url: what a login is for")
    add(
        "--scopes",
        metavar="SCOPE,SCOPE",
        help="with login: the scopes to ask for",
    )
    add(
        "--no-browser",
        action="store_true",
        help="with login: print the address only, and take the one that the browser "
        "ends at from stdin",
    )
