"""The keys on approvals and the sandbox, in every spelling."""

import pytest

from codex_oss.config.load import approval_policy, deny_read
from codex_oss.config.schema import SandboxLinux
from codex_oss.config.show import render
from codex_oss.errors import ConfigError
from codex_oss.policy import Granular
from config_home import Run


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        (None, [], "on-request"),
        ('approval_policy = "untrusted"', [], "untrusted"),
        ("approval_policy = {granular = {rules = false}}", [], Granular(rules=False)),
        (
            "[approval_policy.granular]\nsandbox_approval = false",
            ["approval_policy.granular.rules=false"],
            Granular(sandbox_approval=False, rules=False),
        ),
        (
            'approval_policy = "never"',
            ["approval_policy={granular={skill_approval=false}}"],
            Granular(skill_approval=False),
        ),
        (
            "[approval_policy.granular]\nrules = false",
            ["approval_policy=never"],
            "never",
        ),
    ],
)
def test_the_approval_policy_is_a_word_or_a_table(
    run: Run, text: str | None, overrides: list[str], expected: str | Granular
) -> None:
    loaded = run(text, overrides=overrides, strict=True)

    assert (approval_policy(loaded.config), loaded.warnings) == (expected, [])


def test_what_is_no_approval_policy_is_told_with_its_choices(run: Run) -> None:
    with pytest.raises(ConfigError) as told:
        run('approval_policy = "sometimes"')
    assert str(told.value) == (
        '~/.codex/config.toml:1: `approval_policy`: expected "untrusted", '
        '"on-request", "on-failure" or "never" or a table, got "sometimes"'
    )


def test_a_typo_in_the_table_is_told_with_what_was_meant(run: Run) -> None:
    told = (
        "~/.codex/config.toml:2: unknown key `approval_policy.granular.rule` is "
        "ignored. Did you mean `approval_policy.granular.rules`?"
    )
    assert run("[approval_policy.granular]\nrule = false").warnings == [told]


def test_the_table_is_shown_key_by_key(run: Run) -> None:
    shown = render(run("[approval_policy.granular]\nrules = false"))

    assert "approval_policy.granular.rules = false" in shown


PROFILE = """
default_permissions = "p"
[permissions.p.filesystem]
":root" = "read"
"/srv/keys" = "deny"
"~/mail" = "none"
"/srv" = "read"
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ["secrets"]),
        ("sandbox_deny_read = []", []),
        ('sandbox_deny_read = ["secrets", "~/x"]', ["secrets", "~/x"]),
        (PROFILE, ["secrets", "/srv/keys", "~/mail"]),
        ('[permissions.p.filesystem]\n"/srv/keys" = "deny"', ["secrets"]),
        ('default_permissions = "p"\n[permissions.p]\nfilesystem = 1', ["secrets"]),
    ],
)
def test_what_may_not_be_read_is_the_preset_the_key_and_the_profile(
    run: Run, text: str | None, expected: list[str]
) -> None:
    assert deny_read(run(text).config) == expected


def test_how_linux_isolates_is_chosen_by_a_table(run: Run) -> None:
    loaded = run(
        '[sandbox_linux]\nfallback = "deny"\nfilter = "strict"\nallow_ptrace = true'
    )
    assert loaded.config.sandbox_linux == SandboxLinux(
        fallback="deny", filter="strict", allow_ptrace=True
    )
