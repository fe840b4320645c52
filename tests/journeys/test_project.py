"""AGENTS.md and skills of a project, as the model gets them and as Codex sends them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codex_cli import CODEX, NO_CODEX
from fake_events import message, turn
from fake_server import FakeServer, Reply
from running import OURS, prepared, provider, run_exec

PROGRAMS = [
    pytest.param(OURS, id="ours"),
    pytest.param(
        (CODEX,), id="codex", marks=pytest.mark.skipif(not CODEX, reason=NO_CODEX)
    ),
]


def texts(
    folder: Path, program: Sequence[str], config: str = "", prompt: str = "hello"
) -> list[tuple[str, str]]:
    """Take a turn in `repo/sub`; return role and text of all that the model got."""
    (folder / "home" / "config.toml").write_text(config)
    with FakeServer(script=[Reply(events=turn(message("Done.")))]) as server:
        arguments = [*provider(server.url), "-C", str(folder / "repo" / "sub"), prompt]
        ran = run_exec(folder, arguments, program=program)
        assert ran.returncode == 0, ran.stderr
        (request,) = (seen.json for seen in server.requests if seen.method == "POST")
    items: list[dict[str, Any]] = request["input"]
    return [(item["role"], part["text"]) for item in items for part in item["content"]]


def instructions(got: list[tuple[str, str]]) -> list[str]:
    return [text for _, text in got if text.startswith("# AGENTS.md")]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = prepared(tmp_path)
    (repo / "sub").mkdir()
    (tmp_path / "home" / "AGENTS.md").write_text("everywhere\n")
    return repo


CASES: dict[str, tuple[dict[str, str], str]] = {
    "one file in each folder": (
        {"AGENTS.md": "top\n", "sub/AGENTS.md": "sub\n\n"},
        "",
    ),
    "an override": ({"AGENTS.md": "no", "AGENTS.override.md": "yes"}, ""),
    "a blank override": ({"sub/AGENTS.md": "no", "sub/AGENTS.override.md": " \n"}, ""),
    "other names": (
        {"B.md": "top", "sub/A.md": "a", "sub/B.md": "b"},
        'project_doc_fallback_filenames = ["A.md", "B.md"]\n',
    ),
    "a file too long": (
        {"AGENTS.md": "0123456789", "sub/AGENTS.md": "abcdefghij"},
        "project_doc_max_bytes = 13\n",
    ),
    "a file beyond the budget": (
        {"AGENTS.md": "0123456789", "sub/AGENTS.md": "abcdefghij"},
        "project_doc_max_bytes = 10\n",
    ),
    "none wanted": ({"AGENTS.md": "top"}, "project_doc_max_bytes = 0\n"),
    "no markers": (
        {"AGENTS.md": "top", "sub/AGENTS.md": "sub"},
        "project_root_markers = []\n",
    ),
    "another marker": (
        {"AGENTS.md": "top", "sub/AGENTS.md": "sub", "sub/top": ""},
        'project_root_markers = ["top"]\n',
    ),
    "not trusted": (
        {"AGENTS.md": "top"},
        '[projects."{repo}"]\ntrust_level = "untrusted"\n',
    ),
}


@pytest.mark.skipif(not CODEX, reason=NO_CODEX)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_model_gets_the_instructions_that_it_gets_from_codex(
    tmp_path: Path, repo: Path, case: str
) -> None:
    files, config = CASES[case]
    for name, text in files.items():
        (repo / name).write_text(text)
    config = config.replace("{repo}", str(repo))
    ours = instructions(texts(tmp_path, OURS, config))
    assert ours == instructions(texts(tmp_path, (CODEX,), config))
    assert len(ours) == 1


@pytest.mark.parametrize("mode", ["read-only", "danger-full-access"])
def test_a_link_brings_no_secret_to_the_model_in_any_sandbox(
    tmp_path: Path, repo: Path, mode: str
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "hosts.md").write_text("SECRET host")
    (repo / "AGENTS.md").symlink_to(tmp_path / ".ssh" / "hosts.md")
    (repo / "CLAUDE.md").write_text("be brief")
    (repo / "sub" / "AGENTS.md").symlink_to("../CLAUDE.md")
    with FakeServer(script=[Reply(events=turn(message("Done.")))]) as server:
        options = [*provider(server.url), "-s", mode, "-C", str(repo / "sub"), "hi"]
        ran = run_exec(tmp_path, options)
        got = str(server.posts[-1].json)
    assert ("SECRET" in got, "be brief" in got) == (False, True)
    linked = f"{repo / 'AGENTS.md'} is a link to {(repo / 'AGENTS.md').resolve()}"
    assert f"{linked}, which may not be read: it is left out." in ran.stderr


def test_settings_skills_and_instructions_of_the_top_count_below_it(
    tmp_path: Path, repo: Path
) -> None:
    (repo / ".codex").mkdir()
    (repo / ".codex" / "config.toml").write_text('developer_instructions = "Top."\n')
    skill = repo / ".agents" / "skills" / "beta" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: beta\ndescription: does it\n---\nDo it.\n")
    trusted = f'[projects."{repo}"]\ntrust_level = "trusted"\n'
    got = texts(tmp_path, OURS, trusted)
    assert ("developer", "Top.") in got
    assert any(f"- beta: does it (file: {skill})" in text for _, text in got)
    got = texts(tmp_path, OURS, "", prompt="use $beta")
    assert not any("Top." in text or "Do it." in text for _, text in got)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_prompt_brings_the_skill_that_it_names(
    tmp_path: Path, repo: Path, program: Sequence[str]
) -> None:
    skill = repo / ".codex" / "skills" / "beta" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: beta\ndescription: does it\n---\nDo it.\n")
    trusted = f'[projects."{repo}"]\ntrust_level = "trusted"\n'
    got = texts(tmp_path, program, trusted, prompt="use $beta")
    assert got[-2:] == [
        ("user", "use $beta"),
        (
            "user",
            (
                f"<skill>\n<name>beta</name>\n<path>{skill}</path>\n"
                "---\nname: beta\ndescription: does it\n---\nDo it.\n\n</skill>"
            ),
        ),
    ]
