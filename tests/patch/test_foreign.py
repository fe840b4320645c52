"""SEARCH blocks and unified diffs where a patch is expected."""

from pathlib import Path

import pytest

from codex_oss.errors import PatchError
from codex_oss.patch import foreign
from codex_oss.patch.apply import Change, plan
from codex_oss.patch.parse import AddFile, DeleteFile, Patch, ReplaceText

FILE = "one\ntwo\nthree\ntwo\nfive\n"
BLOCK = "<<<<<<< SEARCH\none\n=======\n1\n>>>>>>> REPLACE"


def applied(tmp_path: Path, text: str, file: str = FILE) -> str:
    (tmp_path / "a.txt").write_text(file)
    patch = foreign.read(text)
    assert patch is not None
    (change,) = plan(patch, tmp_path)
    assert change.after is not None
    return change.after.decode()


@pytest.mark.parametrize(
    "text",
    [
        f"a.txt\n{BLOCK}",
        f"`a.txt`:\n```\n{BLOCK}\n```",
        f"### File: a.txt\n{BLOCK}\n",
        f"*** Begin Patch\n*** Update File: a.txt\n{BLOCK}\n*** End Patch",
        f"*** Begin Patch\n*** Update File: a.txt\n@@\n{BLOCK}\n*** End Patch",
        f"a.txt\n{BLOCK}".replace("\n", "\r\n"),
        "a.txt\n<<<<< SEARCH\none\n=====\n1\n>>>>>",
    ],
)
def test_a_search_block_is_a_replacement(text: str) -> None:
    assert foreign.read(text) == Patch([ReplaceText("a.txt", "one\n", "1\n")])


def test_blocks_go_on_in_the_file_that_was_named_last() -> None:
    other = BLOCK.replace("one", "three")
    patch = foreign.read(f"a.txt\n{BLOCK}\n{other}\nb.txt\n{BLOCK}")

    assert patch is not None
    assert [getattr(hunk, "path", "") for hunk in patch.hunks] == [
        *("a.txt", "a.txt", "b.txt")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BLOCK, "does not say which file"),
        ("a.txt\n<<<<<<< SEARCH\none\n=======\n1\n", "no line '>>>>>>> REPLACE'"),
        ("a.txt\n<<<<<<< SEARCH\none\n>>>>>>> REPLACE", "no line '======='"),
        (f"a.txt\n{BLOCK}".replace("\n1\n", "\n=======\n1\n"), "two lines"),
        (f"*** Begin Patch\n*** Delete File: b\n*** Update File: a\n{BLOCK}", "beside"),
    ],
)
def test_a_block_that_is_not_whole_is_refused(text: str, said: str) -> None:
    with pytest.raises(PatchError, match=said):
        foreign.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "*** Begin Patch\n*** Update File: a\n@@\n-x\n+<<<<<<< SEARCH\n*** End Patch",
        "*** Begin Patch\n*** Update File: a\n--- a/a\n+++ b/a\n@@\n-x\n+y\n",
        "just words\n--- and\n",
        "",
    ],
)
def test_a_patch_is_not_taken_for_another_form(text: str) -> None:
    assert foreign.read(text) is None


DIFF = "--- a/a.txt\n+++ b/a.txt\n@@ -1,9 +7,9 @@ def f():\n-one\n+1\n two\n"


@pytest.mark.parametrize(
    "text",
    [
        DIFF,
        f"diff --git a/a.txt b/a.txt\nindex 1..2 100644\n{DIFF}",
        f"```diff\n{DIFF}```",
        f"*** Begin Patch\n{DIFF}*** End Patch",
        DIFF.replace("a/", "").replace("b/", ""),
        DIFF.replace("a.txt", "a.txt\t2026-01-01"),
        DIFF.replace("@@ -1,9 +7,9 @@ def f():", "@@"),
    ],
)
def test_a_unified_diff_is_applied_whatever_its_counts(
    tmp_path: Path, text: str
) -> None:
    assert applied(tmp_path, text) == FILE.replace("one", "1")


def test_a_line_number_decides_between_places_that_are_the_same(tmp_path: Path) -> None:
    text = "--- a.txt\n+++ a.txt\n@@ -4,1 +4,1 @@\n-two\n+2\n"

    assert applied(tmp_path, text) == "one\ntwo\nthree\n2\nfive\n"
    with pytest.raises(PatchError, match="2 times, at lines 2, 4"):
        applied(tmp_path, text.replace("-4,1", "-3,1"))


def test_files_come_go_and_move(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(FILE)
    (tmp_path / "b.txt").write_text("b\n")
    text = (
        "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1,2 @@\n+x\n+y\n"
        "--- a/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n"
        "--- a/a.txt\n+++ b/c.txt\n@@ -1 +1 @@\n-one\n+1\n"
    )
    patch = foreign.read(text)
    assert patch is not None

    done = plan(patch, tmp_path)

    def told(change: Change) -> tuple[str, str, bytes | None]:
        return change.kind, change.name, change.after

    assert [told(change) for change in done] == [
        ("add", "new.txt", b"x\ny\n"),
        ("delete", "b.txt", None),
        ("move", "c.txt", FILE.replace("one", "1").encode()),
    ]


MAIL = """\
From 1234 Mon Sep 17 00:00:00 2001
Subject: x

---
diff --git a/a.txt b/a.txt
--- a/a.txt
+++ b/a.txt
@@ -1 +1 @@
-one
+1
--
2.39.5 (Apple Git-154)

From 5678 Mon Sep 17 00:00:00 2001
Subject: y

--- a/a.txt
+++ b/a.txt
@@ -5 +5 @@
-five
+5
--
2.39.5
"""


def test_mails_of_git_are_read_as_one_change(tmp_path: Path) -> None:
    diff = MAIL[MAIL.index("diff") :]
    assert applied(tmp_path, diff) == "1\ntwo\nthree\ntwo\n5\n"


def test_removed_and_added_lines_are_not_names_of_files(tmp_path: Path) -> None:
    diff = "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n--- a\n+++ z\n y\n"
    assert applied(tmp_path, diff, "-- a\ny\n") == "++ z\ny\n"


def test_empty_files_come_and_go_and_names_may_be_quoted() -> None:
    new = 'diff --git "a/\\303\\274\\"" "b/\\303\\274\\""\nnew file mode 100644\n'
    old = "diff --git a/x y b/x y\ndeleted file mode 100644\nindex e69de29..0000000\n"
    assert foreign.read(new + old) == Patch([AddFile('ü"', ""), DeleteFile("x y")])


def test_a_new_file_may_end_without_a_newline() -> None:
    diff = "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n"
    assert foreign.read(diff) == Patch([AddFile("a", "x")])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--- a\n+++ a\n", "has no hunks"),
        ("--- a\n+++ a\n@@ -1 +1 @@\n+x\n", "only added lines"),
        ("--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\nz\n", "not of its form"),
    ],
)
def test_a_diff_that_leaves_something_open_is_refused(text: str, said: str) -> None:
    with pytest.raises(PatchError, match=said):
        foreign.read(text)
