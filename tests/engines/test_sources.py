"""Names of models, the choice among quantizations, and what is on disk already."""

import sys
from pathlib import Path

import pytest

from codex_oss.engines import sources
from codex_oss.engines.sources import FileSource, HfSource, PypiSource, Source
from codex_oss.errors import EngineError


@pytest.mark.parametrize(
    ("model", "source"),
    [
        ("hf:o/r-GGUF", HfSource(repo="o/r-GGUF")),
        ("hf:o/r:Q8_0", HfSource(repo="o/r", quant="Q8_0")),
        ("hf:o/r/sub/f.gguf", HfSource(repo="o/r", file="sub/f.gguf")),
        ("hf:o/r:Q8_0@v1", HfSource(repo="o/r", quant="Q8_0", revision="v1")),
        ("pypi:pkg", PypiSource(package="pkg")),
        ("pypi:p==1/a/f.gguf", PypiSource(package="p", version="1", file="a/f.gguf")),
        ("./m.gguf", FileSource(Path("m.gguf"))),
        ("m.GGUF", FileSource(Path("m.GGUF"))),
        ("/models/dir", FileSource(Path("/models/dir"))),
        ("smollm2-135m", sources.ALIASES["smollm2-135m"]),
    ],
)  # fmt: skip
def test_a_name_says_where_a_model_is(model: str, source: Source) -> None:
    assert sources.is_embedded(model)
    assert sources.parse(model) == source


@pytest.mark.parametrize(
    "model",
    [
        "hf:one",
        "hf:o/r/readme.md",
        "hf:o/../f.gguf",
        "hf:o/r/../../f.gguf",
        "hf:o/r@../x",
        "hf:o//f.gguf",
        "hf:o/r?x=1",
        "hf:o/r/f.gguf:Q8_0",
        "pypi:",
        "pypi:--index-url=x",
        "pypi:p/../f.gguf",
        "gpt-oss:20b",
    ],
)
def test_other_names_are_refused_with_a_way_to_write_them(model: str) -> None:
    with pytest.raises(EngineError) as caught:
        sources.parse(model)
    assert model in str(caught.value)
    assert "hf:OWNER/REPO" in caught.value.hint or "pypi:PACKAGE" in caught.value.hint


def test_names_of_ollama_are_not_ours() -> None:
    assert not sources.is_embedded("gpt-oss:20b")
    assert not sources.is_embedded("qwen3.5")


REPO = [
    "README.md",
    "mmproj-model-f16.gguf",
    "m-IQ2_XS.gguf",
    "m-Q2_K.gguf",
    "m-Q4_0.gguf",
    "m-Q4_K_M.gguf",
    "m-UD-Q4_K_XL.gguf",
    "m-Q8_0.gguf",
    "BF16/m-BF16-00001-of-00002.gguf",
    "BF16/m-BF16-00002-of-00002.gguf",
]


@pytest.mark.parametrize(
    ("names", "quant", "chosen"),
    [
        (REPO, None, "m-Q4_K_M.gguf"),
        (REPO, "q8_0", "m-Q8_0.gguf"),
        (REPO, "UD-Q4_K_XL", "m-UD-Q4_K_XL.gguf"),
        (REPO, "bf16", "BF16/m-BF16-00001-of-00002.gguf"),
        (REPO, "Q5_K_M", None),
        (REPO, "Q4", None),
        (["g-20b-mxfp4.gguf", "g-20b-Q8_0.gguf"], None, "g-20b-mxfp4.gguf"),
        (["m-Q8_0.gguf", "m-Q5_K_S.gguf"], None, "m-Q5_K_S.gguf"),
        (["m-f16.gguf", "m-Q4_0.gguf"], None, "m-Q4_0.gguf"),
        (["model.gguf"], None, "model.gguf"),
        (["m-00002-of-00002.gguf"], None, None),
        (["README.md"], None, None),
        ([], None, None),
    ],
)
def test_the_file_to_use_is_chosen_by_quantization(
    names: list[str], quant: str | None, chosen: str | None
) -> None:
    assert sources.choose(names, quant) == chosen
    assert sources.choose(names[::-1], quant) == chosen


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_downloaded_repository_is_at_hand_by_any_of_its_names(tmp_path: Path) -> None:
    path = tmp_path / "hf/o/r/m-Q4_K_M.gguf"
    source = HfSource(repo="o/r")
    assert sources.at_hand(source, tmp_path) is None
    touch(path)
    assert sources.at_hand(source, tmp_path) == path
    assert sources.at_hand(HfSource(repo="o/r", file=path.name), tmp_path) == path
    assert sources.at_hand(HfSource(repo="o/r", quant="Q8_0"), tmp_path) is None
    assert sources.at_hand(HfSource(repo="o/r", revision="v1"), tmp_path) is None


