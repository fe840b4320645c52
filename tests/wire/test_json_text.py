"""JSON text of others: whatever it is, it is read or passed over."""

import pytest

from codex_oss.wire.json_text import fields

DEPTH = 100_000
NESTED = f'{{"cmd": {"[" * DEPTH}{"]" * DEPTH}}}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"cmd": "ls", "n": [1]}', {"cmd": "ls", "n": [1]}),
        (b'{"cmd": "\xc3\xa9"}', {"cmd": "é"}),
        ("", {}),
        ("ls", {}),
        ("[1]", {}),
        ('{"cmd": "\ud83d"}', {}),
        (b'{"cmd": "\xff"}', {}),
        (NESTED, {}),
    ],
)
def test_only_an_object_has_fields(text: str | bytes, found: object) -> None:
    assert fields(text) == found
