"""A fake registry of Ollama's models: what ``ollama pull`` asks, over HTTP.

::

    with FakeRegistry(OllamaModel("gpt-oss:20b", layers=(9000, 160, 40))) as registry:
        ...              # GET registry.url + "/v2/library/gpt-oss/manifests/20b"

As the real one: a blob's own address answers with 307 to another place, and only there
are ranges served; what is not there is ``MANIFEST_UNKNOWN`` or ``BLOB_UNKNOWN``; a
model that wants a newer Ollama is refused with 412. ``cut`` breaks each transfer after
so many bytes.
"""

import re
from collections.abc import Mapping

from fake_ollama_models import OllamaModel, content, manifest
from fake_server import FakeServer, Reply, Seen

NEWER = "\n\nThe model you are attempting to pull requires a newer version of Ollama.\n"
_PATH = re.compile(r"/v2/(\S+)/(manifests|blobs)/(\S+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class FakeRegistry(FakeServer):
    """The registry. ``refused`` gives status and words for names."""

    def __init__(
        self,
        *models: OllamaModel,
        refused: Mapping[str, tuple[int, str]] | None = None,
        cut: int | None = None,
    ) -> None:
        super().__init__()
        self.models = {_home(model.name): model for model in models}
        self.blobs = {
            digest: content(model, index)
            for model in models
            for index, (digest, _) in enumerate(model.blobs)
        }
        self._refused = {_home(name): why for name, why in (refused or {}).items()}
        self._cut = cut

    def answer(self, seen: Seen) -> Reply:
        """Keep a request and return its reply."""
        self.requests.append(seen)
        if seen.path.startswith("/cdn/"):
            return self._transfer(seen)
        if not (asked := _PATH.fullmatch(seen.path)):
            return _refusal(404, "NOT_FOUND", "page not found")
        name, kind, which = asked.groups()
        return self._manifest(name, which) if kind == "manifests" else self._blob(which)

    def _manifest(self, name: str, tag: str) -> Reply:
        if why := self._refused.get(f"{name}:{tag}"):
            return _refusal(why[0], "DENIED", why[1])
        if (model := self.models.get(f"{name}:{tag}")) is None:
            return _refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        told = manifest(model)
        reply = Reply(body=told)
        reply.headers["content-type"] = told["mediaType"]
        return reply

    def _blob(self, digest: str) -> Reply:
        if digest not in self.blobs:
            return _refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return Reply(status=307, headers={"location": f"{self.url}/cdn/{digest}"})

    def _transfer(self, seen: Seen) -> Reply:
        whole = self.blobs[seen.path.removeprefix("/cdn/")]
        asked = _RANGE.fullmatch(seen.headers.get("range", ""))
        start = int(asked[1]) if asked else 0
        end = int(asked[2]) + 1 if asked and asked[2] else len(whole)
        part = whole[start:end]
        headers = {"accept-ranges": "bytes"}
        if asked:
            headers["content-range"] = f"bytes {start}-{end - 1}/{len(whole)}"
        if self._cut is not None and len(part) > self._cut:
            return Reply(headers=headers, chunks=[part[: self._cut]], cut=True)
        return Reply(status=206 if asked else 200, headers=headers, body=part)


def _home(name: str) -> str:
    """Return a name with its namespace and tag."""
    tagged = name if ":" in name else f"{name}:latest"
    return tagged if "/" in tagged else f"library/{tagged}"


def _refusal(status: int, code: str, words: str) -> Reply:
    return Reply(status=status, body={"errors": [{"code": code, "message": words}]})
