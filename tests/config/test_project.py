"""A project's own settings: whose they are, which count, which never do."""

from pathlib import Path

import pytest

from codex_oss.config.load import Loaded, trust_level
from codex_oss.config.project import PERSONAL, UNGUARDED
from codex_oss.errors import ConfigError
from config_home import Run
from running import ROOT

EFFORT = "model_reasoning_effort"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    return tmp_path / "repo"


def write(folder: Path, text: str) -> Path:
    path = folder / ".codex" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def trusted(*folders: Path, level: str = "trusted") -> str:
    return "".join(
        f'[projects."{path}"]\ntrust_level = "{level}"\n' for path in folders
    )


def told(loaded: Loaded) -> tuple[str | None, bool]:
    return loaded.config.model_reasoning_effort, loaded.blocked


def test_the_nearest_file_of_a_trusted_project_wins_and_is_the_origin(
    run: Run, repo: Path
) -> None:
    write(repo, f'{EFFORT} = "low"\nmodel_verbosity = "low"\n')
    near = write(repo / "a", f'{EFFORT} = "high"\n')
    loaded = run(trusted(repo), cwd=repo / "a" / "b")
    assert told(loaded) == ("high", False)
    assert loaded.origin(EFFORT) == f"{near}:1"
    assert loaded.config.model_verbosity == "low"


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ({}, (None, True)),
        ({"": "untrusted"}, (None, True)),
        ({"a/b": "trusted"}, ("b", True)),
        ({"a": "trusted"}, ("a", True)),
        ({"..": "trusted"}, (None, True)),
        ({"": "trusted", "a/b": "untrusted"}, ("a", True)),
        ({"": "trusted", "a": "untrusted"}, ("b", True)),
        ({"": "untrusted", "a/b": "trusted"}, ("b", True)),
    ],
    ids=str,
)
def test_each_folder_is_trusted_by_its_own_entry_else_by_the_tops(
    run: Run, repo: Path, entries: dict[str, str], wanted: tuple[str | None, bool]
) -> None:
    for folder, value in ((repo, "top"), (repo / "a", "a"), (repo / "a" / "b", "b")):
        write(folder, f'{EFFORT} = "{value}"\n')
    projects = "".join(
        trusted((repo / path).resolve(), level=level) for path, level in entries.items()
    )
    assert told(run(projects, cwd=repo / "a" / "b")) == wanted


def test_skills_that_nobody_trusts_are_told_of_and_an_empty_folder_is_not(
    run: Run, repo: Path
) -> None:
    (repo / ".codex").mkdir()
    assert not run("", cwd=repo).blocked
    (repo / "a" / ".agents" / "skills").mkdir(parents=True)
    assert not run("", cwd=repo).blocked
    assert run("", cwd=repo / "a").blocked


def test_the_command_line_stands_above_the_project_and_a_profile_below(
    run: Run, repo: Path
) -> None:
    write(repo, f'{EFFORT} = "project"\n')
    profile = f'{trusted(repo)}[profiles.p]\n{EFFORT} = "profile"\n'
    assert told(run(profile, profile="p", cwd=repo)) == ("project", False)
    loaded = run(trusted(repo), overrides=[f"{EFFORT}=line"], cwd=repo)
    assert told(loaded) == ("line", False)


def test_what_is_the_persons_alone_is_ignored_and_named(run: Run, repo: Path) -> None:
    path = write(
        repo,
        'notify = ["touch", "x"]\nmodel_provider = "y"\nsandbox_deny_read = []\n'
        'sandbox_mode = "danger-full-access"\n[model_providers.y]\nname = "y"\n'
        f'[projects."{repo}"]\ntrust_level = "trusted"\n',
    )
    loaded = run('model_provider = "ollama"\n' + trusted(repo), cwd=repo)
    wanted = (
        f"Ignored unsupported project-local config keys in {path}: model_provider, "
        "model_providers, notify, projects, sandbox_deny_read, sandbox_mode = "
        '"danger-full-access". If you want these settings to apply, manually set them '
        "in your user-level config.toml."
    )
    assert loaded.warnings == [wanted]
    config = loaded.config
    assert (config.notify, loaded.provider_id) == (None, "ollama")
    assert (config.sandbox_deny_read, config.sandbox_mode) == (("secrets",), None)


def test_a_project_cannot_trust_itself(run: Run, repo: Path) -> None:
    write(repo, trusted(repo))
    loaded = run("", cwd=repo)
    assert (loaded.blocked, trust_level(loaded.config, str(repo))) == (True, None)


def test_a_file_that_a_command_may_have_written_starts_no_programs(
    run: Run, repo: Path
) -> None:
    nested = repo / "a"
    text = f'{EFFORT} = "high"\n[mcp_servers.m]\ncommand = "evil"\n'
    path = write(nested, text)
    loaded = run(trusted(repo), cwd=nested)
    assert (loaded.config.mcp_servers, told(loaded)) == ({}, ("high", False))
    assert [w.partition(". ")[0] for w in loaded.warnings] == [
        f"Ignored project-local config keys in {path}: mcp_servers"
    ]
    loaded = run(trusted(repo, nested), cwd=nested)
    assert list(loaded.config.mcp_servers) == ["m"]
    write(repo, text)
    assert list(run(trusted(repo), cwd=repo).config.mcp_servers) == ["m"]


def test_ones_own_codex_home_is_no_project(run: Run, tmp_path: Path) -> None:
    loaded = run(f'{EFFORT} = "low"\n', cwd=tmp_path.resolve())
    assert (told(loaded), loaded.origin(EFFORT)) == (
        ("low", False),
        "~/.codex/config.toml:1",
    )


def test_a_broken_file_is_an_error_where_it_is_trusted_and_unread_elsewhere(
    run: Run, repo: Path
) -> None:
    path = write(repo, "a = = 1\n")
    assert run("", cwd=repo).blocked
    with pytest.raises(ConfigError, match=f"{path}:1:5"):
        run(trusted(repo), cwd=repo)


def test_a_model_of_another_provider_is_not_asked_of_a_local_one(
    run: Run, repo: Path
) -> None:
    path = write(repo, 'model = "gpt-5.5"\n')
    loaded = run(trusted(repo), cwd=repo)
    assert (loaded.oss, loaded.config.model) == (True, None)
    assert f"{path}:1" in loaded.warnings[0]
    named = run('model_provider = "openai"\n' + trusted(repo), cwd=repo)
    assert named.config.model == "gpt-5.5"


def test_instructions_are_found_beside_the_file_that_names_them(
    run: Run, repo: Path
) -> None:
    write(repo, 'model_instructions_file = "prompt.md"\n')
    loaded = run(trusted(repo), cwd=repo)
    wanted = str(repo / ".codex" / "prompt.md")
    assert loaded.config.model_instructions_file == wanted


def test_every_key_that_is_kept_from_projects_is_said_in_the_guide() -> None:
    guide = (ROOT / "docs" / "guides" / "agents-md.md").read_text("utf-8")
    assert [key for key in PERSONAL | UNGUARDED if f"`{key}`" not in guide] == []
