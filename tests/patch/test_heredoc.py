"""Which shell commands are a patch."""

import pytest

from codex_oss.patch.heredoc import Invocation, is_bare_patch, recognise

PATCH = "*** Begin Patch\n*** Add File: a\n+it's $HOME `x`\n*** End Patch"


def heredoc(opening: str, end: str = "EOF") -> str:
    return f"{opening}\n{PATCH}\n{end}\n"


@pytest.mark.parametrize(
    ("script", "workdir"),
    [
        (heredoc("apply_patch <<'EOF'"), None),
        (heredoc('apply_patch <<"EOF"'), None),
        (heredoc("apply_patch <<EOF"), None),
        (heredoc("applypatch << 'PATCH'", "PATCH"), None),
        (heredoc("  apply_patch<<'EOF'  "), None),
        (heredoc("\napply_patch <<'EOF'", "EOF\n\n"), None),
        (heredoc("apply_patch <<-'EOF'", "\tEOF"), None),
        (heredoc("cd src/app && apply_patch <<'EOF'"), "src/app"),
        (heredoc("cd 'my dir' && apply_patch <<'EOF'"), "my dir"),
        (heredoc('cd "my dir"&&apply_patch <<EOF'), "my dir"),
        (heredoc("apply_patch <<'EOF'").replace("\n", "\r\n"), None),
        (f"apply_patch <<'EOF'\n{PATCH}", None),
        ("apply_patch '{}'".format(PATCH.replace("'", "'\\''")), None),
        ("apply_patch '{}'".format(PATCH.replace("'", "'\"'\"'")), None),
        ('cd d && apply_patch "{}"\n'.format(PATCH.replace("`", "\\`")), "d"),
    ],
)
def test_one_statement_that_applies_a_patch_is_recognised(
    script: str, workdir: str | None
) -> None:
    assert recognise(script) == Invocation(PATCH, workdir)


@pytest.mark.parametrize(
    "script",
    [
        "",
        "ls -l",
        "apply_patch",
        "apply_patch < a.patch",
        "apply_patch --help",
        "apply_patch $PATCH",
        "apply_patch 'a' 'b'",
        "apply_patch 'a'; rm b",
        'apply_patch "a" && echo "done"',
        "cat <<'EOF' | apply_patch\nx\nEOF",
        heredoc("cd src; apply_patch <<'EOF'"),
        heredoc("cd $HOME && apply_patch <<'EOF'"),
        heredoc("cd ~ && apply_patch <<'EOF'"),
        heredoc("cd a && cd b && apply_patch <<'EOF'"),
        heredoc("apply_patch <<'EOF' && git diff"),
        heredoc("apply_patch <<'EOF'", "EOF\ngit diff"),
        heredoc("sudo apply_patch <<'EOF'"),
        heredoc("apply_patch <<'EOF\""),
    ],
)
def test_everything_else_is_an_ordinary_command(script: str) -> None:
    assert recognise(script) is None


def test_a_patch_without_a_program_is_told_apart() -> None:
    assert is_bare_patch(f"\n  {PATCH}")
    assert not is_bare_patch(heredoc("apply_patch <<'EOF'"))
    assert not is_bare_patch("echo '*** Begin Patch'")
