"""What may be written into a form's fields: in words, read from text, and checked.

The same for every front end that draws a form, and for values that come from elsewhere.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import assert_never, cast
from urllib.parse import urlsplit

import msgspec

from codex_oss.policy.form import (
    Choice,
    Choices,
    Field,
    Form,
    Number,
    Option,
    Switch,
    Text,
    Value,
    Values,
)
from codex_oss.policy.pattern import found

MAX_TEXT = 10_000
"""Characters of a text."""
EMPTY = '""'
"""What a person types for a text without characters, or for no value."""
_MAX_DIGITS = 64
MAX_SHOWN_PATTERN = 100
"""Characters of a pattern in what a person is told."""
_YES = ("y", "yes", "true", "on", "1")
_NO = ("n", "no", "false", "off", "0")
_FORMATS = {
    "email": "an e-mail address",
    "uri": "an address such as https://example.com",
    "date": "a date such as 2026-01-31",
    "date-time": "a time such as 2026-01-31T09:30:00Z",
}


class Wrong(msgspec.Struct, frozen=True):
    """Why a value does not fit, in a clause."""

    why: str


# --- a whole form ---------------------------------------------------------------------


def defaults(form: Form) -> Values:
    """Return what stands in a form before anybody wrote into it."""
    values = {field.name: _copy(field.default) for field in form.fields}
    return {name: value for name, value in values.items() if value is not None}


def proposed(form: Form) -> Values:
    """Return what somebody sends who agrees to a form as it is.

    Where only one switch has to be set, agreeing sets it.
    """
    kept = defaults(form)
    open_fields = [f for f in form.fields if f.required and f.name not in kept]
    match open_fields:
        case [Switch(name=name)]:
            return kept | {name: True}
        case _:
            return kept


def fitting(form: Form, values: Mapping[str, object]) -> Values | Wrong:
    """Return the values of the form's fields if all of them fit."""
    kept: Values = {}
    for field in form.fields:
        value = values.get(field.name)
        if value is None:
            if field.required:
                return Wrong(f"{field.title}: it is needed")
            continue
        checked = check(field, value)
        if isinstance(checked, Wrong):
            return Wrong(f"{field.title}: {checked.why}")
        kept[field.name] = checked
    return kept


def _copy(default: str | float | tuple[str, ...] | None) -> Value | None:
    return list(default) if isinstance(default, tuple) else default


# --- one field ------------------------------------------------------------------------


def wants(field: Field) -> str:
    """Return what belongs into a field, in a few words."""
    match field:
        case Text():
            sort = _FORMATS.get(field.format, "")
            size = _amount(field.shortest, field.longest, "character")
            like = f"matching {_pattern(field)}" if field.pattern else ""
            return ", ".join(filter(None, (sort, size, like))) or "a text"
        case Number():
            sort = "a whole number" if field.whole else "a number"
            return f"{sort}{_bounds(field.least, field.most)}"
        case Switch():
            return "y or n"
        case Choice():
            return "one of the list"
        case Choices():
            size = _amount(field.fewest, field.most, "")
            return "several of the list, with commas" + (f": {size}" if size else "")
        case _:
            assert_never(field)


def labels(field: Choice | Choices) -> tuple[str, ...]:
    """Return what options are called by: letters where they themselves are numbers."""
    numbers = [str(n) for n in range(1, len(field.options) + 1)]
    called = {
        word for o in field.options for word in (o.value.strip(), o.title.strip())
    }
    if not called.intersection(numbers):
        return tuple(numbers)
    return tuple(map(_letters, range(len(field.options))))


def shown(field: Field, value: Value) -> str:
    """Return a value as people know it."""
    match field, value:
        case Choice() | Choices(), str() | list():
            titles = {option.value: option.title for option in field.options}
            chosen = [value] if isinstance(value, str) else value
            return ", ".join(titles.get(each, each) for each in chosen)
        case _, bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def read(field: Field, typed: str) -> Value | Wrong:
    """Return what somebody means who typed this for a field."""
    match field:
        case Text():
            text = typed.strip() if field.format else typed
            return check(field, "" if text.strip() == EMPTY else text)
        case Number():
            return check(field, _number(typed.strip()))
        case Switch():
            word = typed.strip().casefold()
            return check(field, word in _YES if word in _YES + _NO else word)
        case Choice():
            return check(field, _chosen(field, typed))
        case Choices():
            return check(field, _several(field, typed))
        case _:
            assert_never(field)


def check(field: Field, value: object) -> Value | Wrong:
    """Return the value of a field if it fits."""
    match field, value:
        case Text(), str():
            why = _text_is(field, value)
            return Wrong(why) if why else value
        case Number(), bool():
            return Wrong(f"it must be {wants(field)}")
        case Number(), int() | float():
            return _fitting_number(field, value)
        case Switch(), bool():
            return value
        case Choice(), str() if value in [option.value for option in field.options]:
            return value
        case Choices(), list():
            return _fitting_choices(field, cast("list[object]", value))
        case _:
            return Wrong(f"it must be {wants(field)}")


def asks_secret(field: Field, message: str = "") -> bool:
    """Return whether a field seems to ask for a secret, by its name or its title.

    Forms must not (MCP, client/elicitation): a secret belongs on a page of the
    server's. A form with one field may say in its ``message`` alone what it is for.
    """
    if not isinstance(field, Text | Number) or (
        isinstance(field, Text) and field.format
    ):
        return False
    return any(
        _SECRET.search(_words(text)) for text in (field.name, field.title, message)
    )