def test_a_split_model_is_at_hand_when_all_its_parts_are(tmp_path: Path) -> None:
    parts = [tmp_path / f"hf/o/r/m-Q8_0-0000{n}-of-00002.gguf" for n in (1, 2)]
    touch(parts[0])
    assert sources.at_hand(HfSource(repo="o/r"), tmp_path) is None
    touch(parts[1])
    assert sources.at_hand(HfSource(repo="o/r"), tmp_path) == parts[0]


def test_a_wheels_model_is_at_hand_under_its_version(tmp_path: Path) -> None:
    path = tmp_path / "pypi/p/1.0/m.gguf"
    touch(path)
    assert sources.at_hand(PypiSource(package="p"), tmp_path) == path
    named = PypiSource(package="p", version="1.0", file="sub/m.gguf")
    assert sources.at_hand(named, tmp_path) == path
    assert sources.at_hand(PypiSource(package="p", version="2.0"), tmp_path) is None


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder of installed packages: it has one with a model."""
    folder = tmp_path / "lib/site-packages"
    touch(folder / "a_b/m-Q8_0.gguf", folder / "a_b/m-Q4_0.gguf")
    record = folder / "a_b-1.0.dist-info/RECORD"
    touch(record)
    record.write_text(
        "a_b/m-Q8_0.gguf,sha256=x,1\na_b/m-Q4_0.gguf,,\n../m-Q4_K_M.gguf,,\na.py,,\n"
    )
    monkeypatch.setattr(sys, "path", ["", "/nowhere.zip", str(folder)])
    return folder


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("pypi:a-b", "m-Q4_0.gguf"),
        ("pypi:A.b==1.0", "m-Q4_0.gguf"),
        ("pypi:a-b==1.0/a_b/m-Q8_0.gguf", "m-Q8_0.gguf"),
    ],
)
def test_the_model_of_an_installed_package_is_at_hand_where_it_lies(
    packages: Path, tmp_path: Path, model: str, file: str
) -> None:
    found = sources.at_hand(sources.parse(model), tmp_path / "models")
    assert found == packages / "a_b" / file


@pytest.mark.parametrize(
    "model", ["pypi:a", "pypi:a-b==2.0", "pypi:a-b==1.0/a_b/other.gguf"]
)
def test_another_package_version_or_file_is_not_at_hand(
    packages: Path, tmp_path: Path, model: str
) -> None:
    assert packages.is_dir()
    assert sources.at_hand(sources.parse(model), tmp_path / "models") is None


def test_a_package_that_is_half_installed_has_no_model(
    packages: Path, tmp_path: Path
) -> None:
    (packages / "a_b-1.0.dist-info/RECORD").unlink()
    source = PypiSource(package="a-b", version="1.0", file="a_b/m-Q4_0.gguf")
    assert sources.at_hand(source, tmp_path / "models") is None


def test_what_lies_where_python_was_started_is_no_installed_package(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = packages.rename(tmp_path / "work")
    monkeypatch.setattr(sys, "path", [str(work)])
    assert sources.at_hand(PypiSource(package="a-b"), tmp_path / "models") is None


def test_a_downloaded_model_goes_before_an_installed_one(
    packages: Path, tmp_path: Path
) -> None:
    assert packages.is_dir()
    path = tmp_path / "models/pypi/a-b/0.9/m.gguf"
    touch(path)
    assert sources.at_hand(PypiSource(package="a-b"), tmp_path / "models") == path


def test_a_directory_stands_for_the_model_in_it(tmp_path: Path) -> None:
    touch(tmp_path / "m-Q8_0.gguf", tmp_path / "m-Q4_K_M.gguf")
    found = sources.at_hand(FileSource(tmp_path), tmp_path)
    assert found == tmp_path / "m-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "holds no .gguf"), ("none.gguf", "does not exist"),
     ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf does not exist")],
)  # fmt: skip
def test_a_path_without_a_model_is_refused(
    tmp_path: Path, name: str, reason: str
) -> None:
    if name.startswith("m-"):
        touch(tmp_path / name)
    with pytest.raises(EngineError, match=reason):
        sources.at_hand(FileSource(tmp_path / name), tmp_path)
