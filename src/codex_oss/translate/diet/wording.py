"""Cuts a text to its first sentences."""

_NOT_AN_END = ("e.g.", "i.e.", "etc.", "vs.", "cf.", "approx.")


def cut(text: str, limit: int) -> str:
    """Return the first sentences of ``text``, in at most ``limit`` characters.

    White space becomes single blanks. A first sentence that is longer is cut after a
    word, and ends with "…".
    """
    plain = " ".join(text.split())
    if len(plain) <= limit:
        return plain
    kept = ""
    for sentence in _sentences(plain):
        if len(kept) + len(sentence) > limit:
            break
        kept += sentence
    if kept:
        return kept.rstrip()
    head = plain[: limit - 1]
    words = head.rpartition(" ")[0] or head
    return words.rstrip(" ,;:.") + "…"


def _sentences(text: str) -> list[str]:
    """Return the sentences of ``text``, each with the blank after it."""
    found: list[str] = []
    start = 0
    for end, sign in enumerate(text, 1):
        closes = sign in ".!?" and text[end : end + 1] == " "
        if closes and not text[start:end].endswith(_NOT_AN_END):
            found.append(text[start : end + 1])
            start = end + 1
    return [*found, text[start:]]
