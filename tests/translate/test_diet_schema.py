"""Schemas and descriptions of tools that nobody knows, made small."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.translate.diet.schema import slim_schema
from codex_oss.translate.diet.wording import cut


def test_what_only_editors_read_goes() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Args",
        "type": "object",
        "description": "The arguments.",
        "properties": {
            "path": {
                "title": "Path",
                "type": "string",
                "description": "Where it is. " + "More of it. " * 20,
                "examples": ["a", "b"],
                "minLength": 1,
            },
            "depth": {"type": "integer", "default": 3, "title": "Depth"},
            "note": {"type": "string", "default": None},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    assert slim_schema(schema, 30) == {
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "Where it is. More of it.",
                "minLength": 1,
            },
            "depth": {"type": "integer", "default": 3},
            "note": {"type": "string"},
        },
        "required": ["path"],
    }


def test_parameters_with_the_names_of_keywords_stay() -> None:
    names = ["title", "examples", "description", "default", "$schema", "required"]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
    }
    assert slim_schema(schema, 30) == schema


def test_values_stay_as_they_are() -> None:
    choice = {"enum": [{"title": "a"}, "", None], "default": {"title": "a"}}
    schema: dict[str, Any] = {"properties": {"x": choice, "y": {"const": {"title": 1}}}}
    assert slim_schema(schema, 30) == schema


def test_an_optional_null_is_left_out_and_a_required_one_is_kept() -> None:
    null = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Its name."}
    two = {"type": ["integer", "null"]}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": null, "b": null, "c": two, "d": two},
        "required": ["a", "c"],
    }
    assert slim_schema(schema, 30)["properties"] == {
        "a": null,
        "b": {"type": "string", "description": "Its name."},
        "c": two,
        "d": {"type": "integer"},
    }


def test_a_map_keeps_the_schema_of_its_values() -> None:
    schema = {"additionalProperties": {"type": "string", "title": "V"}}
    assert slim_schema(schema, 30) == {"additionalProperties": {"type": "string"}}


def test_references_lead_where_they_led() -> None:
    schema = {
        "$defs": {"title": {"type": "object", "title": "T"}},
        "properties": {"a": {"$ref": "#/$defs/title"}},
    }
    assert slim_schema(schema, 30) == {
        "$defs": {"title": {"type": "object"}},
        "properties": {"a": {"$ref": "#/$defs/title"}},
    }


def test_a_strict_schema_keeps_what_its_server_demands() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}},
        "required": [],
        "additionalProperties": False,
    }
    kept = {key: schema[key] for key in schema if key != "required"}
    assert slim_schema(schema, 30, strict=True) == kept


def test_a_limit_of_zero_leaves_no_description() -> None:
    inner = {"type": "object", "properties": {"b": {"description": "B."}}}
    schema = {"properties": {"a": {"description": "A.", "items": inner}}}
    assert slim_schema(schema, 0) == {
        "properties": {"a": {"items": {"type": "object", "properties": {"b": {}}}}}
    }


def test_a_schema_of_any_depth_is_read() -> None:
    schema: dict[str, Any] = {}
    for _ in range(300):
        schema = {"title": "T", "items": schema}
    slim = slim_schema(schema, 30)
    assert [*slim] == ["items"]


_names = st.sampled_from(["a", "title", "default", "items", "enum", "type"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_names | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(_names, _json, max_size=4), st.sets(_names), st.integers(0, 50))
def test_no_parameter_is_lost_whatever_its_schema(
    fields: dict[str, Any], required: set[str], limit: int
) -> None:
    needed = sorted(required & fields.keys())
    schema = {"type": "object", "properties": fields, "required": needed}
    slim = slim_schema(schema, limit)
    assert slim["properties"].keys() == fields.keys()
    assert slim.get("required", []) == needed
    assert slim_schema(slim, limit) == slim


# --- sentences ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("Short.", 10, "Short."),
        ("One. Two. Three is long.", 12, "One. Two."),
        ("One\n\n  line  of\ttext", 40, "One line of text"),
        ("Reads a file, e.g. this one. Then more.", 30, "Reads a file, e.g. this one."),
        ("A sentence that never ends here", 20, "A sentence that…"),
        ("Ends with a comma, and more", 20, "Ends with a comma…"),
        ("Unbreakable" * 4, 12, "Unbreakable…"),
        ("", 10, ""),
    ],
)
def test_a_text_is_cut_after_a_sentence_or_a_word(
    text: str, limit: int, kept: str
) -> None:
    assert cut(text, limit) == kept


@given(st.text(), st.integers(1, 60))
def test_a_cut_text_keeps_the_limit_and_is_not_cut_again(text: str, limit: int) -> None:
    once = cut(text, limit)
    assert len(once) <= limit
    assert cut(once, limit) == once
