"""The environment that commands get."""

from codex_oss.config.schema import ShellEnvironmentPolicy
from codex_oss.tools.environment import command_env

BASE = {
    "PATH": "/bin",
    "HOME": "/home/user",
    "LC_TIME": "de_DE",
    "TERM": "xterm",
    "GITHUB_TOKEN": "t",
    "my_secret": "s",
    "AWS_REGION": "r",
    "MODEL_KEY": "k",
}
OURS = {
    "NO_COLOR": "1",
    "TERM": "dumb",
    "LANG": "C.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "COLORTERM": "",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GH_PAGER": "cat",
    "CODEX_CI": "1",
    "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS": "1",
    "CODEX_VERSION": "1.2",
    "CODEX_THREAD_ID": "t1",
    "CODEX_SESSION_ID": "t1",
}


def given(policy: ShellEnvironmentPolicy, *secrets: str) -> dict[str, str]:
    return command_env(BASE, policy, secrets=secrets, thread_id="t1", version="1.2")


def test_everything_is_inherited_but_the_keys_of_model_servers() -> None:
    rest = {name: value for name, value in BASE.items() if name != "MODEL_KEY"}
    assert given(ShellEnvironmentPolicy(), "MODEL_KEY") == rest | OURS


def test_core_keeps_what_programs_need() -> None:
    core = {"PATH": "/bin", "HOME": "/home/user", "LC_TIME": "de_DE"}
    assert given(ShellEnvironmentPolicy(inherit="core")) == core | OURS


def test_none_keeps_nothing_not_even_the_path() -> None:
    assert given(ShellEnvironmentPolicy(inherit="none")) == OURS


def test_default_excludes_hide_keys_secrets_and_tokens() -> None:
    kept = {name: BASE[name] for name in ("PATH", "HOME", "LC_TIME", "AWS_REGION")}
    policy = ShellEnvironmentPolicy(ignore_default_excludes=False)
    assert given(policy) == kept | OURS


def test_exclude_set_and_include_only_come_in_this_order() -> None:
    policy = ShellEnvironmentPolicy(
        exclude=("aws_*", "home"),
        set={"HOME": "/x", "AWS_REGION": "y", "TERM": "vt100"},
        include_only=("*o*", "term"),
    )
    assert given(policy, "MODEL_KEY") == {
        **OURS,
        "HOME": "/x",
        "AWS_REGION": "y",
        "TERM": "vt100",
    } | {"GITHUB_TOKEN": "t"}


def test_a_person_may_give_a_key_to_commands_on_purpose() -> None:
    policy = ShellEnvironmentPolicy(inherit="none", set={"MODEL_KEY": "mine"})
    assert given(policy, "MODEL_KEY") == OURS | {"MODEL_KEY": "mine"}
