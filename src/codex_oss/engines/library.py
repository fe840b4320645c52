"""The model files that the embedded engine has downloaded: listed and removed.

They are plain files, as ``sources`` says. Each has the shortest name that means it and
no other.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from codex_oss.engines import gguf, sources
from codex_oss.engines.gguf import Header
from codex_oss.engines.partial import Partial
from codex_oss.engines.sources import PypiSource
from codex_oss.errors import EngineError

MAX_FILES = 512


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A downloaded model: its name for ``-m`` and its first file."""

    name: str
    path: Path
    header: Header | None
    """None: the file is damaged, and ``problem`` says how."""
    problem: str = ""


def files(models: Path) -> list[File]:
    """Return the models below a folder, by name."""
    paths = [*_below(models / "hf", "*/*"), *_below(models / "pypi", "*/*")]
    names = _names(paths, models)
    return sorted((_file(path, names[path]) for path in paths), key=lambda f: f.name)


def all_of_them(models: Path) -> list[File]:
    """Return the models below a folder, and the default that set-up installed."""
    found, default = files(models), sources.DEFAULT_MODEL
    path = sources.at_hand(sources.parse(default), models)
    if path is not None and all(file.path != path for file in found):
        found.append(_file(path, default))
    return found


def remove(path: Path, models: Path) -> int:
    """Delete all files of a model, and folders that are empty then; return the bytes.

    Raises ``errors.EngineError`` for a path that is not below ``models``.
    """
    require_ours(path, models)
    freed = 0
    for part in gguf.parts(path):
        try:
            size = part.stat().st_size
            part.unlink()
            Partial(part).path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise EngineError(f"Cannot delete {part}: {error.strerror}") from error
        freed += size
    for folder in path.parents:
        if folder == models or not folder.is_relative_to(models):
            break
        with contextlib.suppress(OSError):
            folder.rmdir()
    return freed


def require_ours(path: Path, models: Path) -> None:
    """Raise ``errors.EngineError`` for a path that is not below ``models``."""
    if not path.resolve().is_relative_to(models.resolve()):
        raise EngineError(
            f"{path} is not a file that codex-oss has downloaded",
            hint="What an installed package holds goes with the package.",
        )


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the first file of each model; what accompanies models is none."""
    found = 0
    for place in sorted(folder.glob(pattern)):
        for path in sorted(place.rglob("*.gguf")):
            if any(word in path.name.lower() for word in sources.NOT_MODELS):
                continue
            if gguf.parts(path)[0] == path and (found := found + 1) <= MAX_FILES:
                yield path


def _file(path: Path, name: str) -> File:
    try:
        return File(name=name, path=path, header=gguf.read(path))
    except EngineError as error:
        return File(name=name, path=path, header=None, problem=str(error))


def _names(paths: list[Path], models: Path) -> dict[Path, str]:
    short = {path: _short(path.relative_to(models).parts) for path in paths}
    taken = list(short.values())
    return {
        path: name if taken.count(name) == 1 else _long(path.relative_to(models).parts)
        for path, name in short.items()
    }


def _short(parts: tuple[str, ...]) -> str:
    """Return a name for the only model of a repository or package."""
    if parts[0] == "hf":
        repo, _, revision = parts[2].partition("@")
        return f"hf:{parts[1]}/{repo}{_at(revision)}"
    package = parts[1]
    for alias, source in sources.ALIASES.items():
        if isinstance(source, PypiSource) and source.package == package:
            return alias
    return f"pypi:{package}"


def _long(parts: tuple[str, ...]) -> str:
    """Return a name for one of several."""
    rest = "/".join(parts[3:])
    if parts[0] == "hf":
        repo, _, revision = parts[2].partition("@")
        return f"hf:{parts[1]}/{repo}/{rest}{_at(revision)}"
    return f"pypi:{parts[1]}=={parts[2]}/{rest}"


def _at(revision: str) -> str:
    return f"@{revision.replace('--', '/')}" if revision else ""
