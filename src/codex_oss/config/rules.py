"""Where people keep rules about commands: ``rules/*.rules`` of a Codex home."""

from pathlib import Path

from codex_oss.config.locked import locked
from codex_oss.config.whole import write_whole
from codex_oss.errors import ConfigError
from codex_oss.policy.rule_text import line, parse
from codex_oss.policy.rules import PrefixRule, Rules

MAX_FILE_BYTES = 1024 * 1024
"""A larger file does not hold rules."""


class RulesFile:
    """The rules of a person and of the project they work in.

    Read are, in the order of their names, ``rules/*.rules`` in ``home``, which is
    ``$CODEX_HOME``, and in ``.codex`` of the folder ``project``. In a project that is
    not ``trusted`` only rules that ask or forbid count. With ``ignore`` no file is
    read, and only what is allowed from now on counts.
    """

    def __init__(
        self,
        home: Path,
        *,
        project: Path | None = None,
        trusted: bool = False,
        ignore: bool = False,
    ) -> None:
        self._home = home
        self._project = project
        self._trusted = trusted
        self._ignore = ignore
        self._read_once: list[PrefixRule] | None = None
        self._allowed: list[PrefixRule] = []
        self._warnings: list[str] = []

    @property
    def warnings(self) -> tuple[str, ...]:
        """What ``load`` left out, each with file and line."""
        return tuple(self._warnings)

    def load(self) -> Rules:
        """Return the rules of all files, and what was allowed since.

        Files are read at the first call only: what a command writes there counts when
        a person has had time to see it. Raises ``ConfigError`` for a file of the
        person or of a trusted project that cannot be read; in any other project it is
        left out, with a warning.
        """
        if self._read_once is None:
            self._read_once = [] if self._ignore else self._read_all()
        return Rules(tuple(dict.fromkeys([*self._read_once, *self._allowed])))

    def allow(self, prefix: tuple[str, ...]) -> None:
        """Add a rule that allows what begins with ``prefix``, unless it is there.

        It goes to ``rules/default.rules`` of ``home``. Several processes may do so at
        the same time; a crash leaves the old file or the new one.
        """
        self._allowed.append(PrefixRule(pattern=prefix))
        path = self._home / "rules" / "default.rules"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.parent / ".lock"):
                _append(path.resolve(), line(prefix).encode())
        except OSError as error:
            raise ConfigError(
                f"Cannot add a rule to {path}: {error.strerror}",
                hint=f"Make {path.parent} writable, or add this line: {line(prefix)}",
            ) from error

    def _read_all(self) -> list[PrefixRule]:
        self._warnings = []
        rules = [rule for path in _files(self._home) for rule in self._read(path)]
        for path in self._files_of_project():
            rules += self._read(path) if self._trusted else self._read_untrusted(path)
        return rules

    def _files_of_project(self) -> list[Path]:
        if self._project is None:
            return []
        folder = self._project / ".codex"
        # Whoever works in the home folder has the same files twice.
        return [] if folder.resolve() == self._home.resolve() else _files(folder)

    def _read(self, path: Path) -> list[PrefixRule]:
        rules, warnings = parse(_text(path), str(path))
        self._warnings += warnings
        return rules

    def _read_untrusted(self, path: Path) -> list[PrefixRule]:
        try:
            rules = self._read(path)
        except ConfigError as error:
            self._warnings.append(str(error))
            return []
        strict = [rule for rule in rules if rule.decision != "allow"]
        if len(strict) < len(rules):
            self._warnings.append(
                f"{path}: rules that allow count only in trusted projects; set "
                f'projects."{self._project}".trust_level to "trusted"'
            )
        return strict


def _files(home: Path) -> list[Path]:
    return sorted((home / "rules").glob("*.rules"))


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():  # a pipe would hold us up for ever
        raise ConfigError(
            f"Cannot read {path}: it is no file",
            hint="Take it out of the folder.",
        )
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"Cannot read {path}: {error.strerror}",
            hint="Make it readable, or take it out of the folder.",
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(
            f"Cannot read {path}: larger than {MAX_FILE_BYTES} bytes",
            hint="Split it into several files.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{number}: not UTF-8", hint="Save it as UTF-8") from (
            error
        )


def _append(path: Path, rule: bytes) -> None:
    """Replace a file by one that has one more line; nothing if it has it already."""
    data = path.read_bytes() if path.exists() else b""
    if rule in data.splitlines():
        return
    if data and not data.endswith(b"\n"):
        data += b"\n"
    write_whole(path, data + rule + b"\n", lasting=True)
