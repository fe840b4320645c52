"""The form of edits that a session begins with, and the reason that people read."""

from pathlib import Path

import pytest

from codex_oss.tools.edit_record import EditRecord
from codex_oss.tools.ladder import Form
from codex_oss.wiring.editing import FILE, First, first_form
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.world import state_home
from config_home import loader


def job(folder: Path, text: str, *overrides: str) -> Job:
    loaded = loader(folder)(text, overrides=list(overrides))
    return Job(loaded=loaded, cwd=folder, env={"HOME": str(folder)})


OPENAI = 'model_provider = "openai"\n'
PINNED = "`edit_form`, ~/.codex/config.toml:2"


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("", First(form="patch", why="as in Codex", freeform=True)),
        (
            'edit_form = "patch"',
            First(form="patch", why="as in Codex", freeform=True),
        ),
        ('edit_form = "whole"', First(form="whole", why=PINNED, pinned=True)),
    ],
)
def test_openais_models_have_codexs_tool_unless_another_form_is_chosen(
    tmp_path: Path, key: str, first: First
) -> None:
    assert first_form(job(tmp_path, OPENAI + key), "gpt-5.5", "full") == first


@pytest.mark.parametrize(
    ("model", "form", "outcomes", "begins"),
    [
        ("big-70b", "patch", "----", ("replace", "apply_patch have mostly failed")),
        ("big-70b", "patch", "+--+++-", ("patch", "the full prompt's form")),
        ("tiny-135m", "whole", "+" * 9, ("replace", "whole files have landed")),
        ("tiny-135m", "whole", "-" * 9, ("whole", "below a billion parameters")),
    ],
)
def test_what_a_model_got_right_decides_and_is_the_reason(
    tmp_path: Path, model: str, form: Form, outcomes: str, begins: tuple[str, str]
) -> None:
    mine = job(tmp_path, 'model_provider = "ollama"\n')
    record = EditRecord(state_home(mine.env) / FILE, model)
    for outcome in outcomes:
        record.add(form, landed=outcome == "+")

    found = first_form(mine, model, "full")

    assert found.form == begins[0]
    assert begins[1] in found.row[1]


def test_a_choice_counts_before_the_record_and_auto_lets_it_count_again(
    tmp_path: Path,
) -> None:
    file = 'model_provider = "ollama"\nedit_form = "patch"\n'
    mine = job(tmp_path, file)
    record = EditRecord(state_home(mine.env) / FILE, "big-70b")
    for _ in range(6):
        record.add("patch", landed=False)

    freed = job(tmp_path, file, "edit_form=auto")

    assert first_form(mine, "big-70b", "full").form == "patch"
    assert first_form(freed, "big-70b", "full").form == "replace"
