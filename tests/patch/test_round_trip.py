"""A patch made from an edit gives what the edit gave."""

import difflib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.patch.apply import plan
from codex_oss.patch.locate import replace
from codex_oss.patch.parse import Chunk, UpdateFile, parse

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
FILE = st.lists(LINE, max_size=12, unique=True)
SMALL = st.lists(st.sampled_from(["a", "b", "", " a", "a "]), min_size=1, max_size=8)


def chunks(old: list[str], new: list[str]) -> list[Chunk]:
    """Return the edit from ``old`` to ``new`` as chunks with three lines around."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    result: list[Chunk] = []
    for group in matcher.get_grouped_opcodes(3):
        body: list[str] = []
        for tag, old_start, old_stop, new_start, new_stop in group:
            if tag == "equal":
                body += [f" {line}" for line in old[old_start:old_stop]]
            else:
                body += [f"-{line}" for line in old[old_start:old_stop]]
                body += [f"+{line}" for line in new[new_start:new_stop]]
        result.append(Chunk(None, body))
    return result


def as_text(pieces: list[Chunk], path: str) -> str:
    lines = ["*** Begin Patch", f"*** Update File: {path}"]
    for chunk in pieces:
        lines += ["@@", *chunk.body]
    return "\n".join([*lines, "*** End Patch"])


@given(
    old=FILE,
    new=FILE,
    newline=st.sampled_from(["\n", "\r\n"]),
    last_newline=st.booleans(),
)
def test_an_edit_of_unlike_lines_survives_text_parsing_and_planning(
    *, old: list[str], new: list[str], newline: str, last_newline: bool
) -> None:
    pieces = chunks(old, new)
    if not pieces:
        return
    before = newline.join(old) + (newline if last_newline and old else "")
    if old and not old[-1] and not last_newline:
        before += newline  # an empty last line exists only by its newline
    kept = newline if before.find(newline) >= 0 else "\n"
    patch = parse(as_text(pieces, "a"))

    (change,) = plan(patch, Path("/"), read=lambda _: before.encode())

    assert patch.hunks == [UpdateFile("a", None, pieces)]
    assert change.after == "".join(line + kept for line in new).encode()


@given(SMALL, SMALL)
def test_an_edit_with_the_whole_file_as_context_is_exact(
    old: list[str], new: list[str]
) -> None:
    body: list[str] = []
    for tag, i, j, m, n in difflib.SequenceMatcher(None, old, new).get_opcodes():
        mark = " " if tag == "equal" else "-"
        body += [mark + line for line in old[i:j]]
        body += [] if tag == "equal" else [f"+{line}" for line in new[m:n]]

    assert replace(old, [Chunk(None, body)], "a") == new


@given(SMALL, SMALL, st.integers(0, 8), st.integers(0, 3))
def test_lines_outside_a_chunk_are_never_touched(
    old: list[str], added: list[str], start: int, count: int
) -> None:
    start = min(start, len(old) - 1)
    removed = old[start : start + max(1, count)]
    body = [f"-{line}" for line in removed] + [f"+{line}" for line in added]

    result = replace(old, [Chunk(None, body)], "a")

    places = range(len(old) - len(removed) + 1)
    possible = [old[:at] + added + old[at + len(removed) :] for at in places]
    assert result in possible
