"""The bridge's lines for people: which, and what cannot be in them."""
# ruff: noqa: E501  a line of the log is one line

import pytest
from inline_snapshot import snapshot

from codex_oss import facts
from codex_oss.bridge.ledger import Ledger
from codex_oss.bridge.log import BODY_SHOWN, Level, Log
from codex_oss.bridge.masks import mask_secrets
from codex_oss.wire.responses import InputTokensDetails, Usage

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _lines(level: Level) -> list[str]:
    """Return the lines of a good and a bad request, without their times."""
    lines: list[str] = []
    clock = Ticks()
    log = Log(lines.append, level, wall=lambda: 1.5)
    log.say("listening", url="http://127.0.0.1:1/v1")
    ledger = Ledger(watchers=[log], clock=clock)
    came = f'{{"input":"my key is {KEY}"}}'.encode()
    entry = ledger.open(client="codex", route="/v1/responses", model="q:8b", came=came)
    entry.note(facts.Slimmed(tokens_before=8400, tokens_after=1700))
    entry.note(facts.Sent(url="http://u:pw@host/v1?key=x", body=b'{"messages":[]}'))
    entry.note(facts.Mended(what="name", was="shell", now="exec_command"))
    entry.note(facts.Retried(reason="the stream was cut", delay_s=1.25))
    entry.note(facts.AskedAgain(reason="not JSON"))
    entry.note(facts.Reading(processed=600, total=1700, cached=512))
    clock.seconds = 0.25
    entry.first()
    clock.seconds = 2.5
    cached = InputTokensDetails(cached_tokens=1600)
    usage = Usage(input_tokens=1700, input_tokens_details=cached, output_tokens=9)
    entry.end(status=200, outcome="completed", usage=usage)
    bad = ledger.open(client="api", route="/v1/responses", model="", came=b"")
    bad.note(facts.Remark(f"Ollama gives m 8192 tokens; {KEY}"))
    bad.note(facts.Truncated(tokens_sent=9000, tokens_read=4096))
    bad.end(status=400, outcome="failed", error=f"no `{KEY}`\nhere")
    return [line.partition(" ")[2].rstrip("\n") for line in lines]


def test_debug_tells_every_step_with_secrets_masked() -> None:
    assert _lines("debug") == snapshot(
        [
            "- listening url=http://127.0.0.1:1/v1",
            '#1 came client=codex route=/v1/responses model=q:8b bytes=54 body="{\\"input\\":\\"my key is ********\\"}"',
            "#1 slimmed tokens=8400->1700",
            '#1 sent url="http://u:********@host/v1?key=********" bytes=15 body="{\\"messages\\":[]}"',
            "#1 mended what=name was=shell now=exec_command",
            '#1 retry in=1.2s reason="the stream was cut"',
            '#1 asked-again reason="not JSON"',
            "#1 reading tokens=600/1700 cached=512",
            "#1 first-token after=0.250s",
            "#1 completed status=200 client=codex route=/v1/responses model=q:8b in=1700 cached=1600 saved=6700 out=9 mended=1 asked-again=1 retried=1 first=0.250s took=2.5s",
            '#2 came client=api route=/v1/responses model="" bytes=0 body=""',
            '#2 remark text="Ollama gives m 8192 tokens; ********"',
            "#2 truncated tokens_sent=9000 tokens_read=4096",
            '#2 failed status=400 client=api route=/v1/responses took=0.000s error="no `********`\\nhere"',
        ]
    )


def test_a_request_is_one_line() -> None:
    assert [line.split()[:2] for line in _lines("normal")] == [
        ["-", "listening"],
        ["#1", "completed"],
        ["#2", "remark"],
        ["#2", "truncated"],
        ["#2", "failed"],
    ]


def test_quiet_tells_what_went_wrong() -> None:
    words = [line.split()[1] for line in _lines("quiet")]
    assert words == ["truncated", "failed"]


def test_no_client_writes_lines_of_its_own() -> None:
    lines: list[str] = []
    ledger = Ledger(watchers=[Log(lines.append, "debug")])
    hostile = "m\n12:00:00 #9 completed\x1b[2J\u202e"
    ledger.open(client=hostile, route="/r", model=hostile, came=hostile.encode())
    (line,) = lines
    assert line.count("\n") == 1
    assert line.removesuffix("\n").isprintable()


def test_a_long_body_is_cut() -> None:
    lines: list[str] = []
    ledger = Ledger(watchers=[Log(lines.append, "debug")])
    ledger.open(client="a", route="/r", model="m", came=b"x" * 9999)
    assert lines[0].endswith("x" * 50 + '…"\n')
    assert len(lines[0]) < BODY_SHOWN + 200


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"key {KEY}.", "key ********."),
        ("ghp_" + "a" * 36, "********"),
        ('{"api_key": "hunter2hunter2"}', '{"api_key": "********"}'),
        (r'"{\"password\":\"hunter2 x\"}"', r'"{\"password\":\"******** x\"}"'),
        ("export MY_API_KEY=hunter2hunter2\n", "export MY_API_KEY=********\n"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ********"),
        ("curl -H 'x: Bearer abcdef123456'", "curl -H 'x: Bearer ********'"),
        (
            r"-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----",
            "********-----END RSA PRIVATE KEY-----",
        ),
        ("AKIAABCDEFGHIJKLMNOP", "********"),
    ],
)
def test_keys_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        '{"password":{"type":"string"}}',
        "export API_KEY=$OTHER",
        '{"max_output_tokens":4096,"token":"Hello"}',
        "ask-me-anything-about-it-please",
        "the bearer of good news",
        'api_key = os.environ["X"]',
    ],
)
def test_innocent_text_is_not_masked(text: str) -> None:
    assert mask_secrets(text) == text
