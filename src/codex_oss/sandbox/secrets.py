"""What commands are kept from reading: keys, and doors to programs that obey anybody.

Left out on purpose: files that hold a key now and then, but without which ordinary
tools fail or fetch from the wrong place, such as ``~/.npmrc``, ``~/.yarnrc.yml``,
``~/.gitconfig``, ``pip.conf``, ``~/.m2/settings.xml`` and ``gradle.properties``.
Whoever has a key in there can name it in ``sandbox_deny_read``.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec

from codex_oss.config.masking import is_secret
from codex_oss.errors import SandboxError

PRESET = "secrets"
"""The word for everything in ``SECRETS``."""


class Secret(msgspec.Struct, frozen=True):
    """Paths, relative to the home folder or absolute, and what can be had there."""

    what: str
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


SECRETS = (
    Secret(
        "logins to other machines", (".ssh",), (".netrc", ".config/rclone/rclone.conf")
    ),
    Secret(
        "keys that sign and decrypt",
        (".gnupg", ".password-store", ".config/sops/age", "/etc/ssl/private"),
    ),
    Secret(
        "keyrings and stored passwords",
        (
            ".local/share/keyrings",
            ".local/share/kwalletd",
            "Library/Keychains",
            ".config/op",
            ".config/Bitwarden CLI",
        ),
        (".pgpass", ".mylogin.cnf", "/etc/shadow", "/etc/gshadow"),
    ),
    Secret(
        "accounts at clouds",
        (
            ".aws",
            ".azure",
            ".config/gcloud",
            ".oci",
            ".aliyun",
            ".kube",
            ".config/doctl",
        ),
        (".fly/config.yml", ".terraform.d/credentials.tfrc.json", ".vault-token"),
    ),
    Secret(
        "accounts at code hosts and registries",
        (".config/gh", ".config/glab-cli"),
        (
            ".git-credentials",
            ".config/git/credentials",
            ".config/hub",
            ".docker/config.json",
            ".config/containers/auth.json",
            ".pypirc",
            ".cargo/credentials.toml",
            ".gem/credentials",
            ".config/pypoetry/auth.toml",
            ".cache/huggingface/token",
            ".cache/huggingface/stored_tokens",
        ),
    ),
    Secret(
        "accounts of other agents",
        (".config/github-copilot",),
        (
            ".codex/auth.json",
            ".codex/.credentials.json",
            ".claude/.credentials.json",
            ".claude.json",
            ".gemini/oauth_creds.json",
            ".qwen/oauth_creds.json",
            ".config/goose/secrets.yaml",
            ".config/cursor/auth.json",
            ".local/share/opencode/auth.json",
            ".aider/oauth-keys.env",
        ),
    ),
    Secret(
        "where a browser is logged in",
        (
            ".mozilla",
            ".thunderbird",
            ".config/google-chrome",
            ".config/chromium",
            ".config/BraveSoftware",
            ".config/microsoft-edge",
            "Library/Application Support/Firefox",
            "Library/Application Support/Google/Chrome",
            "Library/Cookies",
        ),
    ),
    Secret(
        "what was typed once, with passwords in it",
        (),
        (
            ".bash_history",
            ".zsh_history",
            ".local/share/fish/fish_history",
            ".psql_history",
            ".mysql_history",
        ),
    ),
)
"""What the preset denies."""

_OF_CODEX = ("auth.json", ".credentials.json", ".env")
"""In ``$CODEX_HOME``: the login, those to MCP servers, and variables with keys."""
_OF_STATE = (
    *("auth.json", "bridge", "responses.sqlite", "responses.sqlite-wal"),
    "undo",
)
"""In our state: the same; environments of bridges; what other clients have said; files
of all workspaces."""

DOORS = (
    # systemd and D-Bus start programs for their user; so does a terminal multiplexer.
    *("/run/user", "/run/dbus", "/run/systemd/private", "/run/screen"),
    "/tmp/tmux-{}",  # noqa: S108  where tmux has it
    # Whoever may talk to these is root.
    *(
        "/run/docker.sock",
        "/run/podman",
        "/run/containerd",
        "/run/crio",
        "/run/libvirt",
    ),
    *("/run/snapd.socket", "/run/snapd-snap.socket", "/var/lib/lxd", "/run/incus"),
    # A client of the X server can type into every window.
    "/tmp/.X11-unix",  # noqa: S108  where X has it
    # WSL: starts programs of Windows.
    "/run/WSL",
)
"""Sockets, and folders of them, through which a command could have something done
outside of its sandbox; ``{}`` is the user's number. Without network the filter of
system calls closes all sockets in the file system; with it, these are hidden."""


def denied(
    names: Sequence[str], home: Path, *, codex_home: Path, state: Path
) -> tuple[str, ...]:
    """Return absolute real paths for ``sandbox_deny_read``, and our own keys' always.

    ``names`` are paths, ``~`` allowed, or the word ``secrets``. Raises
    ``SandboxError`` for a relative path.
    """
    paths = [*own(codex_home, state), *_settings_with_keys(codex_home)]
    for name in names:
        paths += _preset(home) if name == PRESET else [_absolute(name, home)]
    return tuple(dict.fromkeys(os.path.realpath(path) for path in paths))


def own(codex_home: Path, state: Path) -> tuple[str, ...]:
    """Return the files and folders of this program that hold keys."""
    return (
        *(str(codex_home / name) for name in _OF_CODEX),
        *(str(state / name) for name in _OF_STATE),
    )


def doors(user: int) -> tuple[str, ...]:
    """Return ``DOORS`` for a user of that number."""
    return tuple(path.format(user) for path in DOORS)


def _settings_with_keys(codex_home: Path) -> list[str]:
    """Return the files of settings that hold a key themselves.

    The others may be read: a person may want the model to look at them.
    """
    try:
        files = [path for path in codex_home.iterdir() if path.suffix == ".toml"]
    except OSError:
        return []
    return [str(path) for path in files if _holds_key(path)]


def _holds_key(file: Path) -> bool:
    import tomllib  # noqa: PLC0415  3 ms that a run without a file does not pay

    try:
        tree: object = tomllib.loads(file.read_text("utf-8"))
    except OSError:
        return False
    except ValueError:  # no TOML: nobody can tell
        return True
    return any(is_secret(key) for key in _texts(tree, ""))


def _texts(value: object, key: str) -> Iterator[str]:
    """Yield the dotted keys of all texts that are not empty."""
    if isinstance(value, str) and value:
        yield key
    elif isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _texts(inner, key)


def _preset(home: Path) -> list[str]:
    folders = [str(home / path) for secret in SECRETS for path in secret.folders]
    files = [str(home / path) for secret in SECRETS for path in secret.files]
    # In a writable root, what is missing is held by an empty folder; in the place of
    # such a file the person's own programs would trip over it.
    return [*folders, *filter(os.path.lexists, files)]


def _absolute(name: str, home: Path) -> str:
    path = home / name[2:] if name.startswith("~/") else Path(name)
    if name == "~":
        path = home
    if not path.is_absolute():
        raise SandboxError(
            f"`sandbox_deny_read` has {name!r}, which is no absolute path",
            hint=f"Begin it with / or ~/, or write {PRESET!r} for the usual places.",
        )
    return str(path)
