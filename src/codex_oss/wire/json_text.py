"""JSON text that somebody else wrote, a model or a server: it may be anything."""

from typing import Any, cast

import msgspec

NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What decoding raises: no JSON, or of another shape; no text; nested too deep."""


def fields(text: str | bytes) -> dict[str, Any]:
    """Return the fields of a JSON object; none where the text is anything else."""
    try:
        value: object = msgspec.json.decode(text)
    except NOT_JSON:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
