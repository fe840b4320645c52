"""What commands are kept from reading."""

from pathlib import Path

import pytest

from codex_oss.errors import SandboxError
from codex_oss.sandbox import secrets


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "home"
    folder.mkdir()
    return folder


def denied(home: Path, *names: str) -> list[str]:
    found = secrets.denied(
        names, home, codex_home=home / ".codex", state=home / ".codex-oss"
    )
    ours = (*(home / ".codex" / n for n in ("auth.json", ".credentials.json", ".env")),)
    state = (
        *("auth.json", "bridge", "responses.sqlite", "responses.sqlite-wal"),
        "undo",
    )
    own = [*map(str, ours), *(str(home / ".codex-oss" / name) for name in state)]
    assert list(found[: len(own)]) == own
    return list(found[len(own) :])


def test_our_own_keys_are_always_denied(home: Path) -> None:
    assert denied(home) == []


def test_paths_may_begin_at_home_and_are_resolved(home: Path) -> None:
    (home / "link").symlink_to("real")
    found = denied(home, "~/link/x", "/etc/../opt/key", "~", "~/link/x")
    assert found == [str(home / "real/x"), "/opt/key", str(home)]


@pytest.mark.parametrize("name", ["keys", "./keys", "", "~other/keys"])
def test_a_relative_path_is_refused(home: Path, name: str) -> None:
    with pytest.raises(SandboxError) as caught:
        denied(home, name)
    assert caught.value.report() == (
        f"`sandbox_deny_read` has {name!r}, which is no absolute path\n"
        "Begin it with / or ~/, or write 'secrets' for the usual places."
    )


def test_the_preset_names_the_usual_places(home: Path) -> None:
    (home / ".netrc").touch()
    (home / ".docker").mkdir()
    (home / ".docker/config.json").touch()
    found = denied(home, "secrets")
    usual = (".ssh", ".aws", ".gnupg", ".config/gh", ".netrc", ".kube", ".azure")
    usual += (".docker/config.json", ".config/gcloud", ".local/share/keyrings")
    usual += ("Library/Keychains",)
    assert {str(home / name) for name in usual} <= set(found)


def test_the_preset_leaves_out_files_that_are_not_there(home: Path) -> None:
    found = denied(home, "secrets")
    assert str(home / ".netrc") not in found
    assert str(home / ".ssh") in found


@pytest.mark.parametrize(
    "name",
    [".npmrc", ".gitconfig", ".config/pip/pip.conf", ".m2/settings.xml", ".cargo"],
)
def test_the_preset_leaves_ordinary_tools_what_they_need(home: Path, name: str) -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert not any(path.is_relative_to(each) for each in denied(home, "secrets"))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('model = "x"\n[model_providers.a]\nenv_key = "A_KEY"', False),
        ('[model_providers.a]\nexperimental_bearer_token = "k"', True),
        ('[model_providers.a]\nhttp_headers = { Authorization = "Bearer k" }', True),
        ('[model_providers.a.env_http_headers]\nAuthorization = "A_KEY"', False),
        ('[mcp_servers.a.env]\nGITHUB_TOKEN = "k"', True),
        ('[[x]]\nn = 1\n[[x]]\napi_key = "k"', True),
        ('[mcp_servers.a.env]\nGITHUB_TOKEN = ""', False),
        ("model = ", True),
    ],
)
def test_settings_are_hidden_only_if_they_hold_a_key(
    home: Path, text: str, *, hidden: bool
) -> None:
    settings = home / ".codex/config.toml"
    settings.parent.mkdir()
    settings.write_text(text)
    (settings.parent / "notes.md").write_text('api_key = "k"')
    assert denied(home) == ([str(settings)] if hidden else [])


def test_doors_have_the_users_number() -> None:
    assert "/tmp/tmux-1000" in secrets.doors(1000)
    assert "/run/docker.sock" in secrets.doors(1000)
