"""What is remembered of bridges in the background: one small file for each port."""

import contextlib
from pathlib import Path

import msgspec

from codex_oss.config.whole import write_whole
from codex_oss.errors import ConfigError
from codex_oss.process.detached import Process
from codex_oss.wire.json_text import NOT_JSON

FOLDER = "bridge"


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge that was started in the background."""

    port: int
    url: str
    process: Process
    arguments: list[str]
    """Of ``codex-oss bridge``, to start it again."""
    started: float
    """Seconds since the epoch."""


class Shelf(msgspec.Struct, frozen=True):
    """The folder of instances and their logs."""

    folder: Path

    def log(self, port: int) -> Path:
        """Return the log of the bridge on a port."""
        return self.folder / f"{port}.log"

    def variables(self, port: int) -> Path:
        """Return the file with the environment of an installed bridge."""
        return self.folder / f"{port}.env"

    def read(self, port: int) -> Instance | None:
        """Return what is remembered of a port; a file of another form is nothing."""
        try:
            data = self._file(port).read_bytes()
        except FileNotFoundError:
            return None
        with contextlib.suppress(*NOT_JSON):
            return msgspec.json.decode(data, type=Instance)
        return None

    def all(self) -> list[Instance]:
        """Return all that is remembered, by port."""
        stems = [path.stem for path in self.folder.glob("*.json")]
        ports = sorted(int(stem) for stem in stems if stem.isdecimal())
        return [found for port in ports if (found := self.read(port))]

    def keep(self, instance: Instance) -> None:
        """Remember; readers see the old file or the new one, whole."""
        path = self._file(instance.port)
        write_private(path, msgspec.json.format(msgspec.json.encode(instance)))

    def forget(self, port: int) -> None:
        """Remember nothing of a port; its log stays."""
        self._file(port).unlink(missing_ok=True)

    def _file(self, port: int) -> Path:
        return self.folder / f"{port}.json"


def write_private(path: Path, data: bytes) -> None:
    """Write a file for its owner's eyes, whole or not; raises ``ConfigError``."""
    try:
        write_whole(path, data, mode=0o600)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
