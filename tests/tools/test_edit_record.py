"""What is kept of a model's edits: by several processes, and from a damaged file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from codex_oss.tools.edit_record import MAX_MODELS, EditRecord
from codex_oss.tools.ladder import Tally

ADD = (
    "import sys; from pathlib import Path; "
    "from codex_oss.tools.edit_record import EditRecord; "
    "record = EditRecord(Path(sys.argv[1]), 'm'); "
    "[record.add('patch', landed=True) for _ in range(20)]"
)


def test_attempts_are_kept_for_each_model(tmp_path: Path) -> None:
    path = tmp_path / "state/edits.json"
    EditRecord(path, "a").add("patch", landed=True)
    EditRecord(path, "a").add("patch", landed=False)
    EditRecord(path, "b").add("whole", landed=True)

    assert EditRecord(path, "a").read() == {"patch": Tally(1.9, 0.9)}
    assert EditRecord(path, "b").read() == {"whole": Tally(1.0, 1.0)}
    assert EditRecord(path, "c").read() == {}


def test_several_processes_count_together(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    running = [
        subprocess.Popen([sys.executable, "-c", ADD, str(path)]) for _ in range(3)
    ]

    assert [child.wait(timeout=180) for child in running] == [0, 0, 0]
    tries = 0.0
    for _ in range(60):
        tries = tries * 0.9 + 1
    assert EditRecord(path, "m").read()["patch"].tries == pytest.approx(tries)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"models": 3}', b"\xff\xfe", b"[]"])
def test_a_damaged_file_is_begun_anew_with_a_warning(
    tmp_path: Path, damage: bytes
) -> None:
    path = tmp_path / "edits.json"
    path.write_bytes(damage)
    record = EditRecord(path, "m")

    assert record.read() == {}
    assert record.warning.startswith(f"{path} cannot be read and is begun anew: ")
    record.add("whole", landed=True)
    assert json.loads(path.read_text()) == {"models": {"m": {"whole": [1.0, 1.0]}}}


def test_the_models_used_last_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    many = {f"m{n}": {"patch": [1.0, 1.0]} for n in range(MAX_MODELS)}
    path.write_text(json.dumps({"models": many}))

    EditRecord(path, "m0").add("patch", landed=True)
    EditRecord(path, "new").add("patch", landed=True)

    names = [*json.loads(path.read_text())["models"]]
    assert (len(names), names[0], names[-2:]) == (MAX_MODELS, "m2", ["m0", "new"])


def test_a_folder_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    record = EditRecord(tmp_path / "file/edits.json", "m")

    record.add("patch", landed=True)

    assert record.read() == {}
