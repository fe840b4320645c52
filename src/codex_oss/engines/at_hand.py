"""What is on this disk already: an installed Ollama, downloaded models.

Nothing is run and nothing is asked: an Ollama that stands still is known by its
program and by the manifests in its store. Sources: Ollama's docs (where its installers
put it) and its store, ``manifests/REGISTRY/NAMESPACE/NAME/TAG``.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from codex_oss.engines import gguf, sources
from codex_oss.engines.base import Found, Installed

MAX_MODELS = 512
MAX_MANIFEST_BYTES = 256 * 1024
_REGISTRY, _LIBRARY = "registry.ollama.ai", "library"


# --- Ollama --------------------------------------------------------------------------


def ollama(env: Mapping[str, str], *stores: Path) -> Found | None:
    """Return an installed Ollama with the models of its store; None: there is none.

    ``stores`` are more of them, such as that of our own servers.
    """
    program = ollama_program(env)
    if program is None:
        return None
    models = {
        model.name: model
        for store in (*stores, ollama_store(env))
        for model in installed(store)
    }
    return Found(
        server="ollama", url="", models=tuple(models.values()), said_by=str(program)
    )


def ollama_program(
    env: Mapping[str, str], *, platform: str = sys.platform, root: Path = Path("/")
) -> Path | None:
    """Return Ollama's program: on ``PATH``, or where its installers put it."""
    name = "ollama.exe" if platform == "win32" else "ollama"
    folders = [Path(part) for part in env.get("PATH", "").split(os.pathsep) if part]
    for folder in (*folders, *_usual_folders(env, platform, root)):
        program = folder / name
        if os.path.isfile(program) and os.access(program, os.X_OK):  # noqa: PTH113  unlike Path.is_file, False for what may not be read
            return program
    return None


def _usual_folders(env: Mapping[str, str], platform: str, root: Path) -> Iterator[Path]:
    home = env.get("HOME", "")
    if platform == "win32":
        if local := env.get("LOCALAPPDATA"):
            yield Path(local, "Programs", "Ollama")
        if programs := env.get("PROGRAMFILES"):
            yield Path(programs, "Ollama")
        return
    yield from (root / "usr/local/bin", root / "usr/bin")
    if platform == "darwin":
        app = Path("Applications/Ollama.app/Contents/Resources")
        yield from (root / "opt/homebrew/bin", root / app)
        if home:
            yield Path(home) / app


def ollama_store(env: Mapping[str, str]) -> Path:
    """Return the folder of the models that ``ollama serve`` would have here."""
    if named := env.get("OLLAMA_MODELS", "").strip():
        return Path(named)
    return Path(env.get("HOME", ""), ".ollama", "models")


def own_store(models: Path) -> Path:
    """Return the folder of the models that Ollama servers of our own download."""
    return (models / "ollama").absolute()


class _Layer(msgspec.Struct, frozen=True):
    size: int = 0


class _Manifest(msgspec.Struct, frozen=True):
    layers: list[_Layer] | None = None


def installed(store: Path) -> Iterator[Installed]:
    """Yield the models of a store of Ollama's."""
    found = 0
    for parent, _, files in os.walk(store / "manifests"):
        folder = Path(parent).relative_to(store / "manifests")
        for file in sorted(files):
            if len(folder.parts) < 3 or file.startswith("."):  # noqa: PLR2004  registry, namespace, name
                continue
            if (found := found + 1) > MAX_MODELS:
                return
            size = _size(Path(parent, file))
            if size is not None:
                yield Installed(name=_name(folder.parts, file), size=size or None)


def _name(parts: tuple[str, ...], tag: str) -> str:
    """Return a model's name as Ollama lists it: what is usual is left out."""
    registry, *middle, name = parts
    if registry == _REGISTRY:
        registry = ""
        middle = middle if middle != [_LIBRARY] else []
    return "/".join(part for part in (registry, *middle, name) if part) + f":{tag}"


def _size(manifest: Path) -> int | None:
    try:
        with manifest.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES)
        layers = msgspec.json.decode(data, type=_Manifest).layers
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return sum(layer.size for layer in layers or ())


# --- the embedded engine -------------------------------------------------------------


def embedded(models: Path, room: int | None = None) -> list[str]:
    """Return the names of downloaded models, the largest first, the toy last.

    Those whose file is larger than ``room`` bytes are left out; None: none are.
    """
    sizes: dict[str, int] = {}
    for path in (models / "hf").glob("*/*"):
        owner, repo = path.parts[-2:]
        if not repo.startswith(".") and (size := _largest(path)):
            name, _, revision = repo.partition("@")
            end = f"@{revision.replace('--', '/')}" if revision else ""
            sizes[f"hf:{owner}/{name}{end}"] = size
    for path in (models / "pypi").glob("*"):
        if size := _largest(path):
            sizes[_of_package(path.name)] = size
    toy = sources.DEFAULT_MODEL
    fitting = [name for name, size in sizes.items() if not room or size <= room]
    return sorted(fitting, key=lambda name: (name == toy, -sizes[name], name))


def _of_package(package: str) -> str:
    """Return the short name of a model in a Python package, if it has one."""
    for name, source in sources.ALIASES.items():
        if isinstance(source, sources.PypiSource) and source.package == package:
            return name
    return f"pypi:{package}"


def _largest(folder: Path) -> int:
    """Return the bytes of a folder's largest whole model, with all its parts."""
    largest = 0
    for path in folder.rglob("*.gguf"):
        parts = gguf.parts(path)
        accompanies = any(word in path.name.lower() for word in sources.NOT_MODELS)
        if parts[0] == path and not accompanies:
            with suppress(OSError):  # one part is not there
                largest = max(largest, sum(part.stat().st_size for part in parts))
    return largest
