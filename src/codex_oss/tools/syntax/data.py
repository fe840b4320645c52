"""JSON, JSON with comments, JSON lines and TOML, by the standard library."""

import json
import re
import tomllib

from codex_oss.tools.syntax.doubts import UNLESS_COMMENTS
from codex_oss.tools.syntax.fault import UNKNOWN, Fault

_PIECES = r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[\]}])'
_WITH_COMMENTS = ("tsconfig", "jsconfig", "devcontainer", ".eslintrc", ".swcrc")
NEVER_WITH_COMMENTS = ("package.json", "package-lock.json", "composer.json")
_FOLDERS_WITH_COMMENTS = (".vscode", ".devcontainer", ".zed")
_SUFFIXES_WITH_COMMENTS = (".jsonc", ".code-workspace")


def json_fault(text: str) -> Fault | None:
    """Return where ``text`` is no JSON, or None."""
    try:
        # Numbers of any length are JSON; what they are is not asked.
        json.loads(text.removeprefix("\ufeff"), parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        return Fault(error.lineno, error.colno, error.msg, "JSON")
    except RecursionError:
        return UNKNOWN
    return None


def jsonc_fault(text: str) -> Fault | None:
    """Return where ``text`` is no JSON with comments and trailing commas, or None."""
    return json_fault(re.sub(_PIECES, _blanked, text, flags=re.DOTALL))


def loose_fault(text: str) -> Fault | None:
    """Return where ``text`` is no JSON; comments in it may be meant."""
    strict = json_fault(text)
    if strict is None or strict is UNKNOWN:
        return strict
    found = jsonc_fault(text)
    there = text.split("\n")[strict.line - 1][strict.column - 1 :]
    if found is None and there.startswith(("//", "/*")):
        return strict._replace(unless=UNLESS_COMMENTS)
    return strict if found is None else found._replace(errors=2)


def lines_fault(text: str) -> Fault | None:
    """Return the first line that is no JSON, or None."""
    for number, line in enumerate(text.split("\n"), 1):
        found = json_fault(line) if line.strip() else None
        if found is not None and found is not UNKNOWN:
            return found._replace(line=number)
    return None


def toml_fault(text: str) -> Fault | None:
    """Return where ``text`` is no TOML, or None."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        if place is None:  # "at end of document"
            what = str(error).partition(" (at")[0]
            return Fault(text.count("\n") + 1, 1, what, "TOML")
        what = str(error)[: place.start()]
        return Fault(int(place[1]), int(place[2]), what, "TOML")
    except (RecursionError, ValueError):  # nested too deep; numbers too long
        return UNKNOWN
    return None


def takes_comments(path: str) -> bool:
    """Return whether a file of JSON has comments by custom."""
    *folders, name = path.replace("\\", "/").lower().split("/")
    return (
        name.startswith(_WITH_COMMENTS)
        or name.endswith(_SUFFIXES_WITH_COMMENTS)
        or bool(folders and folders[-1] in _FOLDERS_WITH_COMMENTS)
    )


def _blanked(found: re.Match[str]) -> str:
    """Return blanks for a comment or comma, so that places stay as they are."""
    piece = found[0]
    return piece if piece.startswith('"') else re.sub(r"[^\n]", " ", piece)
