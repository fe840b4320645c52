"""Rules that people make: which counts for a script, and which is offered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.policy.rules import PrefixRule, Rules, proposal
from codex_oss.policy.script import read

GIT = PrefixRule(pattern=("git", ("status", "diff")))
TOUCH = PrefixRule(pattern=("touch",))
PUSH = PrefixRule(pattern=("git", "push"), decision="prompt", justification="others!")
FORCE = PrefixRule(pattern=("git", "push", "-f"), decision="forbidden")
RULES = Rules((GIT, TOUCH, PUSH, FORCE))


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ("git status", GIT),
        ("git diff --stat 'a b'", GIT),
        ("git log", None),
        ("git", None),
        ("touch", TOUCH),
        ("touchy x", None),
        ("/usr/bin/touch x", None),
        ("touch a && git status | touch b; touch c", TOUCH),
        ("touch a; ls", None),
        ("touch 'a b' \"c;d\"", TOUCH),
        ("git push", PUSH),
        ("touch a; git push", PUSH),
        ("git push -f", FORCE),
        ("git push; git push -f", FORCE),
        ("git push origin -f", PUSH),
    ],
)
def test_of_the_rules_that_match_a_script_the_strictest_counts(
    script: str, rule: PrefixRule | None
) -> None:
    assert RULES.of(read(script)) == rule


@pytest.mark.parametrize(
    "script",
    [
        *("touch a > b", "touch $(ls)", "touch $x"),
        *("touch *", "A=1 touch a", "(touch a)"),
        *("touch a &", "touch ~/x", "if touch a; then touch b; fi", "touch 'a", ""),
        *("sudo touch a", "bash -c 'touch a'"),
        *("touch a\rtouch b", "touch a\\\n#; rm x"),
    ],
)
def test_a_rule_allows_nothing_but_plain_scripts(script: str) -> None:
    assert RULES.of(read(script)) is None


@pytest.mark.parametrize(
    "script",
    [
        *("sudo git push -f", "/usr/bin/git push -f"),
        *("bash -c 'git push -f'", "(git push -f)"),
        "echo $(git push -f)",
        *("A=1 git push -f > x &", "if git push -f; then ls; fi"),
        *("xargs git push -f", "timeout 5 env B=1 git push -f"),
        *("git 'push' \"-f\"", "if git push -f"),
        *("git push -f $x", "git push -f *", "eval 'git push -f'", "git \\\n push -f"),
    ],
)
def test_a_rule_that_forbids_is_met_wherever_the_command_runs(script: str) -> None:
    assert RULES.of(read(script)) == FORCE


def test_the_first_of_two_rules_that_say_the_same_is_named() -> None:
    short = PrefixRule(pattern=("rm",), decision="prompt")
    long = PrefixRule(pattern=("rm", "x"), decision="prompt")
    assert Rules((short, long)).of(read("rm x")) == short


@given(st.lists(st.sampled_from(["a", "b c", "-d", "é"]), min_size=1, max_size=5))
def test_a_rule_matches_whatever_begins_with_its_words(words: list[str]) -> None:
    for length in range(1, len(words) + 1):
        assert PrefixRule(pattern=tuple(words[:length])).matches(words)
    assert not PrefixRule(pattern=(*words, "more")).matches(words)
    assert not PrefixRule(pattern=("other", *words[1:])).matches(words)


# --- what is offered ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "wanted", "offered"),
    [
        ("pytest -q tests", ("pytest",), ("pytest", "-q", "tests")),
        ("pytest tests -q", ("pytest", "tests"), ("pytest", "tests")),
        ("mytool -q x", ("mytool", "-q"), ("mytool", "-q")),
        ("mytool -q x", ("mytool",), ("mytool", "-q", "x")),
        ("make", ("make",), ("make",)),
        ("make test V=1", ("make",), ("make", "test", "V=1")),
        ("make -j test", ("make", "-j"), ("make", "-j", "test")),
        ("make test V=1", ("make", "test"), ("make", "test")),
        ("sudo make test V=1", ("sudo", "make"), ("sudo", "make", "test", "V=1")),
        ("sed -n 1p x", ("sed", "-n"), ("sed", "-n", "1p", "x")),
        ("awk -f x y", ("awk",), ("awk", "-f", "x", "y")),
        ("tee x", ("tee",), ("tee", "x")),
        ("tmux new -d ls", ("tmux",), ("tmux", "new", "-d", "ls")),
        ("screen -dm ls", ("screen", "-dm"), ("screen", "-dm", "ls")),
        ("just build", ("just",), ("just", "build")),
        ("npx tsc -p .", ("npx",), ("npx", "tsc", "-p", ".")),
        ("docker ps -a", ("docker",), ("docker", "ps", "-a")),
        ("kubectl get pods", ("kubectl", "get"), ("kubectl", "get")),
        ("ssh host ls", ("ssh",), ("ssh", "host", "ls")),
        ("pytest -q tests", (), ("pytest", "-q", "tests")),
        ("pytest -q tests", ("pytest", "-v"), ("pytest", "-q", "tests")),
        ("pytest -q", ("pytest", "-q", "tests"), ("pytest", "-q")),
        ("touch 'a b'", (), ("touch", "a b")),
        ("make", (), ("make",)),
        ("npm run build", ("npm", "run"), ("npm", "run")),
        ("npm run build", ("npm",), ("npm", "run", "build")),
        ("python -m pytest -q", ("python", "-m", "pytest"), ("python", "-m", "pytest")),
        ("python -m pytest", ("python", "-m"), ("python", "-m", "pytest")),
        ("python3.12 x.py", ("python3.12",), ("python3.12", "x.py")),
        ("bash x.sh", ("bash",), ("bash", "x.sh")),
        ("bash -c 'make x'", ("bash", "-c"), ("bash", "-c", "make x")),
        ("git commit -m x", ("git", "commit"), ("git", "commit")),
        ("git commit -m x", ("git",), ("git", "commit", "-m", "x")),
        ("sudo -u me make", ("sudo", "-u", "me"), ("sudo", "-u", "me", "make")),
        ("env A=1 make", ("env", "A=1"), ("env", "A=1", "make")),
        ("node -e 'x()'", ("node", "-e"), ("node", "-e", "x()")),
    ],
)
def test_the_model_s_prefix_is_offered_if_it_fits_else_the_whole_command(
    script: str, wanted: tuple[str, ...], offered: tuple[str, ...]
) -> None:
    assert proposal(read(script), wanted) == offered


@pytest.mark.parametrize(
    "script",
    [
        *("bash", "/bin/sh", "python", "python3 -i"),
        *("python3.12 -i", "node", "sudo", "env"),
        *("sudo -u root", "sudo bash", "env A=1 python"),
        *("nohup sh", "timeout 5", "ssh"),
        *("xargs grep x", "find . -name x", "sudo find .", "eval ls", "exec ls", "git"),
        *("perl -de0", "docker", "rm x"),
        *("sudo rm x", "/bin/rm x", "dd of=x", "shred x"),
        *("rm -rf build", "git reset --hard", "git push --force", "sudo rm -f x"),
        *("a; b", "a && b", "a | b", "a > b", "a $x", "a *", "A=1 b", "(a)", "a &", ""),
        *("a 'b", "cd x && pytest", "sudo env nohup " * 6 + "ls"),
    ],
)
def test_nothing_is_offered_that_would_allow_too_much(script: str) -> None:
    for wanted in ((), tuple(script.split()[:1]), tuple(script.split()[:2])):
        assert proposal(read(script), wanted) == ()


def test_a_whole_command_that_is_offered_is_matched_by_its_own_rule() -> None:
    script = read("pytest -k 'a and b' tests")
    offered = proposal(script, ())
    rule = PrefixRule(pattern=offered)
    assert Rules((rule,)).of(script) == rule
