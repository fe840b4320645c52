"""A form that a person is asked to fill in: its fields, whoever draws it.

Source of the kinds of fields: ``elicitation/create`` of the Model Context Protocol,
versions 2025-06-18 and 2025-11-25. What may be written into a field, and whether it
fits, tells ``policy.filling``.
"""

from typing import Literal

import msgspec

Value = str | int | float | bool | list[str]
"""What a field may hold."""
Values = dict[str, Value]
"""What a form holds, by the names of its fields; one that is left out is not there."""
Format = Literal["", "email", "uri", "date", "date-time"]


class Option(msgspec.Struct, frozen=True):
    """One of several values, and what it is called."""

    value: str
    title: str


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A text; ``pattern`` is a regular expression that is found in it."""

    name: str
    title: str
    about: str = ""
    required: bool = False
    default: str | None = None
    format: Format = ""
    pattern: str = ""
    shortest: int = 0
    longest: int | None = None


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number; ``whole`` is one without a fraction."""

    name: str
    title: str
    about: str = ""
    required: bool = False
    default: int | float | None = None
    whole: bool = False
    least: int | float | None = None
    most: int | float | None = None


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """Yes or no."""

    name: str
    title: str
    about: str = ""
    required: bool = False
    default: bool | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of several values."""

    name: str
    title: str
    options: tuple[Option, ...]
    about: str = ""
    required: bool = False
    default: str | None = None


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """Some of several values."""

    name: str
    title: str
    options: tuple[Option, ...]
    about: str = ""
    required: bool = False
    default: tuple[str, ...] | None = None
    fewest: int = 0
    most: int | None = None


Field = Text | Number | Switch | Choice | Choices


class Form(msgspec.Struct, frozen=True):
    """The fields in their order, and the JSON schema that they were read from."""

    fields: tuple[Field, ...] = ()
    schema: str = '{"type":"object","properties":{}}'
