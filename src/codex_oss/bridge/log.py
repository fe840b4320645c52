"""What the bridge does, one line at a time: a watcher of the ledger.

A line is the time, the request's number, a word, and ``key=value`` pairs; a value with
anything but plain characters in it is quoted as JSON, so that no client can write
lines of its own. Secrets are masked.
"""

import time
from collections.abc import Callable
from typing import Literal

import msgspec

from codex_oss.bridge.ledger import Entry
from codex_oss.bridge.masks import mask_secrets
from codex_oss.config.masking import mask_url
from codex_oss.facts import (
    AskedAgain,
    Fact,
    Mended,
    Reading,
    Remark,
    Retried,
    Sent,
    Slimmed,
    Truncated,
)

BODY_SHOWN = 2000
"""Characters of a body in a debug line; the inspector shows it whole."""
VALUE_SHOWN = 400
"""Characters of any other value."""

Level = Literal["quiet", "normal", "debug"]
"""Errors only, a line per request, or a line per step."""
_Pairs = dict[str, object]
_PLAIN = frozenset("._-/:@+%*#>~")


class Log:
    """Writes lines by ``write``, which gets them with their newline.

    ``wall`` gives seconds since the epoch.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        level: Level = "normal",
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._level = level
        self._wall = wall

    def say(self, word: str, **pairs: object) -> None:
        """Write a line that is about no request, such as where the bridge listens."""
        if self._level != "quiet":
            self._line("-", word, pairs)

    def complain(self, word: str, **pairs: object) -> None:
        """Write a line at every level."""
        self._line("-", word, pairs)

    def opened(self, entry: Entry) -> None:
        """Tell what came."""
        if self._level == "debug":
            self._line(
                f"#{entry.id}",
                "came",
                {
                    "client": entry.client,
                    "route": entry.route,
                    "model": entry.model,
                    "bytes": entry.came_bytes,
                    "body": _body(entry.came),
                },
            )

    def noted(self, entry: Entry, fact: Fact) -> None:
        """Tell what happened."""
        told = isinstance(fact, Truncated) or (
            isinstance(fact, Remark) and self._level == "normal"
        )
        if told or self._level == "debug":
            word, pairs = _told(fact)
            self._line(f"#{entry.id}", word, pairs)

    def began(self, entry: Entry) -> None:
        """Tell of the first token."""
        if self._level == "debug":
            after = _seconds(entry.first_s or 0)
            self._line(f"#{entry.id}", "first-token", {"after": after})

    def ended(self, entry: Entry) -> None:
        """Tell how a request ended."""
        bad = entry.outcome in ("failed", "refused")
        if self._level != "quiet" or bad:
            self._line(f"#{entry.id}", entry.outcome or "end", _ending(entry))

    def _line(self, who: str, word: str, pairs: _Pairs) -> None:
        wall = self._wall()
        clock = time.strftime("%H:%M:%S", time.localtime(wall))
        told = "".join(f" {key}={_value(key, value)}" for key, value in pairs.items())
        self._write(f"{clock}.{int(wall * 1000) % 1000:03} {who} {word}{told}\n")


def _ending(entry: Entry) -> _Pairs:
    first = "" if entry.first_s is None else _seconds(entry.first_s)
    pairs: _Pairs = {
        "status": entry.status,
        "client": entry.client,
        "route": entry.route,
        "model": entry.model,
        "in": entry.input_tokens,
        "cached": entry.cached_tokens,
        "saved": entry.saved_tokens,
        "out": entry.output_tokens,
        "mended": len(entry.mends),
        "asked-again": _count(entry, AskedAgain),
        "retried": _count(entry, Retried),
        "first": first,
        "took": _seconds(entry.duration_s),
        "error": mask_secrets(entry.error),
    }
    return {key: value for key, value in pairs.items() if value not in (0, "")}


def _count(entry: Entry, kind: type[AskedAgain | Retried]) -> int:
    return sum(isinstance(note.fact, kind) for note in entry.notes)


def _told(fact: Fact) -> tuple[str, _Pairs]:
    match fact:
        case Slimmed():
            before, after = fact.tokens_before, fact.tokens_after
            return "slimmed", {"tokens": f"{before}->{after}"}
        case Sent():
            url, body = mask_url(fact.url), _body(fact.body)
            return "sent", {"url": url, "bytes": len(fact.body), "body": body}
        case Retried():
            reason, delay = mask_secrets(fact.reason), _seconds(fact.delay_s)
            return "retry", {"in": delay, "reason": reason}
        case Mended():
            was, now = mask_secrets(fact.was), mask_secrets(fact.now)
            return "mended", {"what": fact.what, "was": was, "now": now}
        case AskedAgain():
            return "asked-again", {"reason": mask_secrets(fact.reason)}
        case Truncated():
            sent, read = fact.tokens_sent, fact.tokens_read
            return "truncated", {"tokens_sent": sent, "tokens_read": read}
        case Reading():
            tokens = f"{fact.processed}/{fact.total}"
            return "reading", {"tokens": tokens, "cached": fact.cached}
        case Remark():
            return "remark", {"text": mask_secrets(fact.text)}


def _body(body: bytes) -> str:
    # Twice what is shown is masked, so that no key is cut before it is known.
    return mask_secrets(body[: 2 * BODY_SHOWN].decode("utf-8", "replace"))


def _value(key: str, value: object) -> str:
    text = str(value)
    limit = BODY_SHOWN if key == "body" else VALUE_SHOWN
    if len(text) > limit:
        text = text[:limit] + "…"
    if text and all(char.isalnum() or char in _PLAIN for char in text):
        return text
    return msgspec.json.encode(_printable(text)).decode()


def _printable(text: str) -> str:
    """Return a text without what could move a terminal's cursor; JSON has the rest."""
    kept = (c if c.isprintable() or c in "\n\t\r" else "\ufffd" for c in text)
    return "".join(kept)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}s" if seconds < 1 else f"{seconds:.1f}s"
