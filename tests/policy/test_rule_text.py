"""The text of rules files, also as the Codex CLI reads it."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import ConfigError
from codex_oss.policy.rule_text import line, parse
from codex_oss.policy.rules import PrefixRule

EXAMPLE = """\
# What may run without a question.
prefix_rule(
    pattern = ["git", ["status", "diff"]],
    decision = "allow",
    justification = "reads only",
    match = [["git", "status"], "git diff 'a b'"],
    not_match = ["git push", ["git"]],
)

prefix_rule(["rm"], "prompt")
prefix_rule(["rm", "-rf"], decision="forbidden", justification="Use trash.")
prefix_rule(pattern=["touch"])
"""


def test_rules_are_read_in_their_order() -> None:
    assert parse(EXAMPLE, "x.rules") == (
        [
            PrefixRule(pattern=("git", ("status", "diff")), justification="reads only"),
            PrefixRule(pattern=("rm",), decision="prompt"),
            PrefixRule(
                pattern=("rm", "-rf"), decision="forbidden", justification="Use trash."
            ),
            PrefixRule(pattern=("touch",)),
        ],
        [],
    )


def test_what_has_no_effect_is_left_out_and_said() -> None:
    text = (
        '"""Rules."""\npass\nprefix_rule(["a"])\n'
        'network_rule(host="x", protocol="https", decision="allow")\n'
        'host_executable(name="git", paths=["/usr/bin/git"])\n'
        'define_program(program="ls")\nx = ["a"]\n'
    )
    assert parse(text, "x.rules") == (
        [PrefixRule(pattern=("a",))],
        [
            "x.rules:4: network_rule() has no effect here",
            "x.rules:5: host_executable() has no effect here",
            "x.rules:6: define_program() has no effect here",
            "x.rules:7: only calls of prefix_rule() are read",
        ],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prefix_rule(", "x.rules:1: '(' was never closed"),
        ("\n\nprefix rule", "x.rules:3: invalid syntax"),
        ("prefix_rule()", "x.rules:1: prefix_rule() missing required field `pattern`"),
        ("prefix_rule([])", "x.rules:1: nothing stands in `pattern`"),
        ('prefix_rule(["a", []])', "x.rules:1: nothing stands in `pattern`"),
        ('prefix_rule("a")', "x.rules:1: Expected `array`, got `str` - at `pattern`"),
        (
            "prefix_rule([1])",
            "x.rules:1: Expected `str | array`, got `int` - at `pattern[0]`",
        ),
        (
            '\nprefix_rule(["a"], decision="deny")',
            "x.rules:2: Invalid enum value 'deny' - at `decision`",
        ),
        (
            'prefix_rule(["a"], foo=1)',
            "x.rules:1: prefix_rule() contains unknown field `foo`",
        ),
        (
            'prefix_rule(["a"], pattern=["b"])',
            "x.rules:1: `pattern` stands there twice",
        ),
        (
            'prefix_rule(["a"], "allow", [], [], "b", "c")',
            "x.rules:1: too many arguments",
        ),
        ("prefix_rule(pattern=x)", "x.rules:1: `pattern` is not written out"),
        ("prefix_rule(*x)", "x.rules:1: `pattern` is not written out"),
        ("prefix_rule(**x)", "x.rules:1: `**` is not written out"),
        ('prefix_rule(["a" + "b"])', "x.rules:1: `pattern` is not written out"),
        (
            'prefix_rule(["a"], justification=" ")',
            "x.rules:1: nothing stands in `justification`",
        ),
        ('prefix_rule(["a"], match=[""])', "x.rules:1: nothing stands in `match`"),
        (
            'prefix_rule(["a"], not_match=[[]])',
            "x.rules:1: nothing stands in `not_match`",
        ),
        (
            'prefix_rule(["a"], match=["a b", "b"])',
            "x.rules:1: the rule does not match 'b', its own example",
        ),
        (
            'prefix_rule(["a"], not_match=[["a", "b"]])',
            "x.rules:1: the rule matches ['a', 'b'], which it must not",
        ),
        (
            "prefix_rule(['a'], match=[\"a 'b\"])",
            'x.rules:1: the example "a \'b" is no command: No closing quotation',
        ),
        (
            'for c in ["a"]:\n    prefix_rule([c])',
            "x.rules:1: prefix_rule() inside of another statement",
        ),
        ("x = prefix_rule", "x.rules:1: prefix_rule() inside of another statement"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_a_next_step(
    text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "x.rules")
    assert str(caught.value) == said
    assert caught.value.hint


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for source in (text, f'prefix_rule(["a"], {text})', f"prefix_rule({text!r})"):
        with suppress(ConfigError):
            parse(source, "x.rules")


@pytest.mark.parametrize("text", ["\0", f"prefix_rule({'[' * 5000}{']' * 5000})"])
def test_what_python_cannot_parse_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x\.rules"):
        parse(text, "x.rules")


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_a_line_that_is_written_is_read_back(words: list[str]) -> None:
    prefix = tuple(words)
    encodable = [word.encode("utf-8", "replace").decode() for word in words]
    if encodable == words:
        assert parse(line(prefix), "x") == ([PrefixRule(pattern=prefix)], [])


def test_a_line_looks_as_codex_writes_it() -> None:
    assert line(("touch",)) == 'prefix_rule(pattern=["touch"], decision="allow")'


# --- the Codex CLI --------------------------------------------------------------------

CODEX = os.environ.get("CODEX_BIN", "")


class Match(msgspec.Struct, rename="camel"):
    prefix_rule_match: dict[str, object]


class Checked(msgspec.Struct, rename="camel"):
    matched_rules: list[Match]
    decision: str | None = None


@pytest.mark.skipif(not CODEX, reason="CODEX_BIN names no Codex CLI")
@pytest.mark.parametrize(
    "command",
    ["git status", "git push", "git", "rm x", "rm -rf x", "touch a b", "/bin/touch a"],
)
def test_codex_finds_the_same_decision(command: str, tmp_path: Path) -> None:
    file = tmp_path / "x.rules"
    file.write_text(EXAMPLE + line(("a 'b'", '"\\', "é")))
    done = subprocess.run(
        [CODEX, "execpolicy", "check", "--rules", str(file), *command.split()],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        timeout=180,
        check=True,
    )
    theirs = msgspec.json.decode(done.stdout, type=Checked)
    rules, _ = parse(EXAMPLE, "x.rules")
    ours = [rule.decision for rule in rules if rule.matches(command.split())]
    strictest = [d for d in ("forbidden", "prompt", "allow") if d in ours]
    assert [
        match.prefix_rule_match["decision"] for match in theirs.matched_rules
    ] == ours
    assert theirs.decision == (strictest[0] if strictest else None)
