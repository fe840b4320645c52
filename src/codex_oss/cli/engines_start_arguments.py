"""What can be said to ``codex-oss engines start``."""

import argparse
from collections.abc import Sequence
from typing import Any

from codex_oss.cli.parser import Parser, whole

SERVERS = ("vllm", "sglang")


class _StartParser(Parser):
    """Keeps what follows ``--`` as ``more``; argparse takes it for positionals."""

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]  one of its forms
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        words = list(args or ())
        at = words.index("--") if "--" in words else len(words)
        found, rest = super().parse_known_args(words[:at], namespace)
        found.more = words[at + 1 :]
        return found, rest


def add(parser: argparse.ArgumentParser) -> None:
    """Add ``start`` to the parser of ``engines``."""
    commands = parser.add_subparsers(
        dest="action", metavar="[start]", parser_class=_StartParser
    )
    made = commands.add_parser(
        "start",
        prog="codex-oss engines start",
        description="Start vLLM or SGLang for a model, on this machine or as one of\n"
        "several, with the parsers that it needs; or --print the lines to type.\n"
        "What follows `--` goes to the server as it is.",
        help="start vLLM or SGLang, or print how",
    )
    made.add_argument("server", choices=SERVERS, metavar="vllm|sglang")
    made.add_argument(
        "model", metavar="MODEL", help="OWNER/REPO at Hugging Face, or a folder"
    )
    _add_layout(made)
    _add_server(made)


def _add_layout(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("GPUs and machines").add_argument
    add("--tensor-parallel", type=whole(1), metavar="N", help="GPUs that share a layer")
    add(
        "--pipeline-parallel",
        type=whole(1),
        metavar="N",
        help="groups of layers; as many as --nodes, unless said otherwise",
    )
    add("--nodes", metavar="ADDRESS,...", help="the machines, the head first")
    add(
        "--node-rank",
        type=whole(0),
        default=0,
        metavar="N",
        help="which of --nodes this machine is; 0 is the head",
    )
    add("--ray", action="store_true", help="Ray starts what runs on other machines")


def _add_server(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("the server").add_argument
    add("--host", metavar="ADDRESS", help="where it listens; the head, or 127.0.0.1")
    add("--port", type=whole(1), metavar="N", help="8000 of vLLM, 30000 of SGLang")
    add("--context-length", type=whole(1), metavar="N", help="tokens of context")
    add("--served-name", metavar="NAME", help="what clients call the model")
    add("--key-env", metavar="NAME", help="the variable with the key clients must send")
    add("--tool-call-parser", metavar="NAME", help="if its name does not tell; or none")
    add("--reasoning-parser", metavar="NAME", help="likewise")
    add("--print", action="store_true", help="print the lines and start nothing")
