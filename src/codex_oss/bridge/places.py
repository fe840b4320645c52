"""Where responses may be kept, by its name in the configuration."""

from codex_oss.config.masking import mask_url
from codex_oss.errors import ConfigError

PLACES = ("memory", "none", "sqlite")
"""Besides ``sqlite:PATH`` and a URL of Redis."""
REDIS = ("redis://", "rediss://", "unix://")


def check_place(name: str) -> None:
    """Raise ``ConfigError`` for what is no place; a password is not shown."""
    path = name.removeprefix("sqlite:")
    if name in PLACES or name.startswith(REDIS) or (path and path != name):
        return
    raise ConfigError(
        f"`bridge.store` (--store): `{mask_url(name)}` is no place to keep responses",
        hint="Use memory, none, sqlite, sqlite:PATH or redis://HOST:PORT/DB.",
    )
