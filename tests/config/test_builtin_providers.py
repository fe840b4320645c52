"""The built-in providers, what the environment says, what users change."""

import pytest

from codex_oss.config.builtin import PROVIDERS, ollama_url
from codex_oss.config.provider import Provider
from config_home import Run


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("box", "http://box:11434/v1"),
        ("box:8080", "http://box:8080/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:99", "http://127.0.0.1:99/v1"),
        ("http://box", "http://box:80/v1"),
        ("https://box", "https://box:443/v1"),
        ("https://box:8443/ollama/", "https://box:8443/ollama/v1"),
        ("box/ollama", "http://box:11434/ollama/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("[::]", "http://[::1]:11434/v1"),
        ("::1", "http://[::1]:11434/v1"),
        (' "box:1" ', "http://box:1/v1"),
        ("'box:1'", "http://box:1/v1"),
        ("box:port", "http://box:11434/v1"),
        ("https://box:99999", "https://box:443/v1"),
        ("box:0", "http://box:11434/v1"),
        ("", "http://127.0.0.1:11434/v1"),
        ("http://box:1/v1", "http://box:1/v1"),
        ("https://box/ollama/v1/", "https://box:443/ollama/v1"),
        ("ollama.com", "https://ollama.com:443/v1"),
        ("http://[::1]", "http://[::1]:80/v1"),
        ("http://0.0.0.0:1", "http://127.0.0.1:1/v1"),
    ],
)
def test_every_form_of_ollama_host_is_a_url(host: str, url: str) -> None:
    assert ollama_url(host) == url


@pytest.mark.parametrize(
    ("env", "urls"),
    [
        ({}, {}),
        ({"OPENAI_BASE_URL": "http://proxy/v1"}, {"openai": "http://proxy/v1"}),
        ({"OPENAI_BASE_URL": "  "}, {}),
        ({"OLLAMA_HOST": "box"}, {"ollama": "http://box:11434/v1"}),
        (
            {"CODEX_OSS_PORT": "8080", "OLLAMA_HOST": "box"},
            dict.fromkeys(("oss", "ollama", "lmstudio"), "http://localhost:8080/v1"),
        ),
        (
            {"CODEX_OSS_BASE_URL": "http://box/v1", "CODEX_OSS_PORT": "x"},
            dict.fromkeys(("oss", "ollama", "lmstudio"), "http://box/v1"),
        ),
    ],
)
def test_the_environment_moves_built_in_providers(
    run: Run, env: dict[str, str], urls: dict[str, str]
) -> None:
    providers = run(env=env).config.model_providers
    assert {
        name: provider.base_url
        for name, provider in providers.items()
        if provider != PROVIDERS[name]
    } == urls


def test_the_environment_is_an_origin_and_the_file_counts_before_it(run: Run) -> None:
    env = {"OLLAMA_HOST": "box", "OPENAI_BASE_URL": "http://proxy/v1"}
    loaded = run('[model_providers.ollama]\nbase_url = "http://mine/v1"', env=env)
    assert {
        key: origin
        for key, origin in loaded.origins.items()
        if key.startswith("model_providers")
    } == {
        "model_providers.openai.base_url": "OPENAI_BASE_URL",
        "model_providers.ollama.base_url": "~/.codex/config.toml:2",
    }
    assert loaded.config.model_providers["ollama"].base_url == "http://mine/v1"


def test_a_built_in_provider_is_changed_key_by_key(run: Run) -> None:
    loaded = run(
        'model_provider = "openai"\nopenai_base_url = "http://proxy/v1"\n'
        '[model_providers.openai]\nwire_api = "chat"\n'
        'env_http_headers = {X-Team = "TEAM"}\n'
    )
    assert (loaded.provider.base_url, loaded.provider.wire_api) == (
        "http://proxy/v1",
        "chat",
    )
    assert loaded.provider.env_key == "OPENAI_API_KEY"
    assert loaded.provider.env_http_headers["X-Team"] == "TEAM"
    assert loaded.warnings == []


def test_a_providers_name_is_its_id_unless_it_has_one(run: Run) -> None:
    loaded = run("[model_providers.box]\n[model_providers.b]\nname = 'The Box'")
    assert loaded.config.model_providers["box"] == Provider(name="box")
    assert loaded.config.model_providers["b"] == Provider(name="The Box")


def test_the_engine_decides_about_urls_that_are_not_set(run: Run) -> None:
    loaded = run()
    assert loaded.provider == Provider(name="Open Source", wire_api="chat")
    assert loaded.config.model_providers["llamacpp"].base_url is None
