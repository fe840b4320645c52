"""A server's form as lines of a terminal: its head, one field, and all that was said.

What the server says stands behind a bar or a number of ours, as in ``question``; no
more than the beginning of a pattern, a value or a title stands inside a line of ours.
"""

from codex_oss.exec_mode.question import BAR
from codex_oss.exec_mode.screen import MIN_COLUMNS
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap, wrap_words
from codex_oss.policy import AnswerServer
from codex_oss.policy.filling import EMPTY, asks_secret, labels, shown, wants
from codex_oss.policy.form import Choice, Choices, Field, Form, Text, Value, Values

HELP = (
    "What you write goes to this server, and only when you say so in the end. Esc "
    "shows all fields, and lets you decline; Ctrl-C leaves without an answer."
)
WARNING = (
    "! This looks like a secret. Servers must not ask for one in a form; it would be "
    "seen by the server, and on this screen. Leave it out, or decline."
)
LEFT_OUT, NEEDED = "(left out)", "(needed)"
MAX_BEFORE = 100
"""Characters of what Enter keeps; the whole of it stands among all fields."""
_GAP = "  "


def head(asked: AnswerServer, columns: int) -> str:
    """Return what a form begins with: who asks, and what for."""
    width = _width(columns)
    rows = wrap(
        f"MCP server {visible(asked.server)} asks you to fill in a form.", width
    )
    rows += ["", *_behind_bar(asked.message, width), "", *_ours(HELP, width)]
    return "\n" + "\n".join(rows) + "\n"


def field_rows(
    asked: AnswerServer, form: Form, number: int, before: Value | None, columns: int
) -> str:
    """Return a field as it is asked about; ``before`` is what was said for it."""
    width, field = _width(columns), form.fields[number]
    rows = ["", *_ours(f"{number + 1} of {len(form.fields)}", width)]
    rows += _behind_bar(field.title, width)
    if field.about and field.about != field.title:
        rows += _behind_bar(field.about, width)
    if isinstance(field, Choice | Choices):
        for label, option in zip(labels(field), field.options, strict=True):
            rows += _numbered(label, option.title, width)
    rows += _ours(_hint(field, before), width)
    if _secret(asked, form, field):
        rows += _ours(WARNING, width)
    return "\n".join([*rows, ""])


def wrong(why: str, columns: int) -> str:
    """Return why something cannot be an answer."""
    return "\n".join(_ours(f"Not that: {why}", _width(columns))) + "\n"


def review(asked: AnswerServer, form: Form, said: Values, columns: int) -> str:
    """Return all fields with what would be sent."""
    width = _width(columns)
    server = visible(asked.server)
    rows = ["", *wrap(f"This would be sent to MCP server {server}:", width), ""]
    for number, field in enumerate(form.fields, start=1):
        mark = "  ! looks like a secret" if _secret(asked, form, field) else ""
        told = f"{field.title}: {_told(field, said)}"
        rows += _numbered(
            str(number), told + (mark if field.name in said else ""), width
        )
    return "\n".join([*rows, "", ""])


def commands(columns: int, *, more: bool) -> str:
    """Return what may be typed below a review; ``more``: fields are still open."""
    go_on = "Enter goes on; " if more else ""
    told = f"{go_on}y sends it; a number changes that field; n declines; "
    return "\n".join(
        _ours(f"{told}Ctrl-C leaves without an answer", _width(columns))
    ) + ("\n")


def _hint(field: Field, before: Value | None) -> str:
    parts = [f"{wants(field)}{' (needed)' if field.required else ''}"]
    if before is not None:
        parts.append(f"Enter: {_begin(_some(shown(field, before)))}")
    elif not field.required:
        parts.append("Enter leaves it out")
    if before is not None and not field.required:
        parts.append(f"{EMPTY} leaves it out")
    elif field.required and isinstance(field, Text) and not field.shortest:
        parts.append(f"{EMPTY} for an empty one")
    return "; ".join(parts)


def _told(field: Field, said: Values) -> str:
    if field.name in said:
        return _some(shown(field, said[field.name]))
    return NEEDED if field.required else LEFT_OUT


def _begin(text: str) -> str:
    return text if len(text) <= MAX_BEFORE else f"{text[:MAX_BEFORE]}…"


def _some(text: str) -> str:
    return text or "nothing"


def _secret(asked: AnswerServer, form: Form, field: Field) -> bool:
    alone = len(form.fields) == 1
    return asks_secret(field, asked.message if alone else "")


def _width(columns: int) -> int:
    return max(columns, MIN_COLUMNS) - 1


def _ours(text: str, width: int) -> list[str]:
    return [_GAP + row for row in wrap_words(visible(text), width - len(_GAP))]


def _behind_bar(text: str, width: int) -> list[str]:
    lines = [visible(line) for line in text.split("\n")]
    return [BAR + row for line in lines for row in wrap_words(line, width - len(BAR))]


def _numbered(label: str, text: str, width: int) -> list[str]:
    begin = f"{_GAP}{label}. "
    first, *rest = wrap_words(visible(text), width - len(begin))
    return [begin + first, *(" " * len(begin) + row for row in rest)]
