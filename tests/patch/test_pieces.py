"""A diff in pieces: numbered, cut where it is least harmful, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.patch.pieces import pieces

DIFF = """\
diff --git a/f.py b/f.py
index 814f4a4..4cb29ea 100644
--- a/f.py
+++ b/f.py
@@ -1,3 +1,3 @@ def f():
 one
-two
+2
 three
\\ No newline at end of file
@@ -10 +10,2 @@
 ten
+eleven
diff --git a/old name.py b/new name.py
similarity index 100%
rename from old name.py
rename to new name.py
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
---- dashes
"""
FIRST = "@@ def f():\n     1  one\n       -two\n     2 +2\n     3  three\n"
SECOND = "@@\n    10  ten\n    11 +eleven\n"
RENAMED = "File new name.py\nrename from old name.py\nrename to new name.py\n"
GONE = "File gone.py\ndeleted file mode 100644\n@@\n       ---- dashes\n"


def test_lines_have_the_numbers_of_the_new_file() -> None:
    assert pieces(DIFF, 10_000) == [f"File f.py\n{FIRST}{SECOND}{RENAMED}{GONE}"]


def test_hunks_stay_whole_and_each_piece_names_its_file() -> None:
    assert pieces(DIFF, 80) == [
        f"File f.py\n{FIRST}",
        f"File f.py\n{SECOND}",
        RENAMED,
        GONE,
    ]


def test_a_hunk_too_large_is_cut_between_lines() -> None:
    assert pieces(DIFF[: DIFF.index("@@ -10")], 50) == [
        "File f.py\n@@ def f():\n     1  one\n       -two\n",
        "File f.py\n     2 +2\n     3  three\n",
    ]


def test_no_diff_is_no_piece() -> None:
    assert pieces("", 100) == []


@given(st.lists(st.text("+- abü@", max_size=30), max_size=30), st.integers(30, 300))
def test_no_added_line_is_lost(lines: list[str], limit: int) -> None:
    body = "".join(f"+{line}\n" for line in lines)
    head = "diff --git a/f b/f\n--- a/f\n+++ b/f\n"
    diff = f"{head}@@ -0,0 +1,{len(lines)} @@\n{body}"
    whole = "\n".join(pieces(diff, max(limit, 100)))
    for number, line in enumerate(lines, 1):
        assert f"{number:6} +{line}" in whole
