"""The text that output becomes for the model; lines and figures of Codex CLI 0.169."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.tools.output import Budget, line, rejected, report, truncate


def numbers(last: int) -> str:
    return "".join(f"{n}\n" for n in range(1, last + 1))


def test_a_report_names_chunk_time_state_and_size() -> None:
    text = report(
        "hello\n",
        chunk_id="00ab12",
        wall_s=0.12345,
        state="Process exited with code 0",
        size=6,
        budget=Budget(10_000),
    )
    assert text == (
        "Chunk ID: 00ab12\n"
        "Wall time: 0.1235 seconds\n"
        "Process exited with code 0\n"
        "Original token count: 2\n"
        "Output:\n"
        "hello\n"
    )


def test_output_within_the_budget_is_whole() -> None:
    assert truncate("é" * 5000, Budget(10_000)) == "é" * 5000
    assert truncate("", Budget(0, "tokens")) == ""


def test_output_beyond_the_budget_keeps_head_and_tail_and_counts_characters() -> None:
    text = numbers(20_000)
    assert truncate(text, Budget(10_000)) == (
        "Warning: truncated output (original token count: 27224)\n"
        "Total output lines: 20000\n\n"
        f"{text[:5000]}…98894 chars truncated…{text[-5000:]}"
    )


def test_a_budget_of_tokens_counts_tokens() -> None:
    text = numbers(2000)
    assert truncate(text, Budget(400, "tokens")) == (
        "Warning: truncated output (original token count: 2224)\n"
        "Total output lines: 2000\n\n"
        f"{text[:200]}…2124 tokens truncated…{text[-200:]}"
    )


def test_characters_are_not_cut() -> None:
    assert truncate("ééééé€€€€€" * 10, Budget(20, "tokens")) == (
        "Warning: truncated output (original token count: 63)\n"
        "Total output lines: 1\n\n"
        "ééééé…58 tokens truncated…€€€"
    )


@given(st.text(), st.integers(0, 50))
def test_what_is_kept_is_the_texts_own_start_and_end(text: str, size: int) -> None:
    kept = truncate(text, Budget(size))
    if len(text.encode()) <= size:
        assert kept == text
        return
    lines = len(text.splitlines())
    body = kept.split(f"Total output lines: {lines}\n\n", 1)[1]
    sizes = [
        (len(head), len(text) - len(head) - omitted)
        for omitted in range(len(text) + 1)
        for head in [body.split(f"…{omitted} chars truncated…", 1)[0]]
        if f"…{omitted} chars truncated…" in body
    ]
    assert any(
        body
        == f"{text[:a]}…{len(text) - a - b} chars truncated…{text[len(text) - b :]}"
        and len(text[:a].encode()) + len(text[len(text) - b :].encode()) <= size
        for a, b in sizes
    )


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("ls", "ls"),
        ("echo hello && ls", "'echo hello && ls'"),
        ("a=b,c", "'a=b,c'"),
        ("it's", '"it\'s"'),
        ("", "''"),
        ("echo it's $HOME!", "\"echo it's \"'$HOME!'"),
        (
            "echo 'a b' \"c $HOME\" x=1,2 %^ ~ {a} é",
            "\"echo 'a b' \\\"c \"'$HOME\" x=1,2 %''^ ~ {a} é'",
        ),
        ("cat <<'EOF'\nrm -f x\nEOF", "\"cat <<'EOF'\nrm -f x\nEOF\""),
        ("a'\\b", '"a\'\\\\b"'),
    ],
)
def test_a_command_line_is_quoted_as_codex_does(script: str, shown: str) -> None:
    assert line(("/bin/bash", "-lc", script)) == f"/bin/bash -lc {shown}"


def test_a_refusal_is_quoted_twice() -> None:
    what = "`/bin/bash -lc 'rm -f \"a b\"'` rejected: no"
    assert rejected(what) == (
        'exec_command failed: CreateProcess { message: "Rejected(\\"'
        "`/bin/bash -lc 'rm -f \\\\\\\"a b\\\\\\\"'` rejected: no"
        '\\")" }'
    )
