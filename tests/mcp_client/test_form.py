"""Forms that agreement alone can fill in."""

from typing import Any

import pytest

from codex_oss.mcp.form import MAX_FIELDS, agreed

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "filled"),
    [
        ({"type": "object", "properties": {}}, {}),
        ({}, {}),
        ({"properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}, {"ok": True}),
        ({"properties": {"n": {"type": "integer", "default": 3}}}, {"n": 3}),
        ({"properties": {"name": TEXT}}, {}),
        ({"properties": {"name": TEXT}, "required": ["name"]}, None),
        ({"properties": {str(n): TEXT for n in range(MAX_FIELDS + 1)}}, None),
        ({"properties": [1]}, {}),
    ],
)  # fmt: skip
def test_a_form_is_filled_in_where_nobody_must_write(
    schema: dict[str, Any], filled: dict[str, Any] | None
) -> None:
    assert agreed(schema) == filled
