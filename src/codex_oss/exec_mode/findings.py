"""What a review found: read from the model's JSON, written as people read it.

Source of both forms: ``codex exec review`` of the Codex CLI 0.169.
"""

from pathlib import Path
from typing import Any

import msgspec

from codex_oss.wire.json_text import NOT_JSON

_RANGE = {
    "type": "object",
    "properties": {"start": {"type": "integer"}, "end": {"type": "integer"}},
    "required": ["start", "end"],
    "additionalProperties": False,
}
_LOCATION = {
    "type": "object",
    "properties": {"absolute_file_path": {"type": "string"}, "line_range": _RANGE},
    "required": ["absolute_file_path", "line_range"],
    "additionalProperties": False,
}
_FINDING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "body": {"type": "string"},
        "confidence_score": {"type": "number"},
        "priority": {"type": "integer"},
        "code_location": _LOCATION,
    },
    "required": ["title", "body", "confidence_score", "priority", "code_location"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "findings": {"type": "array", "items": _FINDING},
        "overall_correctness": {"enum": ["patch is correct", "patch is incorrect"]},
        "overall_explanation": {"type": "string"},
        "overall_confidence_score": {"type": "number"},
    },
    "required": [
        "findings",
        "overall_correctness",
        "overall_explanation",
        "overall_confidence_score",
    ],
    "additionalProperties": False,
}
"""What the model is held to, where its server can."""


NO_ANSWER = "Reviewer failed to output a response."
"""What stands for a review without words, as the Codex CLI has it."""


class LineRange(msgspec.Struct, frozen=True):
    """Lines of a file, from 1."""

    start: int = 1
    end: int = 1


class Location(msgspec.Struct, frozen=True):
    """Where a finding is."""

    absolute_file_path: str
    line_range: LineRange = LineRange()


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    title: str
    code_location: Location
    body: str = ""


class Review(msgspec.Struct, frozen=True):
    """What is wrong with a change."""

    findings: list[Finding] = []
    overall_explanation: str = ""


def read(text: str) -> Review:
    """Return a model's answer; one that is not the JSON asked for is an explanation."""
    inner = text[text.find("{") : text.rfind("}") + 1]
    for candidate in (text, inner):
        try:
            return msgspec.json.decode(candidate, type=Review, strict=False)
        except NOT_JSON:
            continue
    return Review(overall_explanation=text)


def joined(reviews: list[Review]) -> Review:
    """Return the reviews of the parts of a change as one."""
    said = dict.fromkeys(r.overall_explanation.strip() for r in reviews)
    return Review(
        findings=[finding for review in reviews for finding in review.findings],
        overall_explanation="\n\n".join(filter(None, said)),
    )


def words(review: Review, folder: Path) -> str:
    """Return a review as people read it; ``folder`` is where its paths begin."""
    parts = [review.overall_explanation.strip()]
    if review.findings:
        several = len(review.findings) > 1
        parts.append("Full review comments:" if several else "Review comment:")
        parts += [_finding(finding, folder) for finding in review.findings]
    return "\n\n".join(filter(None, parts)) or NO_ANSWER


def _finding(finding: Finding, folder: Path) -> str:
    place, lines = finding.code_location, finding.code_location.line_range
    path = folder / place.absolute_file_path
    body = "".join(f"\n  {line}" for line in finding.body.strip().splitlines())
    return f"- {finding.title} — {path}:{lines.start}-{lines.end}{body}"
