"""What every action of ``codex-oss bridge`` needs: its configuration, its places."""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from codex_oss.bridge.service import asking
from codex_oss.bridge.service.asking import Use
from codex_oss.bridge.settings import BridgeSettings, settings
from codex_oss.cli import bridge_arguments
from codex_oss.cli.settings import load_config
from codex_oss.config.home import user_home
from codex_oss.config.load import Loaded
from codex_oss.errors import CodexOssError, ConfigError, UsageError
from codex_oss.wiring.world import state_home

if TYPE_CHECKING:
    # Imported by the actions that need them: a bridge that serves does not, and starts
    # 1.5 ms earlier.
    from codex_oss.bridge.service.install import Keeper
    from codex_oss.bridge.service.state import Shelf

T = TypeVar("T")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, its configuration read."""

    options: argparse.Namespace
    env: Mapping[str, str]
    loaded: Loaded
    settings: BridgeSettings

    @property
    def shelf(self) -> "Shelf":
        """Where bridges in the background are remembered."""
        from codex_oss.bridge.service.state import (  # noqa: PLC0415  see above
            FOLDER,
            Shelf,
        )

        return Shelf(state_home(self.env) / FOLDER)

    @property
    def keeper(self) -> "Keeper":
        """What starts a bridge with every login."""
        from codex_oss.bridge.service.install import Keeper  # noqa: PLC0415  see above

        kind = "launchd" if sys.platform == "darwin" else "systemd"
        return Keeper(kind=kind, home=user_home(self.env), user=os.getuid())

    @property
    def unit(self) -> str:
        """The name that it has there."""
        return f"codex-oss-bridge-{self.settings.port}"

    @property
    def at(self) -> str:
        """The words that name its port again, for commands in messages."""
        given = self.options.listen_port
        return "" if given is None else f" --listen-port {given}"

    def ask(self, use: Use[T]) -> T:
        """Return what a question over HTTP brings."""
        return asyncio.run(asking.once(self.env, use))

    def need_port(self) -> None:
        """Raise ``ConfigError`` where port 0 would name nothing."""
        if not self.settings.port:
            raise ConfigError(
                "port 0 names no bridge", hint="Name its port with --listen-port."
            )


def read_call(options: argparse.Namespace, env: Mapping[str, str]) -> Call:
    """Return the options and the configuration they make; raises ``CodexOssError``."""
    bridge_arguments.settle_engine(options)
    if options.debug and options.quiet:
        raise UsageError("--debug and --quiet contradict each other", hint="Use one.")
    loaded = load_config(options, env, bridge_arguments.flags_of(options))
    chosen = settings(loaded, env, debug=options.debug, quiet=options.quiet)
    return Call(options=options, env=env, loaded=loaded, settings=chosen)


def program() -> list[str]:
    """Return the words that start codex-oss."""
    return [str(Path(sys.executable).absolute()), "-m", "codex_oss"]


def none_answers(url: str) -> CodexOssError:
    """Return the error of an action that needs a running bridge."""
    return CodexOssError(
        f"no bridge answers at {url}",
        hint="Start one: codex-oss bridge start (or choose another by --listen-port).",
    )


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def note(line: str) -> None:
    """Print a line that is not the answer."""
    sys.stderr.write(f"{line}\n")
