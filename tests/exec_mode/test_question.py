"""How a question to a person looks, whatever the model has put into it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.exec_mode.question import choices, draw
from codex_oss.exec_mode.wrapping import wrap, wrap_words
from codex_oss.policy import (
    AnswerServer,
    CallTool,
    Diff,
    Question,
    RunAgain,
    RunCommand,
    WriteFiles,
)

INSTALL = RunCommand(
    command="npm install left-pad",
    cwd="/home/me/project",
    escalated=True,
    justification="May I use the network?",
)


def test_a_command_is_asked_about_with_its_place_its_reason_and_a_rule() -> None:
    question = Question(
        action=INSTALL,
        reason="May I use the network?",
        prefix=("npm", "install"),
        sandboxed=False,
    )
    assert draw(question, 80) == (
        "Run this command?\n"
        "\n"
        "  │ npm install left-pad\n"
        "\n"
        "  in      /home/me/project\n"
        "  runs    OUTSIDE the sandbox, with all your rights\n"
        "  it says May I use the network?\n"
        "  note    what (p) allows runs outside the sandbox from now on\n"
        "\n"
        "  1. Yes, proceed (y)\n"
        "  2. Yes, and don't ask again for commands that start with "
        "`npm install` (p)\n"
        "  3. Yes, and for the same in this session too (s)\n"
        "  4. No, go on without it (n)\n"
        "  5. No, and stop (esc)\n"
        "> "
    )


def test_our_reason_and_the_model_s_words_are_told_apart() -> None:
    question = Question(action=INSTALL, reason="it removes files by force")

    assert [line for line in draw(question, 80).split("\n") if line[2:3].isalpha()] == [
        "Run this command?",
        "  in      /home/me/project",
        "  runs    in the sandbox",
        "  why     it removes files by force",
        "  it says May I use the network?",
    ]


def test_a_patch_is_asked_about_with_its_files() -> None:
    question = Question(
        action=WriteFiles(paths=("/etc/hosts", "/home/me/a")),
        reason="it writes elsewhere",
    )
    assert draw(question, 80) == (
        "Change these files?\n"
        "\n"
        "  │ /etc/hosts\n"
        "  │ /home/me/a\n"
        "\n"
        "  why     it writes elsewhere\n"
        "\n"
        "  1. Yes, proceed (y)\n"
        "  2. Yes, and for any change to just these files in this session too (s)\n"
        "  3. No, go on without it (n)\n"
        "  4. No, and stop (esc)\n"
        "> "
    )


EDIT = Question(
    action=WriteFiles(paths=("/w/a", "/w/b")),
    diffs=(
        Diff(path="/w/a", kind="add", lines=("@@ line 1 @@", "+all:", "+\tcc x")),
        Diff(
            path="/w/b",
            kind="move",
            moved_to="/w/c\x1b",
            lines=("@@ line 1 @@", " a", "-b", "+\r\x1b[2Jc\u202ed", "\\ No newline"),
        ),
    ),
)


def test_a_patch_is_asked_about_with_all_that_it_changes() -> None:
    assert draw(EDIT, 80).split("\n")[:19] == [
        "Change these files?",
        "",
        "  │ new: /w/a (+2 -0)",
        "  │ moved: /w/b -> /w/c\\x1b (+1 -1)",
        "",
        "  │ new: /w/a (+2 -0)",
        "  │ @@ line 1 @@",
        "  │ +all:",
        "  │ +        cc x",
        "  │ moved: /w/b -> /w/c\\x1b (+1 -1)",
        "  │ @@ line 1 @@",
        "  │  a",
        "  │ -b",
        "  │ +\\r\\x1b[2Jc\\u202ed",
        "  │ \\ No newline",
        "",
        "",
        "  1. Yes, proceed (y)",
        "  2. Yes, and for any change to just these files in this session too (s)",
    ]


def test_colours_are_put_around_rows_and_change_nothing_else() -> None:
    colored = draw(EDIT, 80, color=True)
    assert "  │ \x1b[31m-b\x1b[0m\n" in colored
    assert "  │ \x1b[32m+\\r\\x1b[2Jc\\u202ed\x1b[0m\n" in colored
    assert re.sub(r"\x1b\[3?\dm", "", colored) == draw(EDIT, 80)


def test_a_long_diff_tells_how_much_of_it_is_not_shown_and_names_all_files() -> None:
    lines = tuple(f"+{n}" for n in range(100))
    many = tuple(Diff(path=f"/w/{n}", kind="add", lines=lines) for n in range(3))
    question = Question(action=WriteFiles(paths=("/w/0",)), diffs=many)

    rows = draw(question, 80).split("\n")
    assert rows[2:5] == [f"  │ new: /w/{n} (+100 -0)" for n in range(3)]
    assert rows[26] == "  … 263 rows are not shown: press v to see all …"
    whole = draw(question, 80, whole=True).split("\n")
    assert [row for row in whole if row.startswith("  │ +")] == [
        *(f"  │ +{n}" for n in range(100)),
    ] * 3


@given(st.lists(st.text()), st.integers(0, 200))
def test_no_text_of_a_patch_makes_a_line_of_ours(
    lines: list[str], columns: int
) -> None:
    texts = tuple(f"+{line}" for line in lines)
    question = Question(
        action=WriteFiles(paths=("/w/a",)),
        diffs=(Diff(path="/w/a", kind="add", lines=texts),),
    )
    plain = draw(Question(action=WriteFiles(paths=())), columns).split("\n")
    rows = draw(question, columns, whole=True).split("\n")
    assert all(row.startswith("  │ ") or row in plain for row in rows)
    assert all(char.isprintable() for row in rows for char in row)


def test_a_blocked_command_is_asked_about_with_what_was_blocked() -> None:
    question = Question(
        action=RunAgain(command="touch /etc/x", cwd="/w", blocked="writing /etc/x"),
        reason="writing /etc/x",
        sandboxed=False,
    )
    assert draw(question, 80).startswith(
        "The sandbox has blocked this command. Run it again, outside of it?\n"
        "\n"
        "  │ touch /etc/x\n"
        "\n"
        "  in      /w\n"
        "  runs    OUTSIDE the sandbox, with all your rights\n"
        "  why     writing /etc/x\n"
    )


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("ls\x1b[2J\x1b[H", "ls\\x1b[2J\\x1b[H"),
        ("rm x\r\x1b[Kls", "rm x\\r\\x1b[Kls"),
        ("echo \u202etxt.exe", "echo \\u202etxt.exe"),
        ("a\u200bb\u00a0c\ud800", "a\\u200bb\\xa0c\\ud800"),
        ("tab\there", "tab\\there"),
        ("Grüße 漢字", "Grüße 漢字"),
    ],
)
def test_what_does_not_print_as_itself_is_shown_by_its_code(
    command: str, shown: str
) -> None:
    question = Question(action=RunCommand(command=command, cwd="/w"))

    assert draw(question, 80).split("\n")[2] == f"  │ {shown}"


def test_a_long_command_tells_how_much_of_it_is_not_shown() -> None:
    command = "\n".join(f"line {n}" for n in range(100))
    question = Question(action=RunCommand(command=command, cwd="/w"))

    rows = draw(question, 80).split("\n")[2:]
    assert rows[19:22] == [
        "  │ line 19",
        "  … 60 rows are not shown: press v to see all …",
        "  │ line 80",
    ]
    whole = draw(question, 80, whole=True).split("\n")[2:102]
    assert whole == [f"  │ line {n}" for n in range(100)]


@given(st.text(), st.text(), st.text(), st.integers(0, 200))
def test_no_text_of_the_model_makes_a_line_of_ours(
    command: str, words: str, cwd: str, columns: int
) -> None:
    action = RunCommand(command=command, cwd=cwd, justification=words)
    question = Question(action=action, reason=words, prefix=("x",))

    plain = Question(action=RunCommand(command="", cwd=""), reason="", prefix=("x",))
    lines = draw(question, columns).split("\n")
    menu = draw(plain, columns).split("\n")[-len(choices(plain)) - 1 :]
    assert all(
        line.startswith(("  │ ", "  … ", "          ", "     ", "  in ", "  it says "))
        or line in draw(plain, columns).split("\n")
        for line in lines
    )
    assert lines[-len(menu) :] == menu
    assert all(char.isprintable() for line in lines for char in line)


@given(st.text(st.characters(categories=["L", "N", "So"])), st.integers(2, 40))
def test_rows_hold_all_of_a_text_and_fit(text: str, columns: int) -> None:
    from unicodedata import east_asian_width  # noqa: PLC0415  the oracle

    rows = wrap(text, columns)
    wide = [sum(2 if east_asian_width(c) in "WF" else 1 for c in row) for row in rows]
    assert ("".join(rows), max(wide) <= columns) == (text, True)


def test_rows_break_between_words() -> None:
    assert wrap_words("one two three", 7) == ["one two", "three"]
    assert wrap_words("", 7) == [""]
    assert wrap_words("abcdefghij", 7) == ["abcdefg", "hij"]


def test_a_call_of_an_mcp_tool_is_asked_about_with_its_arguments() -> None:
    call = CallTool(server="git", tool="push\x1b[2J", arguments='{"to":"main"}')
    question = Question(action=call, reason="MCP servers run outside the sandbox")
    assert draw(question, 80) == (
        "Call this MCP tool?\n"
        "\n"
        "  │ git: push\\x1b[2J\n"
        '  │ {"to":"main"}\n'
        "\n"
        "  why     MCP servers run outside the sandbox\n"
        "\n"
        "  1. Yes, proceed (y)\n"
        "  2. Yes, and for the same in this session too (s)\n"
        "  3. No, go on without it (n)\n"
        "  4. No, and stop (esc)\n"
        "> "
    )


def test_a_question_of_an_mcp_server_is_shown_as_its_own() -> None:
    asked = AnswerServer(server="git", message="Log in.\nNow.", url="https://a/b")
    assert draw(Question(action=asked), 80) == (
        "MCP server git asks. Agree?\n"
        "\n"
        "  │ Log in.\n"
        "  │ Now.\n"
        "\n"
        "  page    https://a/b\n"
        "  host    a\n"
        "\n"
        "  1. Yes, I open it myself (y)\n"
        "  2. No, decline (n)\n"
        "  3. Leave without an answer (esc)\n"
        "> "
    )


def test_a_browser_is_one_more_way_to_agree() -> None:
    asked = AnswerServer(server="git", message="Log in.", url="https://a/b")
    offered = choices(Question(action=asked), browses=True)
    assert [(each.key, each.page, each.opens) for each in offered] == [
        ("o", "https://a/b", True),
        ("y", "https://a/b", False),
        ("n", "", False),
        ("\x1b", "", False),
    ]
    plain = choices(Question(action=AnswerServer(server="git", message="Sure?")))
    assert [each.text for each in plain] == [
        "Yes (y)",
        "No, decline (n)",
        "Leave without an answer (esc)",
    ]


@pytest.mark.parametrize(
    ("url", "host", "notes"),
    [
        ("https://bank.example/x", "bank.example", []),
        (
            "https://bank.example@evil.example/",
            "evil.example",
            ["what stands before the @ is not where it leads"],
        ),
        (
            "https://xn--bnk-0ua.example/",
            "xn--bnk-0ua.example",
            ["the host has letters that may look like others"],
        ),
        (
            "http://b\u0430nk.example/",
            "b\u0430nk.example",
            [
                "the host has letters that may look like others",
                "it is not encrypted",
            ],
        ),
    ],
)
def test_where_a_page_leads_is_said(url: str, host: str, notes: list[str]) -> None:
    asked = AnswerServer(server="git", message="Log in.", url=url)
    lines = draw(Question(action=asked), 80).split("\n")
    told = [f"  page    {url}", f"  host    {host}"]
    assert lines[4:-5] == [*told, *(f"  note    {note}" for note in notes)]
