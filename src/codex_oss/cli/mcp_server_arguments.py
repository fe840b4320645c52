"""What can be said after ``codex-oss mcp-server``."""

from codex_oss.cli.parser import Parser, add_config

DEFAULT_HTTP = "127.0.0.1:8484"


def mcp_server_parser() -> Parser:
    """Return the parser of ``codex-oss mcp-server``."""
    parser = Parser(
        prog="codex-oss mcp-server",
        description="Offer the agent to MCP clients as two tools, `codex` and\n"
        "`codex-reply`: over stdin and stdout, or over HTTP.",
    )
    add = parser.add_argument
    add(
        "--http",
        nargs="?",
        const=DEFAULT_HTTP,
        metavar="HOST:PORT",
        help=f"serve streamable HTTP at /mcp instead (without a value: {DEFAULT_HTTP})",
    )
    add(
        "--key-env",
        metavar="NAME",
        help="with --http: the environment variable with the key that clients send as "
        "`Authorization: Bearer`; needed to listen beyond this machine",
    )
    add(
        "--yes",
        action="store_true",
        help="consent to what may be downloaded, installed or started for the model",
    )
    add_config(parser)
    return parser
