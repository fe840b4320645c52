"""A fake LM Studio server, as 0.4 has it. ``fake_lms`` is the program beside it.

::

    with FakeLmStudio(LmModel("qwen/qwen3-8b"), downloads=[LmModel("b")]) as server:
        ...                                    # ask server.url, or server.url + "/v1"
    server.loads                               # [("qwen/qwen3-8b", 4096)]

A model is loaded when it is first asked for, with a context of 4096, unless somebody
loaded it with more before. A download goes on by a quarter each time somebody asks how
far it is. A path that it does not know gets 200 and an error. Its ``/v1/responses``
takes tools of two kinds only.
"""

import json as jsonlib
from collections.abc import Sequence

import msgspec

from fake_ollama_chat import CHARS_PER_TOKEN, Say
from fake_openai import Body, Compatible, Dialect
from fake_responses import respond
from fake_server import Reply, Scripted, Seen

JIT_CONTEXT = 4096
AT = "2026-08-21T10:00:00.123Z"
_DOWNLOAD = "/api/v1/models/download"
_TOOLS = ("function", "mcp")


class LmModel(msgspec.Struct, frozen=True):
    """A model. The download of a ``broken`` one fails half way."""

    key: str = "openai/gpt-oss-20b"
    trained: int = 131072
    size: int = 12_100_000_000
    tools: bool = True
    kind: str = "llm"
    broken: bool = False


