"""Links in the place of AGENTS.md: which are followed, and what people are told."""

from pathlib import Path

import pytest

from codex_oss.agent.doc_links import (
    HIDDEN,
    MAY_HOLD_KEYS,
    NO_TEXT,
    OUTSIDE,
    UNREAD,
    Links,
)
from codex_oss.agent.project_docs import ProjectDocs, read_project_docs


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project beside a home of settings, and files that links may name."""
    top = tmp_path.resolve() / "work/app"
    files = {
        "work/app/CLAUDE.md": "claude",
        "work/app/docs/x.md": "docs",
        "work/app/shared-agents/AGENTS.md": "shared",
        "work/app/.cursorrules": "cursor",
        "work/app/.env": "KEY",
        "work/app/.git/config": "KEY",
        "work/app/.codex/config.toml": "KEY",
        "work/app/tls/server.pem": "KEY",
        "work/beside/AGENTS.md": "beside",
        "work/beside/notes.txt": "notes",
        "home/.codex/team.md": "team",
        "home/.codex/config.toml": "KEY",
        "home/.codex/history.jsonl": "history",
        "home/.ssh/notes.md": "KEY",
        "home/private/diary.md": "diary",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (top / "sub").mkdir()
    return top


def read(top: Path, *, trusted: bool = False, cwd: Path | None = None) -> ProjectDocs:
    home = top.parents[1] / "home"
    denied = (str(home / "private"),)
    return read_project_docs(
        cwd or top, home / ".codex", denied=denied, trusted=trusted
    )


def linked(top: Path, target: str, *, trusted: bool = False) -> tuple[str, list[str]]:
    """Return what is read of a link, without what stands around it, and warnings."""
    link = top / "sub/AGENTS.md"
    link.symlink_to(target)
    docs = read(top, trusted=trusted, cwd=top / "sub")
    body = docs.text.partition("<INSTRUCTIONS>\n")[2].removesuffix("\n</INSTRUCTIONS>")
    return body, docs.warnings


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("../CLAUDE.md", "claude"),
        ("../docs/x.md", "docs"),
        ("../shared-agents/AGENTS.md", "shared"),
        ("../.cursorrules", "cursor"),
        ("../../../home/.codex/team.md", "team"),
    ],
)
def test_links_within_the_project_and_to_ones_own_instructions_are_followed(
    project: Path, target: str, text: str
) -> None:
    assert linked(project, target) == (text, [])


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("../.env", MAY_HOLD_KEYS),
        ("../.git/config", MAY_HOLD_KEYS),
        ("../.codex/config.toml", MAY_HOLD_KEYS),
        ("../tls/server.pem", MAY_HOLD_KEYS),
        ("../../../home/.codex/config.toml", MAY_HOLD_KEYS),
        ("../../../home/.ssh/notes.md", MAY_HOLD_KEYS),
        ("../../../home/.codex/history.jsonl", NO_TEXT),
        ("../../beside/notes.txt", NO_TEXT),
        ("../../../home/private/diary.md", HIDDEN),
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_no_link_brings_keys_or_what_may_not_be_read_to_the_model(
    project: Path,
    target: str,
    words: str,
    trusted: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    path = project / "sub/AGENTS.md"
    text, warnings = linked(project, target, trusted=trusted)
    assert (text, warnings) == (
        "",
        [words.format(path=path, real=path.resolve())],
    )


def test_a_link_to_a_link_is_judged_by_where_it_ends(project: Path) -> None:
    (project / "docs/inner.md").symlink_to("../.env")
    _, [told] = linked(project, "../docs/inner.md")
    assert told.endswith(f"{project / '.env'}, which may hold keys: it is left out.")


def test_only_a_project_that_is_trusted_links_to_instructions_outside(
    project: Path,
) -> None:
    target = "../../beside/AGENTS.md"
    real = project.parent / "beside/AGENTS.md"
    path = project / "sub/AGENTS.md"
    assert linked(project, target) == ("", [OUTSIDE.format(path=path, real=real)])
    path.unlink()
    assert linked(project, target, trusted=True) == ("beside", [])


def test_a_folder_that_is_a_link_is_judged_by_where_it_leads(project: Path) -> None:
    (project / "sub").rmdir()
    (project / "sub").symlink_to("../beside")
    assert "beside" not in read(project, cwd=project / "sub").text


def test_the_persons_own_file_may_lie_anywhere_but_among_the_keys(
    project: Path,
) -> None:
    own = project.parents[1] / "home/.codex/AGENTS.md"
    own.symlink_to(project.parent / "beside/AGENTS.md")
    assert "\nbeside\n" in read(project).text
    own.unlink()
    own.symlink_to("config.toml")
    docs = read(project)
    assert "KEY" not in docs.text
    assert docs.warnings == [
        MAY_HOLD_KEYS.format(path=own, real=own.resolve()),
    ]


def test_a_file_that_is_no_link_is_read_by_any_name_unless_it_is_denied() -> None:
    links = Links(hidden=("/p/no",), top="/p")
    assert links.refuses("/p/.env", "/p/.env") == ""
    path = "/p/no/AGENTS.md"
    assert links.refuses(path, path) == UNREAD.format(path=path)
