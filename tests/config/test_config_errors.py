"""Every error of the configuration, once, in full."""

from pathlib import Path
from typing import Any

import pytest

from codex_oss.config import toml
from codex_oss.errors import ConfigError
from config_home import Run

IN_FILE = "~/.codex/config.toml"


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("model = 3", f"{IN_FILE}:1: `model`: expected a string, got the integer 3"),
        (
            "\n\nhide_agent_reasoning = 'no'",
            f'{IN_FILE}:3: `hide_agent_reasoning`: expected true or false, got "no"',
        ),
        (
            "model_context_window = -1",
            (
                f"{IN_FILE}:1: `model_context_window`: expected an integer from 0 on, "
                "got the integer -1"
            ),
        ),
        (
            "sandbox_mode = 'yolo'",
            (
                f'{IN_FILE}:1: `sandbox_mode`: expected "read-only", "workspace-write" '
                'or "danger-full-access", got "yolo"'
            ),
        ),
        (
            "notify = 'say'",
            f'{IN_FILE}:1: `notify`: expected an array of strings, got "say"',
        ),
        (
            "notify = [1]",
            f"{IN_FILE}:1: `notify`: expected an array of strings, got an array",
        ),
        (
            "history = 1.5",
            f"{IN_FILE}:1: `history`: expected a table, got the number 1.5",
        ),
        (
            "[engine]\nmodels_dir = true",
            (f"{IN_FILE}:2: `engine.models_dir`: expected a string, got true"),
        ),
        (
            "[history]\npersistence = 1979-05-27",
            (
                f'{IN_FILE}:2: `history.persistence`: expected "save-all" or "none", '
                "got a date or time"
            ),
        ),
        (
            "[features]\na = true\nb = 'x'",
            f'{IN_FILE}:3: `features.b`: expected true or false, got "x"',
        ),
        (
            "[mcp_servers.a]\nurl = 'x'\n[mcp_servers.b.env]\nX = {}",
            f"{IN_FILE}:4: `mcp_servers.b.env.X`: expected a string, got a table",
        ),
        (
            "[model_providers.x]\nbase_url = 1",
            (
                f"{IN_FILE}:2: `model_providers.x.base_url`: expected a string, "
                "got the integer 1"
            ),
        ),
        (
            "[model_providers.x]\nexperimental_bearer_token = 123",
            (
                f"{IN_FILE}:2: `model_providers.x.experimental_bearer_token`: expected "
                "a string, got another type"
            ),
        ),
        (
            "[model_providers.x]\nwire_api = 'websocket'",
            (
                f'{IN_FILE}:2: `model_providers.x.wire_api`: expected "responses", '
                '"chat" or "ollama", got "websocket"'
            ),
        ),
        (
            "[model_providers.x]\nbase_ulr = 'http://x'",
            (
                f"{IN_FILE}:2: unknown key `model_providers.x.base_ulr`\n"
                "Did you mean base_url?"
            ),
        ),
        (
            "[model_providers.ollama]\nzzz = 1",
            (
                f"{IN_FILE}:2: unknown key `model_providers.ollama.zzz`\n"
                "Known: name, base_url, base_urls, wire_api, env_key, "
                "env_key_instructions, experimental_bearer_token, query_params, "
                "http_headers, env_http_headers, request_max_retries, "
                "stream_max_retries, stream_idle_timeout_ms, local, "
                "requires_openai_auth, tool_mode"
            ),
        ),
        (
            "[model_providers.x.auth]\ncommand = 'x'",
            (
                f"{IN_FILE}:2: `model_providers.x.auth` is not supported\n"
                "Use env_key, http_headers or env_http_headers"
            ),
        ),
        (
            "model_providers = 1",
            f"{IN_FILE}:1: `model_providers`: expected a table, got the integer 1",
        ),
        (
            "[model_providers]\nx = 'http://x'",
            f'{IN_FILE}:2: `model_providers.x`: expected a table, got "http://x"',
        ),
        (
            "model_provider = 'olama'\n[model_providers.box]\nbase_url = 'http://b'",
            (
                f"Model provider `olama` not found ({IN_FILE}:1)\n"
                "Known: box, embedded, llamacpp, lmstudio, ollama, openai, oss, "
                "sglang, vllm. "
                "Or write [model_providers.olama] with its base_url"
            ),
        ),
        (
            "sandbox_permissions = 'all'",
            (
                f"{IN_FILE}:1: `sandbox_permissions`: expected an array of strings, "
                'got "all"'
            ),
        ),
        (
            "sandbox_permissions = ['disk-wipe']",
            (
                f"{IN_FILE}:1: `sandbox_permissions`: unknown permission 'disk-wipe'\n"
                "Known: disk-full-read-access, disk-write-cwd, "
                "disk-write-platform-user-temp-folder, "
                "disk-write-platform-global-temp-folder, disk-full-write-access, "
                "network-full-access, disk-write-folder=PATH"
            ),
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_was_expected(
    run: Run, text: str, report: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(text)
    assert caught.value.report() == report


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        (
            {"overrides": ["model=3"]},
            "-c: `model`: expected a string, got the integer 3",
        ),
        (
            {"flags": {"sandbox_mode": ("--sandbox", "full")}},
            (
                '--sandbox: `sandbox_mode`: expected "read-only", "workspace-write" or '
                '"danger-full-access", got "full"'
            ),
        ),
        (
            {"local_provider": "foo"},
            (
                "Model provider `foo` not found (--local-provider)\n"
                "Known: embedded, llamacpp, lmstudio, ollama, openai, oss, sglang, "
                "vllm. "
                "Or write [model_providers.foo] with its base_url"
            ),
        ),
        (
            {"env": {"CODEX_OSS_PORT": "http"}},
            (
                "CODEX_OSS_PORT: expected a port from 1 to 65535, got 'http'\n"
                "Unset it, or set CODEX_OSS_BASE_URL to the server's whole URL"
            ),
        ),
    ],
)
def test_the_command_line_and_the_environment_are_named_too(
    run: Run, arguments: dict[str, Any], report: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(**arguments)
    assert caught.value.report() == report


@pytest.mark.parametrize(
    ("text", "place", "excerpt"),
    [
        ("model = ", "1:9: invalid value", "  |\n1 | model = \n  |         ^"),
        (
            "a = 1\nb = [1",
            "2:7: unclosed array",
            "  |\n2 | b = [1\n  |       ^",
        ),
        (
            "\n" * 9 + "a = 1\na = 2\n",
            "11:6: cannot overwrite a value",
            "   |\n11 | a = 2\n   |      ^",
        ),
        (
            "[model_providers.x]\nexperimental_bearer_token = sk-secret",
            "2:29: invalid value",
            "  |\n2 | experimental_bearer_token = …\n  |                             ^",
        ),
    ],
)
def test_a_syntax_error_is_shown_with_its_line_and_without_secrets(
    tmp_path: Path, run: Run, text: str, place: str, excerpt: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run(text)
    path = tmp_path / ".codex" / "config.toml"
    assert str(caught.value) == f"{path}:{place}\n{excerpt}"


def test_an_error_in_a_profiles_file_names_that_file(tmp_path: Path, run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        run(files={"work.config.toml": "model"}, profile="work")
    assert str(caught.value).startswith(f"{tmp_path}/.codex/work.config.toml:1:6: ")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    directory, latin, large = (tmp_path / name for name in ("d", "latin", "large"))
    directory.mkdir()
    latin.write_bytes(b'model = "a"\n# caf\xe9\n')
    large.write_bytes(b"#" * (toml.MAX_FILE_BYTES + 1))
    for path, message in (
        (directory, f"Cannot read {directory}: Is a directory"),
        (latin, f"{latin}:2: not UTF-8"),
        (large, f"Cannot read {large}: larger than 4194304 bytes"),
    ):
        with pytest.raises(ConfigError) as caught:
            toml.read(path, "shown")
        assert str(caught.value) == message


def test_an_unknown_key_is_a_warning_with_a_guess(run: Run) -> None:
    loaded = run(
        "modle = 'x'\nzzz = 1\n[history]\npersistance = 'none'\n[quux.a]\nb = 1\n"
        "[profiles.oss]\nsandbox_mod = 1\n",
        overrides=["tools.foo=1"],
    )
    assert loaded.warnings == [
        f"{IN_FILE}:1: unknown key `modle` is ignored. Did you mean `model`?",
        f"{IN_FILE}:2: unknown key `zzz` is ignored",
        (
            f"{IN_FILE}:4: unknown key `history.persistance` is ignored. "
            "Did you mean `history.persistence`?"
        ),
        f"{IN_FILE}:6: unknown key `quux` is ignored",
        (
            f"profile oss, {IN_FILE}:8: unknown key `sandbox_mod` is ignored. "
            "Did you mean `sandbox_mode`?"
        ),
        "-c: unknown key `tools.foo` is ignored",
    ]


def test_an_unknown_key_is_an_error_when_strict(run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        run(overrides=["tools.update_plna=1"], strict=True)
    assert caught.value.report() == (
        "unknown configuration field `tools.update_plna` in -c\n"
        "Did you mean `tools.update_plan`?"
    )
