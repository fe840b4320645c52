"""Reading shell scripts: their commands, words, and whether they are plain."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codex_oss.policy.commands import Command, Redirect, Script
from codex_oss.policy.harm import Ground, harm
from codex_oss.policy.harmless import known_safe
from codex_oss.policy.rules import PrefixRule, Rules, proposal
from codex_oss.policy.script import read
from codex_oss.policy.words import Word


def commands(script: str) -> list[list[str]]:
    """Return the words of each command; those that the shell replaces behind a ?."""
    return [
        [word.text if word.literal else f"?{word.text}" for word in command.words]
        for command in read(script).commands
    ]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("ls -l", [["ls", "-l"]]),
        ("a; b && c || d | e & f", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a\nb # c\n# d\ne", [["a"], ["b"], ["e"]]),
        ("(a; b); { c; }", [["a"], ["b"], ["c"]]),
        ("if a; then b; elif c; then d; else e; fi", [[c] for c in "abcde"]),
        ("while a; do b; done; until c; do d; done", [[c] for c in "abcd"]),
        ("for x in 1 2; do a $x; done", [["a", "?$x"]]),
        ("case $x in y) a;; *) b;; esac", [["a"], ["b"]]),
        ("! a", [["a"]]),
        ("f() { a; }; f", [["a"], ["f"]]),
        ("echo $(a `b`)", [["echo", "?$(a `b`)"], ["a", "?`b`"], ["b"]]),
        ('x=$(a) y="$(b)" c', [["c"], ["a"], ["b"]]),
        ("diff <(a) >(b)", [["diff", "?<(a)", "?>(b)"], ["a"], ["b"]]),
        ("echo ${x:-$(a)} $((1 + 2))", [["echo", "?${x:-$(a)}", "?$((1 + 2))"], ["a"]]),
        ("cat <<EOF\nx $(a)\nEOF\nb", [["cat"], ["a"], ["b"]]),
        ("cat <<'EOF'\nx $(a)\nEOF\nb", [["cat"], ["b"]]),
        ("cat <<EOF && b\nx\nEOF", [["cat"], ["b"]]),
        ("cat <<EOF | b -c\nx\nEOF", [["cat"], ["b", "-c"]]),
        ("[ -f x ] && a", [["a"]]),
    ],
)
def test_all_commands_of_a_script_are_found_in_order(
    script: str, expected: list[list[str]]
) -> None:
    assert commands(script) == expected


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        ("a 'it'\\''s' x\"y\"'z'", ["a", "it's", "xyz"]),
        (r'a "\" \\ \n \$x"', ["a", r'" \ \n $x']),
        (r"a $'\x41\n\e\u00e9\101' b", ["a", "A\n\x1b\u00e9A", "b"]),
        ("a \"\" ''", ["a", "", ""]),
        ("a x\\\ny \\\n z", ["a", "xy", "z"]),
        ("a '$x' \\$x \"\\$x\"", ["a", "$x", "$x", "$x"]),
        ("a '*' \\* \"?\" '~' \"{a,b}\"", ["a", "*", "*", "?", "~", "{a,b}"]),
        ("a {} a{b}c x~ --a=b 1 2.5", ["a", "{}", "a{b}c", "x~", "--a=b", "1", "2.5"]),
        ("a #b c#d", ["a"]),
        ("a c#d 'e' # f", ["a", "c#d", "e"]),
    ],
)
def test_words_are_what_the_program_gets(script: str, words: list[str]) -> None:
    assert commands(script) == [words]


@pytest.mark.parametrize(
    "word",
    [
        "$x",
        '"$x"',
        "a$x",
        "*",
        "a?",
        "[a]",
        "~",
        "~/x",
        "{a,b}",
        "{1..3}",
        "$(a)",
        "`a`",
    ],
)
def test_words_that_the_shell_replaces_are_not_literal(word: str) -> None:
    found = read(f"echo {word}").commands[0].words[1]
    assert found == Word(word.strip('"'), literal=False)


def test_redirections_have_an_operator_and_a_target() -> None:
    assert read('a > "x y" 2>&1 <b >>c &>d >|e < f').commands[0].redirects == (
        Redirect(operator=">", target=Word("x y")),
        Redirect(operator=">&", target=Word("1")),
        Redirect(operator="<", target=Word("b")),
        Redirect(operator=">>", target=Word("c")),
        Redirect(operator="&>", target=Word("d")),
        Redirect(operator=">|", target=Word("e")),
        Redirect(operator="<", target=Word("f")),
    )


def test_here_documents_and_here_strings_are_what_a_command_reads() -> None:
    script = "a <<'E' > x\n$b\nE\nc <<< 'd e'\nf <<E\n$g\nE"
    assert [command.redirects for command in read(script).commands] == [
        (
            Redirect(operator="<<", text=Word("$b\n")),
            Redirect(operator=">", target=Word("x")),
        ),
        (Redirect(operator="<<<", text=Word("d e")),),
        (Redirect(operator="<<", text=Word("$g\n", literal=False)),),
    ]


def test_words_behind_a_redirection_belong_to_the_command() -> None:
    to_x = Redirect(operator=">", target=Word("x"))
    a = Command(words=(Word("a"), Word("-b"), Word("c")), redirects=(to_x,))
    assert read("a > x -b c").commands == (a,)
    assert read(">x a -b c").commands == (a,)
    assert commands("y | a > x -b c") == [["y"], ["a", "-b", "c"]]


def test_redirections_of_a_group_stand_alone() -> None:
    to_x = Redirect(operator=">", target=Word("x"))
    assert read("> x").commands == (Command(words=(), redirects=(to_x,)),)
    group, inner = read("{ a; } > x").commands
    assert (group.words, group.redirects, inner.words) == ((), (to_x,), (Word("a"),))


def test_what_runs_in_a_subshell_has_a_scope_of_its_own() -> None:
    found = read("a; (b; c); d | e; $(f)").commands
    scopes = {command.words[0].text: command.scope for command in found[:-2]}
    assert scopes["a"] == ()
    assert scopes["b"] == scopes["c"] != ()
    assert len({(), scopes["b"], scopes["d"], scopes["e"], found[-1].scope}) == 5


# --- plain scripts --------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        "ls",
        "ls -l && pwd || id; wc x | head",
        "ls\npwd\n",
        "ls # a comment",
        "echo 'a $b' \"c*\" \\$d '>' \"(;)\"",
        "grep -n 'x|y' a.py",
    ],
)
def test_words_and_quotes_make_a_plain_script(script: str) -> None:
    assert read(script).plain


@pytest.mark.parametrize(
    "script",
    [
        *("", "# x", "ls &", "! ls", "(ls)", "{ ls; }", "ls > x", "ls < x", "A=1 ls"),
        *("A=1", "ls $x", "ls $(a)", "ls `a`", 'ls "$x"', "ls *", "ls ~", "ls {a,b}"),
        *("ls <<E\nE", "ls <<< x", "if a; then b; fi", "f() { a; }", "[ -f x ]"),
        *(
            "[[ a ]]",
            "((a))",
            "export A=1",
            "unset a",
            "ls 'a",
            'ls "a',
            "ls )",
            "ls |",
        ),
        *("ls\rpwd", "ls\u00a0-l", "ls\x00", "ls |& cat", "a[1]=2", "ls $'a'"),
    ],
)
def test_everything_else_is_not_plain(script: str) -> None:
    assert not read(script).plain


SYNTAX_ERROR = 2
SHELL = shutil.which("bash")
FUNCTIONS = "; ".join(
    f"{name}() {{ printf '%s\\0' {name} \"$@\"; echo; }}" for name in ("run", "a", "b")
)


@pytest.mark.skipif(SHELL is None, reason="no bash here")
@pytest.mark.parametrize("letters", ["ab -'\"\\\n\t#={}~!%^,.é$", "ab &;\n#'\"\\"])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_bash_runs_what_was_read_in_a_plain_script(
    letters: str, data: st.DataObject
) -> None:
    script = f"run {data.draw(st.text(letters, max_size=14))}"
    found = read(script)
    read_as = [[word.text for word in command.words] for command in found.commands]
    if not found.plain or not {words[0] for words in read_as} <= {"run", "a", "b"}:
        return
    done = subprocess.run(
        [str(SHELL), "-c", f"{FUNCTIONS}; {script}"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    lines = ["".join(f"{word}\0" for word in words) for words in read_as]
    expected = "".join(f"{line}\n" for line in lines)
    if done.returncode == SYNTAX_ERROR:
        assert expected.startswith(done.stdout)
    else:
        assert done.stdout == expected


# --- scripts that do not parse --------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("if a\nrm -rf x\n", ["rm", "-rf", "x"]),
        ('rm -rf "x', ["rm", "-rf", "x"]),
        ("rm -rf x)", ["rm", "-rf", "x"]),
        ("rm -rf x; (", ["rm", "-rf", "x"]),
        ("for; rm -rf x", ["rm", "-rf", "x"]),
    ],
)
def test_a_script_that_does_not_parse_is_broken_and_still_looked_at(
    script: str, expected: list[str]
) -> None:
    assert read(script).broken
    assert expected in commands(script)


def test_behind_an_error_lines_are_read_one_by_one_but_not_those_of_a_text() -> None:
    script = "case $x in\n  a) ls ( ;\ncat > x <<'E'\nrm -rf y\nE\nrm z && mv a b\n"
    assert read(script).broken
    assert commands(script)[-2:] == [["rm", "z"], ["mv", "a", "b"]]
    assert ["rm", "-rf", "y"] not in commands(script)


UNITS = ["a|", "a=(", "${a", "a[", "((", "a;", "a&&", '"$("', ">a ", "<<E\n", "sudo "]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("unit", [*UNITS, "rm x ", "a() { ", "xargs ", "\0", "\\"])
@pytest.mark.parametrize("size", [20_000, 1_000_000])
def test_a_long_script_is_read_in_bounded_time_or_not_at_all(
    unit: str, size: int
) -> None:
    judge((unit * size)[:size])


def test_a_script_that_is_too_long_is_unread_and_refused() -> None:
    script = "a;" * 500_000
    assert read(script) == Script(text=script, unread=True)
    found = harm(read(script), GROUND)
    assert found is not None
    assert found.asked == "it is too long or too tangled to look through"


def test_a_long_here_document_is_no_long_script() -> None:
    body = "a | b (' \"\n" * 50_000
    assert commands(f"cat > x <<'EOF'\n{body}EOF\nls") == [["cat"], ["ls"]]


GROUND = Ground(cwd="/r", roots=("/r",), exists=lambda _: True, home="/h")
RULES = Rules(
    (
        PrefixRule(pattern=("a",), decision="prompt"),
        PrefixRule(pattern=(("b", "rm"), "-f"), decision="forbidden"),
        PrefixRule(pattern=("ls",)),
    )
)


def judge(text: str) -> None:
    script = read(text)
    harm(script, GROUND)
    known_safe(script)
    RULES.of(script)
    proposal(script, ("a",))


PIECES = [
    *("rm", "-rf", "x", "$x", "$(", ")", "`", "'", '"', "\\", "\n", "#", "<<E", "E"),
    *(">", "2>&1", "<(", "|", "||", "&&", ";", "&", "(", "{", "}", "if", "then", "fi"),
    *("for", "in", "do", "done", "case", "esac", "a=", "[[", "]]", "((", "))", "${"),
    *("bash", "-c", "sudo", "xargs", "find", "-exec", "git", "checkout", "dd", "of="),
    *("f()", "cd", "env", "-u", "eval", "ssh", "cp", "-t", "\0", "é", "\ud800", "~/"),
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=25),
    st.sampled_from(["", " "]),
)
def test_any_script_is_judged(pieces: list[str], between: str) -> None:
    judge(between.join(pieces))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    judge(text)
