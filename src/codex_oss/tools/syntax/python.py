"""Python, by the parser of the Python that we run on."""

import ast
import sys
import warnings

from codex_oss.tools.syntax.doubts import unless_newer
from codex_oss.tools.syntax.fault import UNKNOWN, Fault

BY = f"Python {sys.version_info.major}.{sys.version_info.minor}"


def fault(text: str) -> Fault | None:
    """Return where ``text`` is no Python, or None."""
    try:
        with warnings.catch_warnings():
            # Such as of invalid escapes, which would be printed for people.
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        if "too many nested" in error.msg or "too complex" in error.msg:
            return UNKNOWN
        lines = text.splitlines()
        number = error.lineno or 1
        line = lines[number - 1] if number <= len(lines) else ""
        unless = unless_newer(line)
        return Fault(number, error.offset or 1, error.msg, BY, unless=unless)
    except ValueError as error:  # NUL characters
        return Fault(1, 1, str(error), BY)
    except (RecursionError, MemoryError):
        return UNKNOWN
    return None
