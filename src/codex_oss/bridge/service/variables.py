"""The environment of an installed bridge: systemd and launchd start it without one."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from codex_oss.bridge.service.state import write_private
from codex_oss.errors import ConfigError
from codex_oss.wire.json_text import NOT_JSON

PLAIN = (
    "CODEX_HOME",
    "CODEX_OSS_HOME",
    "CODEX_OSS_BASE_URL",
    "CODEX_OSS_PORT",
    "OLLAMA_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""Variables that codex-oss reads, but for the keys."""


_FOLDERS = ("CODEX_HOME", "CODEX_OSS_HOME")


def from_anywhere(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables that mean the same to a program in another folder."""
    folders = {
        name: str(Path(env[name]).absolute()) for name in _FOLDERS if env.get(name)
    }
    return dict(env) | folders


def chosen(env: Mapping[str, str], keys: Iterable[str | None]) -> dict[str, str]:
    """Return what of ``env`` the bridge needs; ``keys`` are variables that hold one."""
    names = dict.fromkeys((*PLAIN, *(key for key in keys if key)))
    return {
        name: value
        for name, value in from_anywhere(env).items()
        if value and name in names
    }


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    """Write them for their owner's eyes only."""
    write_private(
        path, msgspec.json.format(msgspec.json.encode(dict(variables))) + b"\n"
    )


def read_variables(path: Path) -> dict[str, str]:
    """Return what was written; nothing where there is no file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, *NOT_JSON) as error:
        raise ConfigError(
            f"cannot read {path}: {error}",
            hint="Run `codex-oss bridge install` again.",
        ) from error
