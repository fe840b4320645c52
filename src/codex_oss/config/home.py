"""The person's home directory."""

from collections.abc import Mapping
from pathlib import Path

from codex_oss.errors import ConfigError


def user_home(env: Mapping[str, str]) -> Path:
    """Return ``$HOME``, or what the system says; ``ConfigError`` if it does not."""
    if named := env.get("HOME"):
        return Path(named)
    try:
        return Path.home()
    except RuntimeError as error:
        raise ConfigError(
            "there is no home directory for this user",
            hint="Set HOME, or CODEX_HOME and CODEX_OSS_HOME.",
        ) from error
