"""Forms that are filled in by yes and no."""

import asyncio
from typing import Any

import pytest

from codex_oss.mcp.form import MAX_FIELDS, MAX_OPTIONS, Form, fill, read_form

TEXT = {"type": "string"}
SWITCH = {"type": "boolean"}
SIZES = {"type": "string", "enum": ["s", "m"], "enumNames": ["small", "medium"]}
COLORS = {
    "title": "Color",
    "oneOf": [{"const": "#f00", "title": "red"}, {"const": "#00f"}],
}


def required(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


def filled(schema: object, *answers: bool) -> tuple[dict[str, Any] | None, list[str]]:
    """Return what a form becomes, and the questions."""
    asked: list[str] = []
    given = iter(answers)

    async def ask(message: str) -> bool:
        asked.append(message)
        return next(given)

    return asyncio.run(fill(read_form(schema), "Please.", ask)), asked


@pytest.mark.parametrize(
    ("schema", "content", "asked"),
    [
        ({"type": "object", "properties": {}}, {}, "Please."),
        ({}, {}, "Please."),
        ({"properties": [1]}, {}, "Please."),
        ({"properties": {"name": TEXT}}, {}, "Please."),
        (required(ok=SWITCH), {"ok": True}, "Please.\nok: true"),
        ({"properties": {"n": {"default": 3}}}, {"n": 3}, "Please.\nn: 3"),
        (required(t=TEXT | {"default": "x"}), {"t": "x"}, "Please.\nt: x"),
    ],
)  # fmt: skip
def test_what_a_form_proposes_is_shown_and_agreed_to_at_once(
    schema: dict[str, Any], content: dict[str, Any], asked: str
) -> None:
    assert filled(schema, True) == (content, [asked])
    assert filled(schema, False) == (None, [asked])


def test_options_are_asked_about_one_after_the_other() -> None:
    schema = required(size=SIZES, color=COLORS, sure=SWITCH)
    content, asked = filled(schema, True, False, True, True, False)
    assert content == {"size": "m", "color": "#f00", "sure": False}
    assert asked == [
        "Please.",
        "Please.\nsize: small?",
        "Please.\nsize: medium?",
        "Please.\nColor: red?",
        "Please.\nsure: yes?",
    ]


def test_who_wants_none_of_the_options_declines() -> None:
    assert filled(required(size=SIZES), True, False, False)[0] is None


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        (required(name=TEXT), "name"),
        (required(n={"type": "integer", "title": "How many"}), "How many"),
        (required(many={"enum": [str(n) for n in range(MAX_OPTIONS + 1)]}), "many"),
        (required(odd={"enum": [1, None]}), "odd"),
        (required(odd={"enum": []}), "odd"),
        (required(odd=7), "odd"),
        ({"properties": {str(n): TEXT for n in range(MAX_FIELDS + 1)}}, "33 fields"),
    ],
)  # fmt: skip
def test_a_form_that_somebody_must_write_is_known(
    schema: dict[str, Any], written: str
) -> None:
    assert read_form(schema) == Form(written=written)