_SECRET = re.compile(
    r"\b(pass ?words?|passwd|pass ?phrases?|pass ?codes?|pwd|secrets?|token"
    r"|(api|access|private|secret|ssh|signing|encryption|recovery) ?keys?|credentials?"
    r"|pin|cvv|cvc|otp|(security|recovery|one time) codes?|mnemonic|seed phrase"
    r"|(card|account|social security) numbers?|credit ?card|ssn|iban)\b"
)


def _words(text: str) -> str:
    """Return ``apiKey`` and ``API_KEY`` as ``api key``; no more than matters."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text[:MAX_TEXT])
    return re.sub(r"[\W_]+", " ", apart).casefold()


# --- texts ----------------------------------------------------------------------------


def _text_is(field: Text, text: str) -> str:
    """Return what is wrong with a text; nothing if it fits."""
    most = field.longest
    if len(text) > MAX_TEXT and (most is None or most > MAX_TEXT):
        most = MAX_TEXT
    if len(text) < field.shortest or (most is not None and len(text) > most):
        size = _amount(field.shortest, most, "character")
        return f"it must have {size}, and has {len(text)}"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "it has bytes that are no text"
    if field.format and not _FITS[field.format](text):
        return f"it must be {_FORMATS[field.format]}"
    if field.pattern and found(field.pattern, text) is False:
        return f"it must match {_pattern(field)}"
    return ""


def _pattern(field: Text) -> str:
    shown, rest = field.pattern[:MAX_SHOWN_PATTERN], field.pattern[MAX_SHOWN_PATTERN:]
    return f"{shown}…" if rest else shown


def _is_email(text: str) -> bool:
    name, _, domain = text.rpartition("@")
    parts = domain.split(".")
    plain = text.isprintable() and not any(char.isspace() for char in text)
    return bool(name) and "@" not in name and plain and all(parts)


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    plain = text.isprintable() and not any(char.isspace() for char in text)
    return plain and bool(parts.scheme) and bool(parts.netloc or parts.path)


def _is_date(text: str) -> bool:
    # `fromisoformat` knows other ways to write one, which JSON Schema does not.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


_TIME = re.compile(
    r"([0-9-]{10})[Tt]([0-9:]{8})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _is_date_time(text: str) -> bool:
    parts = _TIME.fullmatch(text)
    if parts is None:
        return False
    day, time, _, zone = parts.groups()
    try:
        datetime.fromisoformat(f"{day}T{time}{zone.upper().replace('Z', '+00:00')}")
    except ValueError:
        return False
    return True


_FITS = {
    "email": _is_email,
    "uri": _is_uri,
    "date": _is_date,
    "date-time": _is_date_time,
}

# --- numbers --------------------------------------------------------------------------


def _number(text: str) -> float | str:
    """Return a number, or the text where it is none."""
    if len(text) > _MAX_DIGITS or not text.isascii():
        return text
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", text):
        return float(text)
    return text


def _fitting_number(field: Number, value: float) -> Value | Wrong:
    wrong = Wrong(f"it must be {wants(field)}")
    if isinstance(value, float) and not math.isfinite(value):
        return wrong
    if field.whole and value != int(value):
        return wrong
    low = field.least is not None and value < field.least
    high = field.most is not None and value > field.most
    if low or high:
        return wrong
    return int(value) if field.whole else value


def _bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f", at most {most}"
    return f", at least {least}" if most is None else f" from {least} to {most}"


def _amount(least: int, most: int | None, of: str) -> str:
    """Return such as "3 to 20 characters"; nothing where any amount will do."""
    if most is None:
        said, last = f"at least {least}" if least else "", least
    elif least == most:
        said, last = f"{most}", most
    else:
        said, last = f"{least} to {most}" if least else f"at most {most}", most
    return f"{said} {of}{'' if last == 1 else 's'}" if said and of else said


# --- options --------------------------------------------------------------------------


def _letters(number: int) -> str:
    """Return a, b, …, z, aa, ab, …."""
    rest, last = divmod(number, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("a") + last)


def _chosen(field: Choice | Choices, typed: str) -> str | None:
    """Return the value of the option that is meant: by its label, value or title."""
    word = typed.strip().casefold()
    called = dict(zip(labels(field), field.options, strict=True))
    if word in called:
        return called[word].value
    meant: list[Option] = [
        option
        for option in field.options
        if word in (option.value.casefold(), option.title.casefold())
    ]
    return meant[0].value if len(meant) == 1 else None


def _several(field: Choices, typed: str) -> list[str | None]:
    if typed.strip() in ("", EMPTY):
        return []
    parts = [part for part in typed.split(",") if part.strip()]
    chosen = [_chosen(field, part) for part in parts]
    if None in chosen:  # 1 3 4, too
        chosen = [_chosen(field, part) for part in typed.replace(",", " ").split()]
    return list(dict.fromkeys(chosen))


def _fitting_choices(field: Choices, chosen: Sequence[object]) -> Value | Wrong:
    known = {option.value for option in field.options}
    kept = [each for each in chosen if isinstance(each, str) and each in known]
    most = len(known) if field.most is None else field.most
    if len(kept) < len(chosen) or not field.fewest <= len(kept) <= most:
        return Wrong(f"it must be {wants(field)}")
    return kept
