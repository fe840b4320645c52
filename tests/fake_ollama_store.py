"""What a fake Ollama keeps: models and blobs, and the pulls that bring them.

In memory; with a folder also there, in Ollama's own layout, so that it outlives the
process: ``manifests/registry.ollama.ai/library/NAME/TAG``, ``blobs/sha256-DIGITS``,
and for what is half there ``…-partial`` of the whole length with a ``…-partial-0``
beside it that says how much. The files are sparse: a model of 13 GB takes no room.
"""

import http
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fake_ollama_models import SMALL_BYTES, OllamaModel, content, manifest
from fake_server import WAIT_S, Gate

MISSING = "pull model manifest: file does not exist"
NEWER = (
    "pull model manifest: 412: \n\nThe model you are attempting to pull requires a "
    "newer version of Ollama.\n\nPlease download the latest version at:\n\n"
    "\thttps://ollama.com/download\n\n"
)
NO_SPACE = "write /models/blobs/sha256-0-partial: no space left on device"
RETRIES = "max retries exceeded: unexpected EOF"
MISMATCH = (
    "digest mismatch, file must be downloaded again: want sha256:00, got sha256:11"
)
SMALL = (8000, 160, 40)
"""Bytes of the layers of a model that nobody has described."""
LINE_S = 0.06
"""Between two lines of a pull that has a rate, as of the real one."""
STEPS = 4
"""Lines of progress for a layer, at least."""
GRACE_S = 3600.0
"""A server that starts keeps what is younger, though no model needs it. Older
releases keep nothing, unless ``OLLAMA_NOPRUNE`` is set."""

Line = dict[str, Any]


class Pull(msgspec.Struct, frozen=True):
    """How one pull goes. ``model`` is what it brings; else a small one.

    ``after`` so many new bytes (None: before the manifest is written) it waits at
    ``gate`` and goes on; or it ends: with a line of ``error``, by a ``cut``, or it
    ``hangs`` until the client goes away. What has come stays: the next pull goes on
    from there.
    """

    model: OllamaModel | None = None
    after: int | None = None
    error: str = ""
    cut: bool = False
    hangs: bool = False
    gate: Gate | None = None
    rate: int = 0
    """Bytes per second, for people who want to look; 0: at once."""


