"""The text that a command's output becomes for the model, and the command's own line.

Source of the formats: the Codex CLI 0.169.
"""

import msgspec

BYTES_PER_TOKEN = 4
"""The estimate that budgets and counts are made with."""


class Budget(msgspec.Struct, frozen=True):
    """How many bytes of output the model may read, and in what to count the rest."""

    size: int
    unit: str = "chars"


def report(
    text: str,
    *,
    chunk_id: str,
    wall_s: float,
    state: str,
    size: int,
    budget: Budget,
) -> str:
    """Return what the model reads about a command.

    ``text`` is the output since the last report, of ``size`` bytes as the program
    wrote them. ``state`` is the line about its end or its session.
    """
    return (
        f"Chunk ID: {chunk_id}\n"
        f"Wall time: {wall_s:.4f} seconds\n"
        f"{state}\n"
        f"Original token count: {tokens(size)}\n"
        f"Output:\n{truncate(text, budget)}"
    )


def truncate(text: str, budget: Budget) -> str:
    """Return ``text``, its middle left out if it has more bytes than ``budget``."""
    data = text.encode()
    if len(data) <= budget.size:
        return text
    head = data[: budget.size // 2].decode(errors="ignore")
    start = len(data) - (budget.size - budget.size // 2)
    while start < len(data) and data[start] & 0xC0 == 0x80:  # noqa: PLR2004  UTF-8's continuation bytes
        start += 1
    tail = data[start:].decode()
    if budget.unit == "tokens":
        omitted = tokens(len(data) - len(head.encode()) - len(tail.encode()))
    else:
        omitted = len(text) - len(head) - len(tail)
    return (
        f"Warning: truncated output (original token count: {tokens(len(data))})\n"
        f"Total output lines: {len(text.splitlines())}\n\n"
        f"{head}…{omitted} {budget.unit} truncated…{tail}"
    )


def tokens(size: int) -> int:
    """Return the estimated tokens of ``size`` bytes."""
    return -(-size // BYTES_PER_TOKEN)


def rejected(what: str) -> str:
    """Return the text about a command that was not run: ``what``, as Rust prints it."""
    return (
        "exec_command failed: CreateProcess { message: "
        f"{_literal(f'Rejected({_literal(what)})')} }}"
    )


_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
)


def _literal(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


# --- the command as one line ------------------------------------------------------

_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-./:@]_"
)


def line(argv: tuple[str, ...]) -> str:
    """Return ``argv`` quoted for a shell, in the fewest quotes that do."""
    return " ".join(_quoted(word) for word in argv)


def _quoted(word: str) -> str:
    if not word:
        return "''"
    pieces: list[str] = []
    while word:
        piece, word = _piece(word)
        pieces.append(piece)
    return "".join(pieces)


def _piece(word: str) -> tuple[str, str]:
    """Quote the longest start of ``word`` that one kind of quotes can hold.

    Of the kinds that hold equally much, none is taken before single before double.
    """
    kinds = {"", "'", '"'} if word[0] != "^" else {"'"}
    end = 0 if word[0] != "^" else 1
    for character in word[end:]:
        left = {kind for kind in kinds if _holds(kind, character)}
        if not left:
            break
        kinds = left
        end += 1
    head, rest = word[:end], word[end:]
    if "" in kinds:
        return head, rest
    if "'" in kinds:
        return f"'{head}'", rest
    escaped = head.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"', rest


def _holds(kind: str, character: str) -> bool:
    if kind == "":
        return character in _PLAIN
    if kind == "'":
        return character not in "'^"
    return character not in "$`!^"
