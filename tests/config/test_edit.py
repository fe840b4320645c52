"""One value of a configuration file is set; all the rest of it stays."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.config import edit
from codex_oss.errors import ConfigError

KEY = ("profiles", "oss", "model")


def made(folder: Path, text: str | None, value: str = "new") -> edit.Edit:
    path = folder / "config.toml"
    if text is not None:
        path.write_bytes(text.encode())
    return edit.set_text(path, "~/config.toml", KEY, value)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (None, '[profiles.oss]\nmodel = "new"\n', 2),
        ("", '[profiles.oss]\nmodel = "new"\n', 2),
        (
            '# mine\nmodel = "gpt-5"  # there\n',
            '# mine\nmodel = "gpt-5"  # there\n\n[profiles.oss]\nmodel = "new"\n',
            5,
        ),
        ("a = 1", 'a = 1\n\n[profiles.oss]\nmodel = "new"\n', 4),
        (
            '[profiles.oss]\nmodel = "old"  # the quick one\n\n[x]\nmodel = "y"\n',
            '[profiles.oss]\nmodel = "new"  # the quick one\n\n[x]\nmodel = "y"\n',
            2,
        ),
        (
            "[ profiles . 'oss' ]  # local\n  model='o\"ld'# x\n",
            "[ profiles . 'oss' ]  # local\n  model=\"new\"# x\n",
            2,
        ),
        (
            '[profiles.oss]\n\n# slow\nweb_search = "live"\n',
            '[profiles.oss]\nmodel = "new"\n\n# slow\nweb_search = "live"\n',
            2,
        ),
        (
            "[profiles.oss.features]\nx = true\n",
            '[profiles.oss.features]\nx = true\n\n[profiles.oss]\nmodel = "new"\n',
            5,
        ),
        ("[profiles]\noss.model = 'old'\n", '[profiles]\noss.model = "new"\n', 2),
        ("profiles.oss.model = 7 # why\n", 'profiles.oss.model = "new"  # why\n', 1),
        (
            '[profiles.oss]\r\nmodel = "old"\r\n',
            '[profiles.oss]\r\nmodel = "new"\r\n',
            2,
        ),
        (
            "[profiles.oss]\r\nx = 1\r\n",
            '[profiles.oss]\r\nmodel = "new"\r\nx = 1\r\n',
            2,
        ),
        ("\ufeffa = 1\n", '\ufeffa = 1\n\n[profiles.oss]\nmodel = "new"\n', 4),
        (
            's = """\n[profiles.oss]\n"""\n',
            's = """\n[profiles.oss]\n"""\n\n[profiles.oss]\nmodel = "new"\n',
            6,
        ),
    ],
)
def test_a_value_is_set_where_it_belongs(
    tmp_path: Path, before: str | None, after: str, line: int
) -> None:
    found = made(tmp_path, before)
    assert (found.after, found.line) == (after, line)
    assert found.changes


def test_a_value_that_is_set_already_changes_nothing(tmp_path: Path) -> None:
    assert not made(tmp_path, '[profiles.oss]\nmodel = "new"\n').changes


@pytest.mark.parametrize(
    "text",
    [
        'profiles = { oss = { model = "old" } }\n',
        '[profiles]\noss = { model = "old" }\n',
        "[profiles]\noss.web_search = 'live'\n",
        '[profiles.oss]\nmodel = """\nold"""\n',
        '[profiles.oss]\nmodel = ["a",\n"b"]\n',
    ],
)
def test_what_would_change_more_is_refused_with_the_line(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ConfigError, match=r"~/config.toml.*without changing more") as e:
        made(tmp_path, text)
    assert e.value.hint == 'Write it yourself: model = "new" in [profiles.oss].'
    assert (tmp_path / "config.toml").read_text() == text


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:1"):
        made(tmp_path, "this is = not = toml\n")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_any_text_can_be_a_value(value: str) -> None:
    path = Path("/nowhere/config.toml")
    after = edit.set_text(path, "~/config.toml", KEY, value).after
    assert tomllib.loads(after) == {"profiles": {"oss": {"model": value}}}


def test_writing_keeps_the_mode_and_follows_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "codex.toml"
    real.parent.mkdir()
    real.write_text("a = 1\n")
    real.chmod(0o640)
    (tmp_path / "config.toml").symlink_to(real)

    edit.write(made(tmp_path, None))

    assert (tmp_path / "config.toml").is_symlink()
    assert tomllib.loads(real.read_text())["profiles"] == {"oss": {"model": "new"}}
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert list(real.parent.iterdir()) == [real]


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    edit.write(edit.set_text(path, "~/config.toml", KEY, "m"))
    assert path.read_text() == '[profiles.oss]\nmodel = "m"\n'


def test_a_file_that_cannot_be_written_is_told_and_left(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    change = edit.Edit(path=tmp_path / "config.toml", before="", after="x", line=1)
    with pytest.raises(ConfigError, match="Cannot write"):
        edit.write(change)
    assert list(tmp_path.iterdir()) == [change.path]
