"""The lines of YAML before a Markdown text: as much of YAML as people write there.

Keys at the margin with a text each: plain, in quotes, or as a block (``|``, ``>``).
Everything else (lists, tables below a key) is passed over.
"""

import msgspec

MARK = "---"


def frontmatter(text: str) -> dict[str, str] | None:
    """Return the texts between the two ``---``; None where there are no such lines."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != MARK:
        return None
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == MARK), 0)
    if not end:
        return None
    fields: dict[str, str] = {}
    at = 1
    while at < end:
        key, colon, rest = lines[at].partition(":")
        below = at + 1
        while below < end and (lines[below][:1] in " \t" or not lines[below].strip()):
            below += 1
        if colon and key == key.strip() and not key.startswith("#"):
            fields[key] = _value(rest.strip(), lines[at + 1 : below])
        at = below
    return fields


def _value(first: str, below: list[str]) -> str:
    if first[:1] in ("|", ">"):
        kept = [line.strip() for line in below]
        return ("\n" if first[0] == "|" else " ").join(kept).strip()
    if not first:
        return ""  # a list or a table
    if first[0] == '"':
        whole = " ".join([first, *(line.strip() for line in below)])
        try:
            return msgspec.json.decode(whole[: whole.rindex('"') + 1], type=str)
        except msgspec.DecodeError:
            return whole.strip('"')
    if first[0] == "'":
        whole = " ".join([first, *(line.strip() for line in below)])
        return whole[1 : whole.rfind("'")].replace("''", "'")
    text = " ".join([first, *(line.strip() for line in below)])
    return text.partition(" #")[0].strip()
