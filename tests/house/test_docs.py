"""House rules on the pages: links lead somewhere, commands and settings are real."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "bench" / "README.md",
    ROOT / "news" / "README.md",
]

WITH_OWN_OPTIONS = (["engines", "start"], ["exec", "resume"], ["exec", "fork"])
"""Commands below a command whose help does not name their options."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """Return the page without its blocks and spans of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def blocks(page: Path, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {word.strip().replace(" ", "-") for word in words}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    broken: list[str] = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


# --- commands ---------------------------------------------------------------------


def commands(page: Path) -> list[list[str]]:
    """Return the words of each line of the page's ``sh`` blocks, without comments."""
    text = "".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [_without_surroundings(line) for line in lines if line]


def _without_surroundings(words: list[str]) -> list[str]:
    """Drop what stands around a command: variables, pipes, redirections."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if "|" in words:
        ours = [i for i, word in enumerate(words) if word.endswith("codex-oss")]
        words = words[ours[0] :] if ours else words
    ends = [i for i, word in enumerate(words) if word in {"|", ">", "<", "2>", "&&"}]
    return words[: ends[0]] if ends else words


def of_ours(page: Path) -> list[list[str]]:
    found = [words for words in commands(page) if words]
    return [words for words in found if words[0] in {"codex-oss", "./codex-oss"}]


@cache
def help_of(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "codex_oss", *command.split(), "--help"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{command!r} is no command: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_calls_only_programs_of_the_checkout_that_exist(page: Path) -> None:
    called = {words[0] for words in commands(page) if words}
    local = {word for word in called if "/" in word and not word.startswith(".venv/")}
    missing = [word for word in local if not os.access(ROOT / word, os.X_OK)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_uses_only_commands_and_options_that_help_names(page: Path) -> None:
    unknown: list[str] = []
    for words in of_ours(page):
        named = [word for word in words[1:] if not word.startswith("-")]
        command = " ".join(named[: 2 if named[:2] in WITH_OWN_OPTIONS else 1])
        text = help_of(command)
        ours = words[: words.index("--")] if "--" in words else words
        options = [
            w.partition("=")[0] for w in ours if re.match(r"--?[a-z]", w, re.IGNORECASE)
        ]
        known = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", text))
        unknown += [f"{command} {option}" for option in options if option not in known]
    assert unknown == []


def test_the_readme_s_two_commands_come_first() -> None:
    first, second, *_ = commands(ROOT / "README.md")
    assert first[:2] == ["./codex-oss", "exec"]
    assert second == ["./test"]


# --- settings ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "text"),
    [
        pytest.param(page, text, id=f"{name(page)}-{number}")
        for page in PAGES
        for number, text in enumerate(blocks(page, "toml"))
    ],
)
def test_a_page_s_settings_are_accepted_by_the_strict_reader(
    page: Path, text: str, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "codex_oss", "config", "--strict-config"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "CODEX_HOME": str(tmp_path),
            "HOME": str(tmp_path),
        },
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), page
