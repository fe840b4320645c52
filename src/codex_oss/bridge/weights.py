"""How much of a request's memory is kept alive by what is known of it."""

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


def weight(fact: Fact) -> int:
    """Return the bytes that a fact keeps alive, roughly."""
    match fact:
        case Sent():
            return len(fact.body)
        case Mended():
            return len(fact.was) + len(fact.now)
        case AskedAgain() | Retried():
            return len(fact.reason)
        case Remark():
            return len(fact.text)
        case Slimmed() | Truncated() | Reading():
            return 0


def without_body(fact: Fact) -> Fact:
    """Return a fact that keeps no body alive."""
    return Sent(url=fact.url, body=b"") if isinstance(fact, Sent) else fact