class FakeLmStudio(Compatible):
    """The server. ``loads`` are the models it has loaded, with their contexts."""

    dialect = Dialect(reasoning="reasoning")

    def __init__(
        self,
        *models: LmModel,
        answers: Sequence[Say] = (Say("Hello."),),
        downloads: Sequence[LmModel] = (),
        key: str = "",
        any_tools: bool = False,
    ) -> None:
        get: dict[str, Scripted] = {
            "/api/v1/models": lambda _: Reply(body=self._library())
        }
        super().__init__("", JIT_CONTEXT, answers, get=get, key=key)
        del self.get["/health"]
        self.post["/api/v1/models/load"] = self._load
        self.post["/api/v1/models/unload"] = self._unload
        self.post["/v1/responses"] = self._responses
        self.post[_DOWNLOAD] = self._download
        self.models = {m.key: m for m in models or (LmModel(),)}
        self.loaded: dict[str, int] = {}
        self.loads: list[tuple[str, int]] = []
        self._downloads = {m.key: m for m in downloads}
        self._any_tools = any_tools

    def answer(self, seen: Seen) -> Reply:
        """Keep a request and return its reply."""
        reply = super().answer(seen)
        path = seen.path.partition("?")[0]
        table = self.post if seen.method == "POST" else self.get
        if path in table or reply.status != 404:
            return reply
        said = f"Unexpected endpoint or method. ({seen.method} {path})"
        return Reply(body={"error": f"{said}. Returning 200 anyway"})

    def load(self, key: str, context: int) -> None:
        """Load a model; what more than it was trained on is asked for is cut."""
        self.loaded[key] = min(context, self.models[key].trained)
        self.loads.append((key, self.loaded[key]))

    # --- /api/v1 -----------------------------------------------------------------

    def _library(self) -> Body:
        return {"models": [self._described(m) for m in self.models.values()]}

    def _described(self, model: LmModel) -> Body:
        name = model.key.rpartition("/")[2]
        context = self.loaded.get(model.key)
        instance = {"id": model.key, "config": {"context_length": context}}
        able = {"vision": False, "trained_for_tool_use": model.tools}
        told: Body = {
            "type": model.kind,
            "publisher": "lmstudio-community",
            "key": model.key,
            "display_name": name,
            "quantization": {"name": "MXFP4", "bits_per_weight": 4},
            "size_bytes": model.size,
            "params_string": "20B",
            "loaded_instances": [instance] if context else [],
            "max_context_length": model.trained,
            "format": "gguf",
        }
        talks = {"architecture": "gpt-oss", "capabilities": able, "description": None}
        return told | (talks if model.kind == "llm" else {})

    def _load(self, seen: Seen) -> Reply:
        body: Body = seen.json
        if (key := body["model"]) not in self.models:
            return _refusal(404, "model_not_found", f"Model '{key}' not found")
        self.load(key, body.get("context_length") or JIT_CONTEXT)
        reply: Body = {"type": self.models[key].kind, "instance_id": key}
        reply |= {"load_time_seconds": 9.099, "status": "loaded"}
        if body.get("echo_load_config"):
            reply["load_config"] = {"context_length": self.loaded[key]}
        return Reply(body=reply)

    def _unload(self, seen: Seen) -> Reply:
        instance = seen.json["instance_id"]
        if self.loaded.pop(instance, None) is None:
            return _refusal(404, "model_not_found", f"'{instance}' is not loaded")
        return Reply(body={"instance_id": instance})

    def _download(self, seen: Seen) -> Reply:
        key = seen.json["model"]
        if key in self.models:
            return Reply(body={"status": "already_downloaded"})
        if key not in self._downloads:
            return _refusal(404, "model_not_found", f"Model '{key}' not found")
        job = Job(self, self._downloads[key], f"job_{len(self.get):010x}")
        self.get[f"{_DOWNLOAD}/status/{job.name}"] = lambda _: Reply(body=job.go_on())
        return Reply(body=job.told())

    # --- /v1 ---------------------------------------------------------------------

    def prepare(self, body: Body) -> Reply | None:
        """Load the model that is asked for; another is not there."""
        key = body["model"]
        if key not in self.models:
            said = f"Model '{key}' not found"
            return _refusal(404, "invalid_request_error", said)
        if key not in self.loaded:
            self.load(key, JIT_CONTEXT)
        self.context = self.loaded[key]
        return None

    def too_long(self, asked: int) -> Reply:
        """Return the numbers in words."""
        said = (
            f"Trying to keep the first {asked} tokens when context the overflows. "
            f"However, the model is loaded with context length of only {self.context} "
            "tokens, which is not enough. Try to load the model with a larger context "
            "length, or provide a shorter input"
        )
        return Reply(status=400, body={"error": said})

    def _models(self, seen: Seen) -> Reply:
        entry = {"object": "model", "owned_by": "organization_owner"}
        data = [{"id": key} | entry for key in self.models]
        return Reply(body={"object": "list", "data": data})

    def _responses(self, seen: Seen) -> Reply:
        body: Body = seen.json
        if refused := self.prepare(body):
            return refused
        for index, tool in enumerate(body.get("tools") or []):
            if tool["type"] not in _TOOLS and not self._any_tools:
                said = "Invalid discriminator value. Expected 'function' | 'mcp'"
                reply = _refusal(400, "invalid_request_error", said)
                reply.body = reply.body.replace(b"null", b'"tools.%d.type"' % index, 1)
                return reply
        read = len(jsonlib.dumps(body["input"])) // CHARS_PER_TOKEN
        # An empty input only loads the model.
        return respond(body, self.next() if body["input"] else Say(""), read)


class Job:
    """A download that somebody has asked for."""

    def __init__(self, server: FakeLmStudio, model: LmModel, name: str) -> None:
        self.name = name
        self._server = server
        self._model = model
        self._quarters = 0

    def go_on(self) -> Body:
        """Bring a quarter; return how far it is."""
        if self._quarters < 4 and not self._failed:
            self._quarters += 1
        if self._quarters == 4:
            self._server.models[self._model.key] = self._model
        return self.told()

    def told(self) -> Body:
        """Return how far it is."""
        told: Body = {
            "job_id": self.name,
            "status": "downloading",
            "total_size_bytes": self._model.size,
            "downloaded_bytes": self._model.size * self._quarters // 4,
            "started_at": AT,
        }
        if self._failed:
            return told | {"status": "failed"}
        if self._quarters == 4:
            return told | {"status": "completed", "completed_at": AT}
        return told | {"bytes_per_second": 9834240.87, "estimated_completion": AT}

    @property
    def _failed(self) -> bool:
        return self._model.broken and self._quarters == 2


def _refusal(status: int, kind: str, words: str) -> Reply:
    inner = {"message": words, "type": kind, "param": None, "code": kind}
    return Reply(status=status, body={"error": inner})
