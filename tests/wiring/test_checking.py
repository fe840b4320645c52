"""The check of an answer that may take for ever."""

from typing import Any

import pytest

from codex_oss.agent.form import AnswerForm
from codex_oss.wiring import checking

AGAIN = {"$ref": "#/$defs/a"}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as a busy machine needs to start the other process."""
    monkeypatch.setattr(checking, "LIMIT_S", 60.0)


@pytest.mark.parametrize(
    "schema",
    [{"pattern": "^(a+)+$"}, {**AGAIN, "$defs": {"a": {"anyOf": [AGAIN, AGAIN]}}}],
    ids=["pattern", "references"],
)
def test_a_check_that_would_take_for_ever_is_a_fault(
    schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LIMIT_S", 0.5)
    assert checking.faults("a" * 50 + "!", schema) == [checking.TOO_LONG]


def test_another_process_finds_what_we_do() -> None:
    schema = {"properties": {"a": {"pattern": "^x"}}, "required": ["b"]}
    found = ["$.b is missing", '$.a must match ^x, and is "y"']
    assert checking.faults({"a": "y"}, schema) == found
    assert checking.faults({"a": "x", "b": 1}, schema) == []


@pytest.mark.parametrize("answer", ["[" * 100_000, '"\ud800"', "", "nul"])
def test_what_is_no_json_is_a_fault_too(answer: str) -> None:
    assert AnswerForm({}, apart=True, faults=checking.faults).fault(answer)
