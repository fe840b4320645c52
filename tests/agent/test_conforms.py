"""Whether a JSON value follows a JSON schema."""

from typing import Any

import pytest

from codex_oss.agent.conforms import MOST, faults

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
        "boss": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"name": "Ann"}, []),
        ({"name": "Ann", "age": 3.0, "tags": ["a"], "boss": {"name": "B"}}, []),
        ([], ["$ must be object, and is []"]),
        ({}, ["$.name is missing"]),
        ({"name": ""}, ["$.name must have at least 1 characters, and has 0"]),
        ({"name": "ann"}, ['$.name must match ^[A-Z], and is "ann"']),
        ({"name": "A", "age": -1}, ["$.age must be at least 0, and is -1"]),
        ({"name": "A", "age": 150}, ["$.age must be less than 150, and is 150"]),
        ({"name": "A", "age": 1.5}, ["$.age must be integer, and is 1.5"]),
        ({"name": "A", "age": True}, ["$.age must be integer, and is true"]),
        ({"name": "A", "tags": ["c"]}, ['$.tags[0] must be "a" or "b", and is "c"']),
        (
            {"name": "A", "tags": ["a"] * 3},
            ["$.tags must have at most 2 items, and has 3"],
        ),
        ({"name": "A", "x": 1}, ["$.x must not be there"]),
        ({"name": "A", "boss": {}}, ["$.boss.name is missing"]),
    ],
    ids=str,
)
def test_each_fault_is_told_with_its_place(value: object, wanted: list[str]) -> None:
    # Of an empty name two things are wrong.
    assert faults(value, PERSON)[: len(wanted) or None] == wanted


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"const": 1}, [1, 1.0], [True, 2, "1"]),
        ({"type": ["string", "null"]}, ["x", None], [1]),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, [0, 9], [3]),
        ({"allOf": [{"minimum": 1}, {"maximum": 5}]}, [3], [0, 9]),
        ({"not": {"type": "string"}}, [1], ["x"]),
        ({"prefixItems": [{"const": 1}], "items": False}, [[1], []], [[2], [1, 2]]),
        ({"uniqueItems": True}, [[1, 2]], [[{"a": 1, "b": 2}, {"b": 2, "a": 1}]]),
        ({"multipleOf": 0.5}, [1.5, 2], [0.7]),
        ({"multipleOf": 0.01}, [19.99, 0, 1e300], [0.005]),
        ({"minLength": "5", "required": [5]}, ["a"], []),
        ({"$ref": "#/allOf/0", "allOf": [{"type": "string"}]}, ["a"], [1]),
        ({"patternProperties": {"^x": {"type": "null"}}}, [{"x": None}], [{"xy": 1}]),
        ({"additionalProperties": {"type": "null"}}, [{"a": None}], [{"a": 1}]),
        (
            {"$defs": {"a/b": {"const": 1}}, "$ref": "#/$defs/a~1b"},
            [1],
            [2],
        ),
        ({"pattern": "(?<broken"}, ["x"], []),
        ({"$ref": "#/$defs/absent"}, [1], []),
        ({"$ref": "https://elsewhere/x"}, [1], []),
        ({"madeUp": True}, [1], []),
        (True, [1], []),
        (False, [], [1]),
        ({"allOf": [{"$ref": "#"}]}, [1], []),
    ],
    ids=str,
)
def test_a_keyword_demands_what_it_says(
    schema: object, good: list[object], bad: list[object]
) -> None:
    assert [faults(value, schema) for value in good] == [[] for _ in good]
    assert all(faults(value, schema) for value in bad)


def test_only_the_first_faults_are_told() -> None:
    assert len(faults([1] * 100, {"items": {"type": "string"}})) == MOST
