"""Where conversations lie below Codex's home, and what their ids look like.

Source: the Codex CLI 0.169.
"""

SESSIONS = "sessions"
ARCHIVED = "archived_sessions"
START = "rollout-"
"""How the name of a file begins; its local time and the id follow."""
ID_LENGTH = 36
_DASHES = 4
_LETTERS = frozenset("0123456789abcdef-")


def is_id(word: str) -> bool:
    """Tell whether a word is a whole id, and no name: a UUID in small letters."""
    return len(word) == ID_LENGTH and may_begin_id(word) and word.count("-") == _DASHES


def may_begin_id(word: str) -> bool:
    """Tell whether an id may begin with a word."""
    return _LETTERS.issuperset(word)
