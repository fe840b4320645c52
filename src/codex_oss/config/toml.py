"""A TOML file as a tree: read, parsed, every leaf with its line, errors with theirs."""

from pathlib import Path

from codex_oss.config.keys import dotted, find_end, read_key
from codex_oss.config.masking import is_secret
from codex_oss.config.tree import Key, Tree, graft
from codex_oss.errors import ConfigError

MAX_FILE_BYTES = 4 * 1024 * 1024
"""A larger file is not somebody's configuration."""


def read(path: Path, shown: str) -> Tree | None:
    """Return a file as a tree, or None when it does not exist.

    ``shown`` is the path in origins, such as ``~/.codex/config.toml``. Raises
    ``ConfigError`` when the file cannot be read or is not TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"Cannot read {path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", hint="Save it as UTF-8") from (
            error
        )
    return parse(text, path, shown)


def parse(text: str, path: Path, shown: str) -> Tree:
    """Return TOML text as a tree whose origins are ``shown:line``."""
    import tomllib  # noqa: PLC0415  3 ms that a run without a file does not pay

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error, text, path) from error
    lines = key_lines(text)

    def origin(key: Key) -> str:
        # A key inside an inline table stands on the line of that table.
        for length in range(len(key), 0, -1):
            if line := lines.get(key[:length]):
                return f"{shown}:{line}"
        return shown

    return graft(table, origin)


def key_lines(text: str) -> dict[Key, int]:
    """Return the line (from 1) of every key and table header of valid TOML text."""
    lines: dict[Key, int] = {}
    table: Key = ()
    quote = ""  # the delimiter of the multi-line string we are in
    for number, line in enumerate(text.split("\n"), 1):
        if quote:
            end = find_end(line, quote, 0)
            if end >= 0:
                quote = _opened(line[end + 3 :].lstrip(quote[0]))
            continue
        rest = line.strip()
        if rest.startswith("["):
            if (found := read_key(rest.lstrip("["))) and found[1].startswith("]"):
                table = found[0]
                lines.setdefault(table, number)
        elif (found := read_key(rest)) and found[1].startswith("="):
            lines.setdefault((*table, *found[0]), number)
            rest = found[1]
        quote = _opened(rest)
    return lines


def _opened(text: str) -> str:
    """Return the delimiter of the multi-line string that is open after a line."""
    if '"""' not in text and "'''" not in text:
        return ""
    at = 0
    while at < len(text) and text[at] != "#":
        quote = text[at] if text[at] in "\"'" else ""
        if text.startswith(quote * 3, at):
            quote *= 3
        at += len(quote) or 1
        if quote:
            end = find_end(text, quote, at)
            if end < 0:
                return quote
            at = end + len(quote)
            # `""""`: the string itself may end with quotes.
            while len(quote) > 1 and text.startswith(quote[0], at):
                at += 1
    return ""


def _syntax_error(error: ValueError, text: str, path: Path) -> ConfigError:
    """Return tomllib's error as ``path:line:column: message`` and the source line."""
    message, _, place = str(error).removesuffix(")").rpartition(" (at ")
    source = [line.rstrip("\r") for line in text.split("\n")]
    if place.startswith("line "):
        line, column = (int(word) for word in place[5:].split(", column "))
    else:  # "end of document"
        line, column = len(source), len(source[-1]) + 1
    shown, caret = _excerpt(source[line - 1], column)
    margin = " " * len(str(line))
    return ConfigError(
        f"{path}:{line}:{column}: {message[:1].lower()}{message[1:]}\n"
        f"{margin} |\n{line} | {shown}\n{margin} | {caret}".rstrip()
    )


def _excerpt(source: str, column: int) -> tuple[str, str]:
    """Return a source line without the secret that may stand on it, and a caret."""
    found = read_key(source)
    if found and is_secret(dotted(found[0])):
        cut = len(source) - len(found[1])
        return source[:cut] + "= …", " " * min(column - 1, cut + 2) + "^"
    return source, " " * (column - 1) + "^"
