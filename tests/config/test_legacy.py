"""Older spellings: each still works and says what to write today."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from codex_oss.config import legacy
from codex_oss.config.kinds import child
from codex_oss.config.schema import Config, SandboxWorkspaceWrite
from config_home import Run

FILE = "~/.codex/config.toml"


def changed(config: Config) -> Mapping[str, Any]:
    """Return the keys that are not at their defaults, but the provider."""
    defaults = Config()
    return {
        name: value
        for name in Config.__struct_fields__
        if name not in {"model_provider", "model_providers"}
        if (value := getattr(config, name)) != getattr(defaults, name)
    }


def workspace(**settings: Any) -> dict[str, Any]:
    mode = {"sandbox_mode": "workspace-write"}
    if not settings:
        return mode
    return mode | {"sandbox_workspace_write": SandboxWorkspaceWrite(**settings)}


@pytest.mark.parametrize(
    ("text", "expected", "warning"),
    [
        (
            '[sandbox]\nmode = "workspace-write"',
            {"sandbox_mode": "workspace-write"},
            "2: `sandbox.mode` is now `sandbox_mode`",
        ),
        (
            'sandbox = "read-only"',
            {"sandbox_mode": "read-only"},
            "1: `sandbox.mode` is now `sandbox_mode`",
        ),
        (
            "[sandbox]\nwritable_roots = ['/a']",
            {"sandbox_workspace_write": SandboxWorkspaceWrite(writable_roots=("/a",))},
            (
                "2: `sandbox.writable_roots` is now "
                "`sandbox_workspace_write.writable_roots`"
            ),
        ),
        (
            "[sandbox]\nnetwork_access = true",
            {"sandbox_workspace_write": SandboxWorkspaceWrite(network_access=True)},
            (
                "2: `sandbox.network_access` is now "
                "`sandbox_workspace_write.network_access`"
            ),
        ),
        (
            "sandbox.exclude_tmpdir_env_var = true",
            {
                "sandbox_workspace_write": SandboxWorkspaceWrite(
                    exclude_tmpdir_env_var=True
                )
            },
            (
                "1: `sandbox.exclude_tmpdir_env_var` is now "
                "`sandbox_workspace_write.exclude_tmpdir_env_var`"
            ),
        ),
        (
            "sandbox.exclude_slash_tmp = true",
            {"sandbox_workspace_write": SandboxWorkspaceWrite(exclude_slash_tmp=True)},
            (
                "1: `sandbox.exclude_slash_tmp` is now "
                "`sandbox_workspace_write.exclude_slash_tmp`"
            ),
        ),
        (
            "experimental_instructions_file = '/i.md'",
            {"model_instructions_file": "/i.md"},
            "1: `experimental_instructions_file` is now `model_instructions_file`",
        ),
        (
            "include_view_image_tool = false",
            {"features": {"view_image": False}},
            "1: `include_view_image_tool` is now `features.view_image`",
        ),
        (
            "[tools]\nview_image = false",
            {"features": {"view_image": False}},
            "2: `tools.view_image` is now `features.view_image`",
        ),
        (
            'approval_policy = "unless-allow-listed"',
            {"approval_policy": "untrusted"},
            (
                '1: `approval_policy = "unless-allow-listed"` is now '
                '`approval_policy = "untrusted"`'
            ),
        ),
        (
            'approval_policy = "auto-edit"',
            {"approval_policy": "untrusted"},
            '1: `approval_policy = "auto-edit"` is now `approval_policy = "untrusted"`',
        ),
        (
            'oss_provider = "ollama-chat"',
            {"oss_provider": "ollama"},
            '1: `oss_provider = "ollama-chat"` is now `oss_provider = "ollama"`',
        ),
        (
            'default_permissions = "mine"',
            {"default_permissions": "mine"},
            (
                "1: `default_permissions`: only the paths that this profile denies "
                "count; for the rest set `sandbox_mode` and `[sandbox_workspace_write]`"
            ),
        ),
    ],
)
def test_an_old_key_means_what_its_new_one_does(
    run: Run, text: str, expected: dict[str, Any], warning: str
) -> None:
    loaded = run(text)
    assert changed(loaded.config) == expected
    assert loaded.warnings == [f"{FILE}:{warning}"]


def test_the_plan_tools_old_key_opens_the_tool(run: Run) -> None:
    loaded = run("include_plan_tool = true")
    assert loaded.config.tools.update_plan.enabled
    assert loaded.warnings == [
        f"{FILE}:1: `include_plan_tool` is now `tools.update_plan.enabled`"
    ]


@pytest.mark.parametrize("dropped", legacy.DROPPED, ids=lambda dropped: dropped.old)
def test_a_key_without_a_successor_is_told_why(
    run: Run, dropped: legacy.Dropped
) -> None:
    loaded = run(f"{dropped.old} = true")
    assert changed(loaded.config) == {}
    assert loaded.warnings == [
        f"{FILE}:1: `{dropped.old}` has no effect: {dropped.reason}. Remove it."
    ]


ALL = ["disk-full-read-access", "disk-write-cwd"]
TEMP = [
    "disk-write-platform-user-temp-folder",
    "disk-write-platform-global-temp-folder",
]
NO_TEMP = {"exclude_tmpdir_env_var": True, "exclude_slash_tmp": True}
READ_ONLY = 'is now `sandbox_mode = "read-only"`'
WORKSPACE = 'is now `sandbox_mode = "workspace-write"` and `[sandbox_workspace_write]`'


@pytest.mark.parametrize(
    ("permissions", "expected", "told"),
    [
        ([], {"sandbox_mode": "read-only"}, READ_ONLY),
        (["disk-full-read-access"], {"sandbox_mode": "read-only"}, READ_ONLY),
        (ALL, workspace(**NO_TEMP), WORKSPACE),
        (ALL + TEMP, workspace(), WORKSPACE),
        (ALL + TEMP[:1], workspace(exclude_slash_tmp=True), WORKSPACE),
        (ALL + TEMP[1:], workspace(exclude_tmpdir_env_var=True), WORKSPACE),
        (
            [*ALL, "disk-write-folder=/a", "disk-write-folder=/b=c"],
            workspace(writable_roots=("/a", "/b=c"), **NO_TEMP),
            WORKSPACE,
        ),
        (
            [*ALL, "network-full-access"],
            workspace(network_access=True, **NO_TEMP),
            WORKSPACE,
        ),
        (
            ["disk-full-write-access"],
            workspace(writable_roots=("/",), **NO_TEMP),
            WORKSPACE,
        ),
        (
            ["disk-full-write-access", "network-full-access"],
            {"sandbox_mode": "danger-full-access"},
            'is now `sandbox_mode = "danger-full-access"`',
        ),
        (
            ["disk-write-folder=/a", "network-full-access"],
            {"sandbox_mode": "read-only"},
            (
                f"{READ_ONLY}; not kept without disk-write-cwd: "
                "disk-write-folder=/a, network-full-access"
            ),
        ),
    ],
)
def test_the_list_of_permissions_becomes_a_mode_that_allows_no_more(
    run: Run, permissions: list[str], expected: dict[str, Any], told: str
) -> None:
    array = msgspec.json.encode(permissions).decode()
    loaded = run(f"sandbox_permissions = {array}")
    assert changed(loaded.config) == expected
    assert loaded.warnings == [f"{FILE}:1: `sandbox_permissions` {told}"]


def test_todays_spelling_counts_before_the_old_one(run: Run) -> None:
    loaded = run(
        'sandbox_mode = "read-only"\n'
        'sandbox_permissions = ["disk-write-cwd"]\n'
        "[sandbox]\n"
        'mode = "danger-full-access"\n'
        "[sandbox_workspace_write]\n"
        "exclude_slash_tmp = false\n"
    )
    assert loaded.config.sandbox_mode == "read-only"
    assert loaded.config.sandbox_workspace_write == SandboxWorkspaceWrite(
        exclude_tmpdir_env_var=True
    )


def test_a_higher_place_counts_though_its_spelling_is_old(run: Run) -> None:
    loaded = run(
        'sandbox_mode = "read-only"', overrides=["sandbox.mode=workspace-write"]
    )
    assert loaded.config.sandbox_mode == "workspace-write"
    assert loaded.warnings == ["-c: `sandbox.mode` is now `sandbox_mode`"]


def test_old_keys_work_in_profiles_and_their_files(run: Run) -> None:
    loaded = run(
        "[profiles.work]\nmodel_provider = 'ollama-chat'",
        files={"work.config.toml": "include_plan_tool = true"},
        profile="work",
    )
    assert (loaded.provider_id, loaded.config.tools.update_plan.enabled) == (
        "ollama",
        True,
    )
    assert loaded.warnings == [
        (
            "~/.codex/work.config.toml:1: `include_plan_tool` is now "
            "`tools.update_plan.enabled`"
        ),
        (
            'profile work, ~/.codex/config.toml:2: `model_provider = "ollama-chat"` is '
            'now `model_provider = "ollama"`'
        ),
    ]


def test_a_providers_old_key_is_renamed(run: Run) -> None:
    loaded = run('[model_providers.x]\nbase_url = "http://x"\nrequires_auth = true')
    assert loaded.config.model_providers["x"].requires_openai_auth
    assert loaded.warnings == [
        (
            f"{FILE}:3: `model_providers.x.requires_auth` is now "
            "`model_providers.x.requires_openai_auth`"
        )
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('approval_policy = "untrusted"', {"approval_policy": "untrusted"}),
        ('approval_policy = "on-failure"', {"approval_policy": "on-failure"}),
        *(
            (f'default_permissions = "{name}"', {"sandbox_mode": mode})
            for name, mode in legacy.PERMISSION_MODES.items()
        ),
    ],
)
def test_other_spellings_that_are_not_old_are_taken_without_a_word(
    run: Run, text: str, expected: dict[str, Any]
) -> None:
    loaded = run(text)
    assert (changed(loaded.config), loaded.warnings) == (expected, [])


def test_every_new_spelling_is_a_key_that_exists() -> None:
    for rename in legacy.RENAMED:
        kind: Any = Config
        for name in rename.new.split("."):
            kind = child(kind, name)
            assert kind is not None, rename.new
