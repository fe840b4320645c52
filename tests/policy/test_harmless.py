"""The list of commands that only read and print."""

import pytest

from codex_oss.policy.harmless import known_safe
from codex_oss.policy.script import read


@pytest.mark.parametrize(
    "command",
    [
        *("ls", "ls -la src && pwd", "cat 'a file' | head -n 3", "ls # all of it"),
        *(
            'grep -rn "def main" src | wc -l',
            "find . -name x -type f",
            "rg --files src",
        ),
        *(
            "find . -name '*.py'",
            "grep -E '^(a|b)$' x",
            'rg "a > b; c" src',
            "echo '$x'",
        ),
        *("base64 -d x", "sed -n 1,20p a.py", "sed -n 3p", "ls\npwd", "cat a\\ b"),
        *("stat x; id || whoami", "tr a-z A-Z", "true", "rg -n --hidden x"),
    ],
)
def test_commands_that_only_read_are_known_safe(command: str) -> None:
    assert known_safe(read(command))


@pytest.mark.parametrize(
    "command",
    [
        *("", "# x", "make", "ls > x", "ls < x", "ls 2>&1", "ls $(touch x)", "ls $x"),
        *("ls `touch x`", "ls & touch x", "ls\ntouch x", "ls; touch x", "A=1 ls"),
        *("./ls", "/bin/ls", "'ls", 'ls "', 'ls "$(touch x)"', "(ls)", "{ ls; }"),
        *("ls *", "cat ~/x", "ls {a,b}", "! ls", "if ls; then ls; fi", "f() { ls; }"),
        *("cat <<E\nE", "cat <<< x", "ls |& cat", "ls\\\n#; touch x", "ls\r\ntouch x"),
        *("find . -delete", "find . -exec touch x ;", "find . '-delete'"),
        *("find . -fprintf x y", "find . -ok touch x \\;", "find . -de\\lete"),
        *("rg --pre cat x", "rg --pre=cat x", "rg --search-zip x", "rg -nz x"),
        *("rg --hostname-bin x y", "base64 -d --output=x y", "base64 --outp x y"),
        *("base64 -ox y", "sed -i s/a/b/ x", "sed -n 1p -i x", "sed -n 1p a b", "sed"),
        *("sed -n '1,2p;w x' a", "sed -n 1p\u0661", "sed -n \u0661p", "git status"),
        *("bash -c ls", "env ls", "command ls", "xargs ls", "fi", "ls && tee x"),
    ],
)
def test_everything_else_is_not_known_safe(command: str) -> None:
    assert not known_safe(read(command))