class Store:
    """Models and blobs."""

    def __init__(
        self,
        models: Sequence[OllamaModel] = (),
        folder: Path | None = None,
        *,
        grace_s: float | None = GRACE_S,
    ) -> None:
        """Take up what lies in ``folder``. ``grace_s`` None: prune nothing."""
        self.models: dict[str, OllamaModel] = {}
        self.blobs: dict[str, int] = {}
        """Bytes that are there, by digest."""
        self._folder = folder
        if folder:
            self._take_up(folder)
            if grace_s is not None:
                self._prune(folder / "blobs", time.time() - grace_s)
        for model in models:
            self.add(model)

    def add(self, model: OllamaModel) -> None:
        """Install a model."""
        for index, (digest, size) in enumerate(model.blobs):
            self._write(digest, size, size)
            if self._folder and size <= SMALL_BYTES:
                _blob(self._folder, digest).write_bytes(content(model, index))
        self.models[model.name] = model
        if self._folder:
            path = _path(self._folder, model.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(manifest(model)))

    def path(self, digest: str) -> Path:
        """Return where a blob lies."""
        return _blob(self._folder or Path(), digest)

    def remove(self, name: str) -> bool:
        """Remove a model, and the blobs that no other needs."""
        model = self.models.pop(name, None)
        if model is None:
            return False
        if self._folder:
            _path(self._folder, name).unlink()
        needed = self._needed()
        for digest, _ in model.blobs:
            if digest not in needed:
                self._drop(digest)
        return True

    def pull(self, name: str, pull: Pull) -> Generator[Line | Gate]:
        """Bring a model, line by line; what a line says is so when it is read."""
        model = pull.model or OllamaModel(name, layers=SMALL)
        if model.name != name:
            known_as = model.made_as or model.name
            model = msgspec.structs.replace(model, name=name, made_as=known_as)
        yield {"status": "pulling manifest"}
        for line in self._progress(model, pull):
            if line is not None:
                yield line
                continue
            if pull.gate:
                yield pull.gate
            if pull.error == MISMATCH:
                self._drop(model.blobs[0][0])
            if pull.error:
                yield {"error": pull.error}
            if pull.error or pull.cut or pull.hangs:
                return
        yield {"status": "writing manifest"}
        self.add(model)
        yield {"status": "success"}

    def _progress(self, model: OllamaModel, pull: Pull) -> Generator[Line | None]:
        """Bring the blobs; None comes at the place that ``after`` names."""
        new, after = 0, pull.after
        if after == 0:
            yield None
        for digest, size in model.blobs:
            have = self.blobs.get(digest, 0)
            yield _line(digest, have, size)
            while have < size:
                if new and new == after:
                    yield None
                step = max(1, int(pull.rate * LINE_S) or size // STEPS)
                if after is not None and new < after:
                    step = min(step, after - new)
                step = min(step, size - have)
                if pull.rate:
                    threading.Event().wait(LINE_S)
                have, new = have + step, new + step
                self._write(digest, have, size)
                yield _line(digest, have, size)
        yield {"status": "verifying sha256 digest"}
        if after is None or new <= after:
            yield None

    # --- on disk -----------------------------------------------------------------

    def _write(self, digest: str, have: int, size: int) -> None:
        self.blobs[digest] = have
        if not self._folder:
            return
        blob = _blob(self._folder, digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        partial, part = _partial(blob)
        if have < size:
            _sparse(partial, size)
            said = {"N": 0, "Offset": 0, "Size": size, "Completed": have}
            part.write_text(json.dumps(said))
            return
        _sparse(blob, size)
        partial.unlink(missing_ok=True)
        part.unlink(missing_ok=True)

    def _drop(self, digest: str) -> None:
        self.blobs.pop(digest, None)
        if self._folder:
            blob = _blob(self._folder, digest)
            for path in (blob, *_partial(blob)):
                path.unlink(missing_ok=True)

    def _needed(self) -> set[str]:
        return {digest for m in self.models.values() for digest, _ in m.blobs}

    def _take_up(self, folder: Path) -> None:
        for path in (folder / "manifests").glob("*/*/*/*"):
            model = msgspec.convert(
                json.loads(path.read_text())["fake"], OllamaModel, strict=False
            )
            self.models[model.name] = model
        for path in (folder / "blobs").glob("sha256-*"):
            digits = path.name.removeprefix("sha256-").partition("-")[0]
            if path.name.endswith("-partial-0"):
                have = json.loads(path.read_text())["Completed"]
                self.blobs[f"sha256:{digits}"] = have
            elif not path.name.endswith("-partial"):
                self.blobs[f"sha256:{digits}"] = path.stat().st_size

    def _prune(self, blobs: Path, before: float) -> None:
        needed = self._needed()
        for digest in list(self.blobs):
            paths = list(blobs.glob(digest.replace(":", "-") + "*"))
            old = all(path.stat().st_mtime < before for path in paths)
            if digest not in needed and old:
                self._drop(digest)


def from_registry(name: str, *, insecure: bool) -> Pull:
    """Return the pull of a model from a registry that its name names.

    Only the manifest is asked for. A ``FakeRegistry`` says there what the model is.
    """
    if not insecure:
        return Pull(after=0, error="pull model manifest: insecure protocol http")
    root, _, tag = name.rpartition(":")
    host, _, path = root.removeprefix("http://").partition("/")
    url = f"http://{host}/v2/{path}/manifests/{tag}"
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as reply:
            told = json.load(reply)["fake"]
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.NOT_FOUND:
            return Pull(after=0, error=MISSING)
        words = json.load(error)["errors"][0]["message"]
        return Pull(after=0, error=f"pull model manifest: {error.code}: {words}")
    except OSError as error:
        return Pull(after=0, error=f"pull model manifest: dial tcp {host}: {error}")
    return Pull(msgspec.convert(told, OllamaModel, strict=False))


def _line(digest: str, have: int, size: int) -> Line:
    short = digest.removeprefix("sha256:")[:12]
    line: Line = {"status": f"pulling {short}", "digest": digest, "total": size}
    # Ollama leaves out a zero.
    return line | ({"completed": have} if have else {})


def _path(folder: Path, name: str) -> Path:
    """Return where a model's manifest lies."""
    model, _, tag = name.rpartition(":")
    parts = model.split("/")
    home = ["registry.ollama.ai", "library"][: 3 - len(parts)]
    return folder.joinpath("manifests", *home, *parts, tag)


def _blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / digest.replace(":", "-")


def _partial(blob: Path) -> tuple[Path, Path]:
    return blob.with_name(f"{blob.name}-partial"), blob.with_name(
        f"{blob.name}-partial-0"
    )


def _sparse(path: Path, size: int) -> None:
    with path.open("ab") as file:
        file.truncate(size)
