"""What can be said to ``codex-oss bridge``."""

import argparse
from collections.abc import Callable
from pathlib import Path

from codex_oss import __version__
from codex_oss.cli.parser import Parser, add_config, whole
from codex_oss.errors import UsageError

ACTIONS = {
    "run": "serve until Ctrl-C (this is what `codex-oss bridge` does)",
    "start": "serve in the background",
    "stop": "end the bridge in the background",
    "restart": "stop it and start it as it was started",
    "status": "what runs where, and what is behind it",
    "logs": "what the bridge in the background wrote",
    "install": "start it with every login (systemd, launchd)",
    "uninstall": "undo install",
    "codex-config": "print what the Codex CLI needs, or --write it",
    "inspect": "open the page that shows requests",
}
FLAGS = {
    "listen": "--listen",
    "listen_port": "--listen-port",
    "upstream": "--upstream",
    "ollama_url": "--ollama-url",
    "api_key_env": "--api-key-env",
    "wire": "--wire",
    "diet": "--diet",
    "repair": "--no-repair",
    "text_calls": "--no-text-calls",
    "ask_again": "--no-ask-again",
    "store": "--store",
    "max_body_size": "--max-body-size",
}
"""Keys of ``[bridge]`` and the options that set them."""

Add = Callable[..., object]
"""``add_argument`` of a group of options."""

DEFAULT_LINES = 100
"""Of the log that `logs` prints."""


def parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        prog="codex-oss bridge",
        description="Serve the Responses API in front of a local model's server, so\n"
        "that the Codex CLI and OpenAI's SDKs work with it.\n\n"
        + "".join(f"  {name:<13} {text}\n" for name, text in ACTIONS.items()),
    )
    parser.add_argument(
        "action", nargs="?", choices=tuple(ACTIONS), default="run", metavar="ACTION"
    )
    parser.add_argument(
        "--version", action="version", version=f"codex-oss {__version__}"
    )
    _add_server(parser.add_argument_group("the model's server").add_argument)
    _add_own(parser.add_argument_group("the bridge").add_argument)
    _add_requests(parser.add_argument_group("what happens to requests").add_argument)
    _add_actions(parser.add_argument_group("single actions").add_argument)
    add_config(parser)
    return parser


def flags_of(options: argparse.Namespace) -> dict[str, tuple[str, object]]:
    """Return the keys of the configuration that options set, with those options."""
    return {
        f"bridge.{key}": (flag, value)
        for key, flag in FLAGS.items()
        if (value := getattr(options, key)) is not None
    }


def settle_engine(options: argparse.Namespace) -> None:
    """Make ``--engine`` what it is short for."""
    if options.engine is None:
        return
    engine = "oss" if options.engine == "auto" else options.engine
    if options.local_provider not in (None, engine):
        raise UsageError(
            f"--engine {options.engine} and --local-provider "
            f"{options.local_provider} name two servers",
            hint="Name one.",
        )
    options.local_provider = engine


def _add_server(add: Add) -> None:
    add("--ollama-url", metavar="URL", help="an Ollama server; the default is Ollama's")
    add("--upstream", metavar="URL", help="any server: http://localhost:8080/v1")
    add("--api-key-env", metavar="VAR", help="the variable with that server's key")
    add(
        "--wire",
        choices=("auto", "native", "chat", "responses"),
        help="how to speak to it: Ollama's own API, Chat Completions or Responses",
    )
    add(
        "--engine",
        choices=("auto", "embedded", "llamacpp", "ollama"),
        help="auto: what runs here (see `codex-oss engines`); embedded: llama.cpp in "
        "this program, with the model of -m; llamacpp: the same, unless a llama-server "
        "runs here",
    )
    add(
        "--yes",
        action="store_true",
        help="consent to what may be downloaded, installed or started for the model",
    )


def _add_own(add: Add) -> None:
    add("--listen-port", type=whole(0), metavar="N", help="the port (11435); 0: any")
    add(
        "--listen",
        metavar="HOST",
        help="the address (127.0.0.1); any other machine's needs a key",
    )
    add("--store", metavar="SPEC", help="memory, none, sqlite[:PATH] or redis://…")
    add(
        "--max-body-size",
        type=whole(0),
        metavar="BYTES",
        help="of a request (33554432)",
    )
    add("--debug", action="store_true", help="log requests and answers, keys masked")
    add("--quiet", action="store_true", help="log errors only")
    # Set by `start` and `install`: the log that turns itself over, and the variables
    # that a login's services are not given.
    add("--log-file", help=argparse.SUPPRESS)
    add("--env-file", help=argparse.SUPPRESS)


def _add_requests(add: Add) -> None:
    add(
        "--diet",
        choices=("off", "safe", "aggressive"),
        help="how much smaller the Codex CLI's requests are made (safe)",
    )
    off = {"action": "store_const", "const": False}
    add("--no-repair", dest="repair", help="do not mend calls", **off)
    add("--no-text-calls", dest="text_calls", help="leave calls in text alone", **off)
    add(
        "--no-ask-again",
        dest="ask_again",
        help="do not ask the model again for a call that cannot be mended",
        **off,
    )


def _add_actions(add: Add) -> None:
    add("--write", action="store_true", help="codex-config: write the profile")
    add("-f", "--follow", action="store_true", help="logs: go on until Ctrl-C")
    add(
        "-n",
        "--lines",
        type=whole(0),
        default=DEFAULT_LINES,
        metavar="N",
        help=f"logs: the last N lines ({DEFAULT_LINES})",
    )


def words_of(options: argparse.Namespace) -> list[str]:
    """Return options as the words that say them again, from any folder."""
    words: list[str] = []
    for key, flag in FLAGS.items():
        value = getattr(options, key)
        if value is not None:
            words += [flag] if value is False else [flag, _anywhere(key, str(value))]
    for flag, value in (("-p", options.profile), ("-m", options.model)):
        words += [] if value is None else [flag, _anywhere(flag, value)]
    if options.local_provider is not None:
        words += ["--local-provider", options.local_provider]
    for flag, values in (
        ("-c", options.config),
        ("--enable", options.enable),
        ("--disable", options.disable),
    ):
        words += [word for value in values for word in (flag, value)]
    for flag in ("oss", "strict_config", "debug", "quiet", "yes"):
        words += [f"--{flag.replace('_', '-')}"] if getattr(options, flag) else []
    return words


def _anywhere(key: str, value: str) -> str:
    """Return a value with its path, if it is one, made absolute."""
    if key == "store" and value.startswith("sqlite:"):
        return f"sqlite:{Path(value.removeprefix('sqlite:')).expanduser().absolute()}"
    relative = value.startswith(("./", "../")) or value.lower().endswith(".gguf")
    if key == "-m" and relative and not value.startswith(("hf:", "pypi:", "~")):
        return str(Path(value).absolute())
    return value
