"""Keys and passwords in bodies: what people see of them is a mask."""

import re
from functools import cache

from codex_oss.config.masking import MASK

_FAMILIES = (
    r"\bsk-[\w-]{16,}",
    r"\bgh[pousr]_\w{20,}",
    r"\bgithub_pat_\w{20,}",
    r"\bglpat-[\w-]{16,}",
    r"\bhf_\w{20,}",
    r"\bxox[abprs]-[\w-]{10,}",
    r"\bA(?:KIA|SIA)[A-Z0-9]{16}\b",
    r"\bAIza[\w-]{30,}",
    r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}",
    r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----[\w+/=\s\\]*",
)
"""Keys that tell by their form what they are: the prefixes that their issuers chose."""
_NAMES = (
    r"(?:api[_-]?key|secret(?:[_-]?access)?[_-]?key|access[_-]?key|private[_-]?key"
    r"|(?:access|auth|refresh|id|session|bearer|api)[_-]?token"
    r"|client[_-]?secret|password|passwd|authorization)"
)
_VALUE = r"[^\s\"'\\,;&{}\[\]()<>$]"
_NAMED = (
    # The name, then `": "`, `=`, `: ` or these with escaped quotes, then the value,
    # which is not an expression of a program, such as `os.environ["KEY"]`.
    rf"({_NAMES}\\*[\"']?\s{{0,4}}[:=]\s{{0,4}}\\*[\"']?(?:(?:Bearer|Basic)\s+)?)"
    rf"({_VALUE}{{6,}})(?!{_VALUE}|[\[(])"
)
_BEARER = r"(\b(?:Bearer|Basic) )([\w.~+/=-]{12,})"


def mask_secrets(text: str) -> str:
    """Return a text with the keys and passwords that can be told as such masked.

    JSON stays JSON. A key that is cut in two, or has no known form and no name that
    says what it is, stays as it is.
    """
    families, named = _patterns()
    return named.sub(_masked, families.sub(MASK, text))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    families = re.compile("|".join(_FAMILIES))
    return families, re.compile(f"{_NAMED}|{_BEARER}", re.IGNORECASE)


def _masked(match: re.Match[str]) -> str:
    return f"{match[1] or match[3]}{MASK}"
