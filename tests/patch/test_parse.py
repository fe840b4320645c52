"""Patch text to hunks: shapes, line numbers, and any text at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import PatchError
from codex_oss.patch.parse import AddFile, Chunk, DeleteFile, Patch, UpdateFile, parse


def framed(*lines: str) -> str:
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch", ""])


def test_every_kind_of_hunk_becomes_its_struct() -> None:
    patch = parse(
        framed(
            "*** Add File: new file.txt",
            "+one",
            "+",
            "*** Delete File: old.txt",
            "*** Update File: a.py",
            "*** Move to: b.py",
            "@@ def f():",
            " x",
            "-y",
            "+z",
            "*** End of File",
        )
    )

    body = [" x", "-y", "+z"]
    assert patch == Patch(
        [
            AddFile("new file.txt", "one\n\n"),
            DeleteFile("old.txt"),
            UpdateFile("a.py", "b.py", [Chunk("def f():", body, at_end=True)]),
        ]
    )


def test_a_chunk_knows_its_lines_before_and_after() -> None:
    chunk = Chunk(None, [" x", "-y", "+z", " "])

    assert (chunk.old, chunk.new) == (["x", "y", ""], ["x", "z", ""])


@pytest.mark.parametrize(
    ("line", "context"),
    [
        ("@@", None),
        ("@@ ", None),
        ("@@ def f():", "def f():"),
        ("@@     def f():", "    def f():"),
        ("@@def f():", "def f():"),
        ("@@ def f(): @@", "def f():"),
        ("@@ -1,2 +1,3 @@", None),
        ("@@ -1 +1 @@ def f():", None),
        ("@@ ... @@", None),
        ("@@ -1 of them", "-1 of them"),
    ],
)
def test_a_context_line_names_what_stands_after_its_marks(
    line: str, context: str | None
) -> None:
    patch = parse(framed("*** Update File: a", line, "-x"))

    assert patch == Patch([UpdateFile("a", None, [Chunk(context, ["-x"])])])


def test_all_but_the_last_of_nested_contexts_have_no_lines() -> None:
    patch = parse(framed("*** Update File: a", "@@ class A", "@@ def f", "-x"))

    chunks = [Chunk("class A", []), Chunk("def f", ["-x"])]
    assert patch == Patch([UpdateFile("a", None, chunks)])


def test_errors_count_lines_from_the_first_line_of_the_patch() -> None:
    text = framed("*** Add File: a", "+x", "*** Bogus")

    for wrapped in (text, f"\n\n{text}", f"```\n{text}```", f"<<'E'\n{text}E\n"):
        with pytest.raises(
            PatchError, match=r"^invalid hunk at line 4, '\*\*\* Bogus'"
        ):
            parse(wrapped)


PIECES = [
    "*** Begin Patch",
    "*** End Patch",
    "*** Add File: a",
    "*** Delete File: b",
    "*** Update File: c",
    "*** Move to: d",
    "*** End of File",
    "*** Environment ID: local",
    "@@",
    "@@ x",
    "@@ -1 +1 @@",
    "```",
    "<<'E'",
    "E",
    "+x",
    "-x",
    " x",
    "x",
    "",
    "\\ No newline at end of file",
    "--- a/c",
    "+++ b/c",
]


def verdict(text: str) -> str:
    try:
        return f"patch of {len(parse(text).hunks)}"
    except PatchError as error:
        return str(error)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12))
def test_any_text_is_a_patch_or_a_patch_error(lines: list[str]) -> None:
    for text in ("\n".join(lines), framed(*lines), "\r\n".join(lines)):
        assert verdict(text).startswith(
            ("patch of ", "invalid patch: ", "invalid hunk at line ")
        )
