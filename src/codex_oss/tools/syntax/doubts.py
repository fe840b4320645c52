"""Texts that a parser calls wrong although they may be right.

A model that is told to mend what is right breaks it. So nothing is said of what is in
another language than its name says, and where a fault may be none the model is told
when.
"""

import re
import sys
from pathlib import PurePath

_DATA = (".yaml", ".yml", ".json", ".toml", ".jsonc")
_TAGS = r"\{%.*?%\}|<%.*?%>"
_TEMPLATE = re.compile(_TAGS, re.DOTALL)
_TEMPLATE_OF_DATA = re.compile(rf"(?<!\$)\{{\{{.*?\}}\}}|{_TAGS}", re.DOTALL)
"""Of Jinja, Helm, ERB; ``${{ … }}`` of GitHub's workflows stands in plain YAML."""
_SHELLS = r"#!.*\b(?:ba|da|k|a)?sh\b"
_FLOW = re.compile(r"\A.{0,2000}?@flow\b", re.DOTALL)

_MACRO = re.compile(r"^\s*#\s*(?:if|define)|\b[A-Z][A-Z0-9_]{2,} *\(", re.MULTILINE)
UNLESS_COMMENTS = "Mend it, unless comments are customary in this file."
_NEWER = (
    ((3, 12), r"\s*type\s+\w+\s*[\[=]"),
    ((3, 12), r"\s*(?:async\s+def|def|class)\s+\w+\s*\["),
    ((3, 12), r".*\b[rR]?[fF][rR]?[\"'].*\{"),
    ((3, 14), r".*\b(?:[rR]?[tT][rR]?)[\"']"),
    ((3, 14), r"\s*except\*?\s+[\w.]+\s*,"),
)
"""Lines that Python takes from some version on."""


def in_another_language(path: str, text: str) -> bool:
    """Return whether a file says that it is of another dialect than its name."""
    suffix = PurePath(path).suffix.lower()
    head = text.partition("\n")[0]
    if suffix in (".sh", ".bash") and head.startswith("#!"):
        return re.match(_SHELLS, head) is None
    return suffix in (".js", ".jsx", ".mjs", ".cjs") and _FLOW.match(text) is not None


def unless_template(path: str, text: str) -> str:
    """Return when a file with the marks of a template may be right; or nothing."""
    data = PurePath(path).suffix.lower() in _DATA
    marks = _TEMPLATE_OF_DATA if data else _TEMPLATE
    return "Mend it, unless this is a template." if marks.search(text) else ""


def unless_macro(text: str) -> str:
    """Return when C that does not parse may be right; nothing without macros."""
    return "Mend it, unless a macro explains it." if _MACRO.search(text) else ""


def unless_newer(line: str) -> str:
    """Return when a line of Python that does not parse may be right; or nothing."""
    for version, pattern in _NEWER:
        if sys.version_info < version and re.match(pattern, line):
            named = ".".join(map(str, version))
            return f"Mend it, unless the project is for Python {named} or newer."
    return ""
