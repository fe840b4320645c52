"""How a server for many GPUs or machines is started: its lines, for people to type.

``vllm.lines`` and ``sglang.lines`` make them of a ``Launch``; this is what both share.
A word of a line that is ``$NAME`` stands for that environment variable: keys are never
written out.
"""

import shlex
from collections.abc import Mapping
from typing import Literal

import msgspec

from codex_oss.config.builtin import PROVIDERS
from codex_oss.engines.families import AUTO, Parsers, family_of
from codex_oss.errors import EngineError
from codex_oss.net import url as urls

ServerName = Literal["vllm", "sglang"]

PORTS: dict[ServerName, int] = {"vllm": 8000, "sglang": 30000}
"""Their usual ports."""
NAMES: dict[ServerName, str] = {"vllm": "vLLM", "sglang": "SGLang"}

_WIDTH = 84
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  recognised, not bound


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted. ``nodes``: addresses of machines, the head first; none: this."""

    server: ServerName
    model: str
    host: str = "127.0.0.1"
    """Where it listens for requests."""
    port: int
    nodes: tuple[str, ...] = ()
    tensor: int = 1
    """GPUs that share each layer; those of one machine, as a rule."""
    pipeline: int = 1
    """Groups of layers, each on GPUs of its own; machines, as a rule."""
    ray: bool = False
    """Ray starts what runs on the other machines."""
    context: int | None = None
    """Tokens; None: what the model was trained on."""
    served: str = ""
    """What clients call the model; empty: its own name."""
    key_env: str = ""
    """The environment variable with the key that clients must send."""
    parsers: Parsers = Parsers()
    more: tuple[str, ...] = ()
    """Further words for the server."""

    @property
    def name(self) -> str:
        """What clients send as ``model``."""
        return self.served or self.model

    @property
    def url(self) -> str:
        """Where it is reached, without ``/v1``."""
        host = "127.0.0.1" if self.host in _EVERYWHERE else self.host
        return f"http://{urls.bracketed(host)}:{self.port}"

    @property
    def private(self) -> bool:
        """Whether only its own machine reaches it."""
        return urls.is_loopback(self.host)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line to type, on the machine of number ``node``."""

    node: int = 0
    env: tuple[tuple[str, str], ...] = ()
    argv: tuple[str, ...]
    kind: Literal["server", "cluster", "look"] = "server"
    """``cluster`` joins machines, ``look`` is for people to see whether they are."""
    note: str = ""


def parsers_of(server: ServerName, model: str) -> Parsers:
    """Return the parsers for a model; none known: empty at vLLM, ``auto`` at SGLang."""
    family = family_of(model)
    if family is None:
        return Parsers() if server == "vllm" else AUTO
    return family.vllm if server == "vllm" else family.sglang


def check(launch: Launch) -> None:
    """Raise ``EngineError`` for sizes that cannot be laid out."""
    count, gpus = len(launch.nodes), launch.tensor * launch.pipeline
    if count > 1 and gpus % count:
        raise EngineError(
            f"{gpus} GPUs (tensor {launch.tensor} x pipeline {launch.pipeline}) cannot "
            f"be spread evenly over {count} machines",
            hint="As a rule --tensor-parallel is the number of GPUs in one machine "
            "and --pipeline-parallel the number of machines.",
        )


# --- for people ----------------------------------------------------------------------


def shown(line: Line) -> str:
    """Return a line as a shell takes it, broken before options where it is long."""
    words = [f"{name}={_quoted(value)}" for name, value in line.env]
    words += map(_quoted, line.argv)
    if len(" ".join(words)) <= _WIDTH:
        return " ".join(words)
    rows = [words[0]]
    for word in words[1:]:
        if word.startswith("--"):
            rows.append(word)
        else:
            rows[-1] += f" {word}"
    packed = [rows[0]]
    for row in rows[1:]:
        if len(packed[-1]) + len(row) < _WIDTH - 4:
            packed[-1] += f" {row}"
        else:
            packed.append(f"    {row}")
    return " \\\n".join(packed)


def _quoted(word: str) -> str:
    return f'"{word}"' if word.startswith("$") else shlex.quote(word)


def config(launch: Launch) -> str:
    """Return the lines of config.toml that use the server."""
    provider = launch.server
    lines = [
        f"model_provider = {_toml(provider)}",
        f"model = {_toml(launch.name)}",
        "",
        f"[model_providers.{provider}]",
        f"name = {_toml(PROVIDERS[provider].name)}",
        f"base_url = {_toml(f'{launch.url}/v1')}",
    ]
    if launch.key_env:
        lines.append(f"env_key = {_toml(launch.key_env)}")
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return msgspec.json.encode(text).decode()


# --- for us --------------------------------------------------------------------------


def filled(word: str, env: Mapping[str, str]) -> str:
    """Return a word with the variable that it stands for.

    Raises ``EngineError`` where that is not set.
    """
    if not word.startswith("$"):
        return word
    value = env.get(word[1:], "").strip()
    if not value:
        raise EngineError(
            f"the environment variable {word[1:]} is not set",
            hint="Put the key into it that clients are to send.",
        )
    return value
