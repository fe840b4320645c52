"""Whether a file parses after an edit: each language, and what nobody can say."""

import asyncio
import sys
from types import SimpleNamespace

import pytest

from codex_oss.tools.syntax import doubts
from codex_oss.tools.syntax.check import MAX_BYTES, verdict
from codex_oss.tools.syntax.judging import judged
from codex_oss.tools.syntax.trees import GRAMMARS, grammar

PAIRS = {
    "a.py": ("x = 1\n", "x = (1\n", "line 1, column 5: '(' was never closed: x = (1"),
    "a.json": ('{"a": 1}', '{"a": 1,}', "line 1"),
    "tsconfig.json": ('{"a": [1, /* b */],}', '{"a" 1}', "line 1, column 6"),
    ".vscode/settings.json": ("// c\n{}", "// c\n{", "line 2, column 2"),
    "a.jsonl": ("{}\n{}\n", "{}\n{\n", "line 2, column 2"),
    "a.toml": ("a = 1\n", "b = 1\na = \n", "line 2, column 5: Invalid value: a ="),
    "a.yaml": ("a: 1\n", "a: [\n", "line 1"),
    "a.js": (
        "let a = 1;\n",
        "let b;\nlet a = (1;\n",
        "line 2, column 11: ) is missing",
    ),
    "a.ts": ("let a: X = 1;\n", "let a: = 1;\n", "line 1, column 6: unexpected ':'"),
    "a.tsx": ("let a = <b>x</b>;\n", "let a = <b>x;\n", "line 1"),
    "a.go": ("package a\n", "package a\nfunc f( {}\n", "line 2"),
    "a.rs": ("fn f() {}\n", "fn f( {}\n", "line 1, column 6: ) is missing"),
    "a.c": ("int a;\n", "int a\nint b;\n", "line"),
    "a.java": ("class A { }\n", "class A { int }\n", "line 1, column 11"),
    "a.sh": ("echo a\n", "if true; then\n", "line 1"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_edit_that_breaks_a_file_is_told_with_its_place(name: str) -> None:
    good, bad, place = PAIRS[name]

    assert judged(name, None, good.encode()) == "Parses: OK"
    broken = judged(name, good.encode(), bad.encode())
    assert broken.startswith("SYNTAX ERROR (")
    assert place in broken
    assert judged(name, None, bad.encode()) == broken
    before = judged(name, bad.encode(), bad.encode())
    assert before.startswith("Does not parse, as before this edit: line ")
    assert judged(name, bad.encode(), good.encode()) == "Parses: OK"


@pytest.mark.parametrize(
    ("name", "text", "unless"),
    [
        ("settings.json", '{"a": 1 // why\n}', "comments are customary in this file"),
        ("a.yaml", "a: {{ x }}\n{% if y %}\nb: 1\n{% endif %}\n", "this is a template"),
        ("a.json", '{"a": {{ x }}}', "this is a template"),
        (
            "a.c",
            "EXPORT(f)\nint g(\n#ifdef A\nx) {\n#endif\n}\n",
            "a macro explains it",
        ),
        ("a.py", "type X =\n", f"the project is for Python {sys.version[:4]} or newer"),
    ],
)
def test_what_may_be_right_is_not_told_to_be_mended(
    name: str, text: str, unless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = (sys.version_info[:2], r"type ")
    older = SimpleNamespace(version_info=(3, 0))
    monkeypatch.setattr(doubts, "_NEWER", (newest,))
    monkeypatch.setattr(doubts, "sys", older)
    told = judged(name, None, text.encode())
    assert told.startswith("Does not parse (")
    assert told.endswith(f"\nMend it, unless {unless}.")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="all of it parses here")
@pytest.mark.parametrize("line", ['x = t"{a}"', "try:\n  a()\nexcept A, B:\n  pass"])
def test_syntax_of_newer_versions_of_python_may_be_meant(line: str) -> None:
    told = judged("a.py", None, line.encode())
    assert told.endswith("Mend it, unless the project is for Python 3.14 or newer.")


def test_a_trailing_comma_is_a_mistake_in_json() -> None:
    assert judged("a.json", None, b'{"a": 1,}').endswith("\nMend it now.")


def test_a_file_with_comments_that_breaks_is_told_to_be_mended() -> None:
    told = judged("a.json", b"{} // x", b'{"a" // x\n')
    assert told.startswith("SYNTAX ERROR (JSON)")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.sh", b"#!/usr/bin/env zsh\nfor f (*.c) echo $f\n"),
        ("a.js", b"/* @flow */\nfunction f(a: number) {}\n"),
        ("a.py", b"(" * 100_000),
        ("a.py", b"x = " + b"[" * 3000 + b"]" * 3000),
        ("a.json", b"[" * 100_000),
        ("a.toml", b"a = " + b"[" * 50_000),
        ("a.yaml", b"\xff\xfe"),
        ("a.unknown", b"(("),
        ("Makefile", b"(("),
        ("a.py", b" \n"),
        ("a.py", b"x = 1\n" * MAX_BYTES),
    ],
)
def test_of_what_nobody_can_judge_nothing_is_said(name: str, content: bytes) -> None:
    assert asyncio.run(verdict(name, None, content)) == ""


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("a.yaml", b"- "),  # ends the process that parses it
        ("a.yaml", b"{"),
        ("a.js", b"(" * 3 + b"\n"),
        ("a.rs", b"a.b("),
        ("a.py", b"-"),
        ("a.py", b"\0"),
        ("a.ts", b"'\"`"),
    ],
)
def test_hostile_texts_neither_crash_nor_hold_up(name: str, piece: bytes) -> None:
    told = asyncio.run(verdict(name, None, piece * 50_000))

    assert told == "" or told.startswith("SYNTAX ERROR")


def test_the_judgement_of_another_process_is_the_same() -> None:
    texts = ("a \u2713.py", b"x = 1\n", b"x = (\n")

    assert asyncio.run(verdict(*texts)) == judged(*texts)


def test_warnings_of_a_parser_are_not_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert judged("a.py", None, b"x = '\\d'\n") == "Parses: OK"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("wrong", ["     b: 1", "    a: b: c", "\tb: 1", "    nothing"])
def test_a_fault_in_yaml_is_told_where_it_is(wrong: str) -> None:
    lines = [f"  s{n}:\n    a: {n}" for n in range(30)]
    lines.insert(20, wrong)
    told = judged("a.yaml", None, "\n".join(["all:", *lines, ""]).encode())
    line = int(told.partition(" line ")[2].partition(",")[0])
    assert abs(line - 42) <= 1


def test_every_grammar_that_is_named_is_installed() -> None:
    assert [suffix for suffix in GRAMMARS if grammar(suffix) is None] == []


def test_a_grammar_that_is_not_installed_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(GRAMMARS, ".go", ("tree_sitter_of_nobody", "language"))

    assert judged("a.go", None, b"func (") == ""
