"""``config show``: complete, aligned, with origins, without secrets."""

import pytest

from codex_oss.config.masking import is_secret, mask_url
from codex_oss.config.schema import Config
from codex_oss.config.show import render
from config_home import Run

SECRETS = """\
model_provider = "box"
notify = ["say", "done"]
[model_providers.box]
base_url = "https://me:hunter2@box/v1?key=hunter2"
experimental_bearer_token = "hunter2"
http_headers = { Authorization = "Bearer hunter2", x-api-key = "hunter2", X-A = "1" }
query_params = { api-version = "3" }
env_http_headers = { Authorization = "BOX_TOKEN" }
[mcp_servers.docs.env]
DOCS_TOKEN = "hunter2"
[shell_environment_policy.set]
AWS_SECRET_ACCESS_KEY = "hunter2"
"""


def test_what_is_set_comes_first_with_its_origin(run: Run) -> None:
    text = render(run('model_verbosity = "low"', overrides=["model=qwen3:8b"]))
    ours, _, defaults = text.partition("\n\n")
    rows = [line.rsplit("   # ", 1) for line in ours.splitlines()]
    assert [(left.rstrip(), origin) for left, origin in rows] == [
        ('model = "qwen3:8b"', "-c"),
        ('model_provider = "oss"', "profile oss"),
        ('model_verbosity = "low"', "~/.codex/config.toml:1"),
    ]
    assert all(line.endswith("   # default") for line in defaults.splitlines())
    assert len({line.index("#") for line in text.splitlines() if line}) == 1


def test_every_key_is_shown(run: Run) -> None:
    text = render(run())
    shown = {line.partition(" ")[0].partition(".")[0] for line in text.splitlines()}
    tables = {"profiles", "projects", "mcp_servers", "features", "permissions", "tui"}
    tables.add("models")
    assert set(Config.__struct_fields__) - tables <= shown


def test_values_are_written_as_toml(run: Run) -> None:
    text = render(
        run('notify = ["a", "b\\n"]\n[engine]\nthreads = 4\n[features]\nx = false\n')
    )
    lines = {line.rpartition("#")[0].strip() for line in text.splitlines()}
    assert {
        'notify = ["a", "b\\n"]',
        "engine.threads = 4",
        "features.x = false",
        "model = (unset)",
        "shell_environment_policy.set = {}",
    } <= lines


def test_secrets_are_masked_and_nothing_else_is(run: Run) -> None:
    text = render(run(SECRETS))
    assert "hunter2" not in text
    lines = {line.rpartition("#")[0].strip() for line in text.splitlines()}
    assert {
        'model_providers.box.base_url = "https://me:********@box/v1?key=********"',
        'model_providers.box.experimental_bearer_token = "********"',
        'model_providers.box.http_headers.Authorization = "********"',
        'model_providers.box.http_headers.x-api-key = "********"',
        'model_providers.box.http_headers.X-A = "1"',
        'model_providers.box.query_params.api-version = "3"',
        'model_providers.box.env_http_headers.Authorization = "BOX_TOKEN"',
        'mcp_servers.docs.env.DOCS_TOKEN = "********"',
        'shell_environment_policy.set.AWS_SECRET_ACCESS_KEY = "********"',
        "model_providers.box.env_key = (unset)",
    } <= lines


def test_only_defaults_are_dimmed_and_only_with_color(run: Run) -> None:
    loaded = run('model_verbosity = "low"')
    plain, dimmed = render(loaded), render(loaded, color=True)
    assert "\x1b" not in plain
    assert dimmed.replace("\x1b[2m", "").replace("\x1b[0m", "") == plain
    assert all(
        ("# default" in line) == line.startswith("\x1b[2m")
        for line in dimmed.splitlines()
    )


@pytest.mark.parametrize(
    "key",
    [
        "model_auto_compact_token_limit",
        "model_providers.x.env_key",
        "model_providers.x.env_key_instructions",
        "mcp_servers.x.bearer_token_env_var",
        "model",
        "features.keyboard",
    ],
)
def test_a_key_that_only_sounds_secret_is_shown(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://h:1/v1", "http://h:1/v1"),
        ("http://u@h/v1", "http://u:********@h/v1"),
        ("http://u:p@h/a@b?x=1&y", "http://u:********@h/a@b?x=********&y"),
    ],
)
def test_a_url_is_shown_without_password_and_query(url: str, masked: str) -> None:
    assert mask_url(url) == masked
