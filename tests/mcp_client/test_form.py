"""Schemas of servers' forms, good and odd ones."""

from typing import Any

import pytest

from codex_oss.errors import McpError
from codex_oss.mcp.form import MAX_ABOUT, MAX_FIELDS, MAX_OPTIONS, MAX_SHOWN, read_form
from codex_oss.policy.form import (
    Choice,
    Choices,
    Field,
    Number,
    Option,
    Switch,
    Text,
)

OPTIONS = (Option("s", "small"), Option("m", "medium"))
PLAIN = (Option("s", "s"), Option("m", "m"))
TITLED = [{"const": "s", "title": "small"}, {"const": "m", "title": "medium"}]


def one(field: Any, *, required: bool = False) -> Field:
    """Return a form's only field."""
    schema: dict[str, Any] = {"type": "object", "properties": {"f": field}}
    (found,) = read_form(schema | {"required": ["f"] * required}).fields
    return found


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"type": "string"}, Text(name="f", title="f")),
        (
            {"type": "string", "title": "F", "description": "What?", "default": "x"},
            Text(name="f", title="F", about="What?", default="x"),
        ),
        (
            {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^a"},
            Text(name="f", title="f", shortest=2, longest=9, pattern="^a"),
        ),
        (
            {"type": "string", "format": "email"},
            Text(name="f", title="f", format="email"),
        ),
        ({"type": "string", "format": "ipv4"}, Text(name="f", title="f")),
        (
            {"type": "integer", "minimum": 1, "maximum": 100, "default": 42},
            Number(name="f", title="f", whole=True, least=1, most=100, default=42),
        ),
        ({"type": "number", "default": 3.5}, Number(name="f", title="f", default=3.5)),
        (
            {"type": "boolean", "default": False},
            Switch(name="f", title="f", default=False),
        ),
        (
            {"type": "string", "enum": ["s", "m"]},
            Choice(name="f", title="f", options=PLAIN),
        ),
        ({"enum": ["s", "m"]}, Choice(name="f", title="f", options=PLAIN)),
        (
            {"type": "string", "enum": ["s", "m"], "enumNames": ["small", "medium"]},
            Choice(name="f", title="f", options=OPTIONS),
        ),
        (
            {"type": "string", "oneOf": TITLED, "default": "m"},
            Choice(name="f", title="f", options=OPTIONS, default="m"),
        ),
        (
            {"type": "array", "items": {"type": "string", "enum": ["s", "m"]}},
            Choices(name="f", title="f", options=PLAIN),
        ),
        (
            {"type": "array", "items": {"anyOf": TITLED}, "minItems": 1, "maxItems": 2}
            | {"default": ["s"]},
            Choices(
                name="f", title="f", options=OPTIONS, fewest=1, most=2, default=("s",)
            ),
        ),
    ],
)
def test_each_kind_of_field_is_read(field: dict[str, Any], expected: Field) -> None:
    assert one(field) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (
            {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            Number(name="f", title="f", whole=True),
        ),
        ({"type": ["string", "null"]}, Text(name="f", title="f")),
        (
            {"const": "s", "type": "string"},
            Choice(name="f", title="f", options=PLAIN[:1]),
        ),
        (
            {"enum": ["s"], "enumNames": ["a", "b"]},
            Choice(name="f", title="f", options=PLAIN[:1]),
        ),
        ({"oneOf": [{"const": "s"}]}, Choice(name="f", title="f", options=PLAIN[:1])),
        ({"type": "string", "title": 7, "description": []}, Text(name="f", title="f")),
        ({"type": "string", "title": ""}, Text(name="f", title="f")),
        ({"type": "string", "minLength": "2"}, Text(name="f", title="f")),
        ({"type": "string", "format": ["email"]}, Text(name="f", title="f")),
        ({"type": "string", "default": 7}, Text(name="f", title="f")),
        (
            {"type": "integer", "maximum": 3, "default": 4},
            Number(name="f", title="f", whole=True, most=3),
        ),
        ({"type": "integer", "default": True}, Number(name="f", title="f", whole=True)),
        ({"type": "integer", "minimum": True}, Number(name="f", title="f", whole=True)),
        (
            {"enum": ["s"], "default": "x"},
            Choice(name="f", title="f", options=PLAIN[:1]),
        ),
    ],
)
def test_odd_fields_are_read_as_far_as_they_mean_something(
    field: dict[str, Any], expected: Field
) -> None:
    assert one(field) == expected


def test_a_field_may_be_needed() -> None:
    assert one({"type": "boolean"}, required=True) == Switch(
        name="f", title="f", required=True
    )


@pytest.mark.parametrize("schema", [{}, {"properties": [1]}, None, 7, {"required": 1}])
def test_a_form_without_fields_has_none(schema: object) -> None:
    assert read_form(schema).fields == ()


def test_the_schema_is_kept_as_it_came() -> None:
    schema = {"type": "object", "properties": {"f": {"type": "string", "x-y": [1]}}}
    expected = '{"type":"object","properties":{"f":{"type":"string","x-y":[1]}}}'
    assert read_form(schema).schema == expected


def test_what_is_long_is_cut() -> None:
    field = one({"type": "string", "title": "t" * 500, "description": "d" * 5000})
    assert len(field.title) == MAX_SHOWN + 1
    assert len(field.about) == MAX_ABOUT


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"f": {"type": "object"}}, "f, which is no text, number, switch or choice"),
        ({"f": 7}, "f, which is no text, number, switch or choice"),
        ({"f": {"title": "F"}}, "F, which is no text, number, switch or choice"),
        ({"f": {"enum": []}}, "f, which is no text, number, switch or choice"),
        ({"f": {"enum": ["a", 1]}}, "f, which is no text, number, switch or choice"),
        ({"f": {"type": "array"}}, "f, which is no text, number, switch or choice"),
        (
            {"f": {"type": "array", "items": {"type": "string"}}},
            "f, which is no text, number, switch or choice",
        ),
        ({"f": {"$ref": "#/$defs/F"}}, "f, which is no text, number, switch or choice"),
        (
            {"f": {"enum": [str(n) for n in range(MAX_OPTIONS + 1)]}},
            f"a choice of {MAX_OPTIONS + 1}",
        ),
        (
            {str(n): {"type": "string"} for n in range(MAX_FIELDS + 1)},
            f"{MAX_FIELDS + 1} fields",
        ),
        ({"f": {"type": "string", "x": "y" * 70_000}}, "a form of 68 KiB"),
    ],
)
def test_what_is_no_form_is_refused(properties: dict[str, Any], why: str) -> None:
    with pytest.raises(McpError) as caught:
        read_form({"type": "object", "properties": properties})
    assert str(caught.value) == why


def test_a_needed_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(McpError) as caught:
        read_form({"type": "object", "properties": {}, "required": ["a"]})
    assert str(caught.value) == "the field a, which it does not have"
