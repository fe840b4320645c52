"""Who has a port: nobody, a bridge, Ollama, or somebody else."""

import errno
import socket
from collections.abc import Mapping

from codex_oss.bridge.service import asking
from codex_oss.bridge.service.asking import Report
from codex_oss.bridge.settings import url_of
from codex_oss.errors import ConfigError, ModelError
from codex_oss.net import Client


def is_free(listen: str, port: int) -> bool:
    """Return whether one could listen there; raises ``ConfigError`` for a bad address.

    Somebody else may take the port before it is bound for good.
    """
    try:
        # As bytes: of a str Python makes an international name, with 3 ms of imports.
        name = listen.encode("ascii" if listen.isascii() else "idna")
        found = socket.getaddrinfo(
            name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise _no_address(listen, error.strerror or str(error)) from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # As the server does: a port whose last connection just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            if error.errno == errno.EACCES:
                raise ConfigError(
                    f"this user may not listen on port {port}",
                    hint="Take one from 1024 on with --listen-port.",
                ) from error
            raise _no_address(listen, error.strerror or str(error)) from error
    return True


async def owner(listen: str, port: int, client: Client, key: str = "") -> Report | str:
    """Return the bridge that has a port, or some words for who else."""
    url = url_of(listen, port)
    if found := await asking.ask(url, client, key):
        return found
    try:
        _, body = await asking.fetch(url + "/", client)
    except ModelError:
        return "another program"
    return "Ollama" if body.startswith(b"Ollama is running") else "another web server"


async def require_free(
    listen: str, port: int, env: Mapping[str, str], key: str = ""
) -> None:
    """Raise ``ConfigError`` that says who has the port, if somebody has."""
    if port and not is_free(listen, port):
        who = await asking.once(env, lambda client: owner(listen, port, client, key))
        raise taken(port, who)


def taken(port: int, owner: Report | str) -> ConfigError:
    """Return the error for a port that somebody has."""
    if isinstance(owner, Report):
        return ConfigError(
            f"port {port} is taken: a bridge serves there already"
            + (f", in front of {owner.upstream}" if owner.upstream else ""),
            hint="Use that one, end it with `codex-oss bridge stop`, or take another "
            "port with --listen-port.",
        )
    hint = "Take another port with --listen-port; 0 takes any that is free."
    if owner == "Ollama":
        hint += (
            " To stand on Ollama's own port, first move Ollama: "
            "OLLAMA_HOST=127.0.0.1:11433 ollama serve"
        )
    return ConfigError(f"port {port} is taken by {owner}", hint=hint)


def _no_address(listen: str, why: str) -> ConfigError:
    return ConfigError(
        f"cannot listen on `{listen}`: {why}",
        hint="--listen takes an address of this machine, such as 127.0.0.1.",
    )
