"""A fake Ollama server: the native API with its traps, as Ollama 0.33 has it.

::

    with FakeOllama(OllamaModel("qwen3:8b"), answers=[Say("hi")]) as server:
        ...                                    # ask server.url, or server.url + "/v1"
    server.loads                               # [("qwen3:8b", 32768)]

    pulls = {"gpt-oss:20b": [Pull(after=4000, cut=True), Pull()]}
    with FakeOllama(pulls=pulls) as server:    # the first is cut, the second resumes

What it does as the real one: a context of 4096 unless one is asked for, cut to what
the model was trained for; a model that is loaded anew when the context changes; the
oldest messages dropped in silence when the prompt does not fit, unless ``truncate`` is
false (which versions before 0.12.6 ignore); tool calls whole, in one line; thinking
unless it is switched off; refusals for what a model cannot; errors inside a stream,
also of a pull, whose status is 200 by then. The last answer, and the last pull of a
model, repeat. ``fake_ollama_program`` is the same as a program of its own.
"""

import datetime as dt
import json as jsonlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fake_ollama_chat import (
    Say,
    chat,
    chatted,
    error,
    generated,
    last,
    ndjson,
    seconds_of,
    tokens,
    whole,
)
from fake_ollama_models import (
    OllamaModel,
    details,
    plain,
    shown,
    tag,
    tagged,
    variant,
)
from fake_ollama_store import (
    MISMATCH,
    MISSING,
    NEWER,
    NO_SPACE,
    RETRIES,
    Line,
    Pull,
    Store,
    from_registry,
)
from fake_ollama_v1 import completions, messages_of, refusal, responses
from fake_server import FakeServer, Gate, Reply, Seen

__all__ = [
    "BUSY",
    "MISMATCH",
    "MISSING",
    "NEWER",
    "NO_SPACE",
    "RETRIES",
    "FakeOllama",
    "OllamaModel",
    "Pull",
    "Say",
    "Store",
]

DEFAULT_CONTEXT = 4096
KEEP_S = 300.0
BUSY = "server busy, please try again.  maximum pending requests exceeded"
_REFUSES_TRUNCATION = (0, 12, 6)
_HAS_RESPONSES = (0, 13, 3)
_HAS_LLAMA_SERVER = (0, 30)
_NEVER = "2318-03-01T00:00:00Z"


class FakeOllama(FakeServer):
    """The server. ``loads`` are the models it has loaded, with their contexts.

    ``grants`` is the most context it gives, whatever is asked for.
    """

    def __init__(
        self,
        *models: OllamaModel,
        answers: Sequence[Say] = (Say("Hello."),),
        pulls: Mapping[str, Sequence[Pull]] | None = None,
        version: str = "0.33.0",
        default_context: int = DEFAULT_CONTEXT,
        grants: int | None = None,
        store: Store | None = None,
    ) -> None:
        super().__init__(
            get={
                "/": lambda _: Reply(body="Ollama is running"),
                "/api/version": {"version": version},
                "/api/tags": lambda _: self._tags(),
                "/api/ps": lambda _: self._ps(),
                "/v1/models": lambda _: self._listed(),
            },
            post={
                "/api/show": self._show,
                "/api/chat": self._chat,
                "/api/generate": self._generate,
                "/api/pull": self._pull,
                "/api/create": self._create,
                "/api/copy": self._copy,
                "/api/delete": self._delete,
                "/v1/chat/completions": self._completions,
                "/v1/responses": self._responses,
            },
        )
        self.store = Store(models or (OllamaModel(),)) if store is None else store
        self.loads: list[tuple[str, int]] = []
        self.loaded: dict[str, int] = {}
        self.kept: dict[str, float] = {}
        """Seconds that a model stays loaded when it is not used; below zero: always."""
        self.dropped = 0
        """Messages that were cut from prompts in silence."""
        self._answers = list(answers)
        self._asked = 0
        self._pulls = {tagged(name): list(of) for name, of in (pulls or {}).items()}
        self._version = tuple(int(part) for part in version.split("."))
        self._default = default_context
        self._grants = grants

    @property
    def models(self) -> dict[str, OllamaModel]:
        """The models that are installed."""
        return self.store.models

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies that came to ``/api/chat``."""
        return [seen.json for seen in self.requests if seen.path == "/api/chat"]

    def asked_for(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(seen.path == path for seen in self.requests)

    def load(self, name: str, context: int) -> int:
        """Load a model as another client would; return its context."""
        context = min(context, self.models[name].trained, self._grants or context)
        if self.loaded.get(name) != context:
            self.loads.append((name, context))
            self.loaded[name] = context
        self.kept.setdefault(name, KEEP_S)
        return context

    def unload(self, name: str) -> None:
        """Take a model out of memory."""
        self.loaded.pop(name, None)
        self.kept.pop(name, None)

    # --- inspecting --------------------------------------------------------------

    def _tags(self) -> Line:
        return {"models": [tag(model) for model in self.models.values()]}

    def _listed(self) -> Line:
        listed = [
            {"id": n, "object": "model", "created": 1787216400, "owned_by": "library"}
            for n in self.models
        ]
        # What has no models says null, as Go does.
        return {"object": "list", "data": listed or None}

    def _ps(self) -> Line:
        return {"models": [self._running(name) for name in self.loaded]}

    def _running(self, name: str) -> Line:
        model, kept = self.models[name], self.kept[name]
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=kept)
        return {
            "name": name,
            "model": name,
            "size": model.layers[0],
            "digest": model.digest,
            "details": details(model),
            "expires_at": until.isoformat() if kept >= 0 else _NEVER,
            "size_vram": int(model.layers[0] * model.vram),
            "context_length": self.loaded[name],
        }

    def _show(self, seen: Seen) -> Reply:
        name = _named(seen)
        model = self.find(name)
        if not name:
            return error(400, "model is required")
        return _missing(name) if model is None else Reply(body=shown(model))

    # --- changing what is installed ----------------------------------------------

    def _pull(self, seen: Seen) -> Reply:
        if not (name := _named(seen)):
            return error(400, "invalid model name")
        insecure: bool = seen.json.get("insecure", False)
        pull = self._next_pull(name, insecure=insecure)
        lines = self.store.pull(plain(name), pull)
        return _progress(seen, lines, pull)

    def _next_pull(self, name: str, *, insecure: bool = False) -> Pull:
        """Return the next of the script; unknown are names with ``missing``."""
        script = self._pulls.get(tagged(name), [])
        if not script and name.startswith("http://"):
            return from_registry(tagged(name), insecure=insecure)
        if len(script) > 1:
            return script.pop(0)
        if script:
            return script[0]
        return Pull(after=0, error=MISSING) if "missing" in name else Pull()

    def _create(self, seen: Seen) -> Reply:
        """Make a variant of a model, which is pulled if it is not there."""
        body: dict[str, Any] = seen.json
        if not (base := body.get("from")):
            return error(400, "neither 'from' or 'files' was specified")
        return _progress(seen, self._creating(tagged(_named(seen)), base, body))

    def _creating(
        self, name: str, base: str, body: dict[str, Any]
    ) -> Iterable[Line | Gate]:
        if self.find(base) is None:
            for line in self.store.pull(tagged(base), self._next_pull(base)):
                if line != {"status": "success"}:
                    yield line
        if (model := self.find(base)) is None:
            return
        parameters: Line = body.get("parameters") or {}
        made = variant(model, name, parameters.get("num_ctx"))
        for index, (digest, _) in enumerate(made.blobs):
            what = "creating new" if index else "using existing"
            yield {"status": f"{what} layer {digest}"}
        yield {"status": "writing manifest"}
        self.store.add(made)
        yield {"status": "success"}

    def _copy(self, seen: Seen) -> Reply:
        source, destination = seen.json["source"], seen.json["destination"]
        if (model := self.find(source)) is None:
            return error(404, f'model "{source}" not found')
        self.store.add(variant(model, tagged(destination), None))
        return Reply()

    def _delete(self, seen: Seen) -> Reply:
        name = plain(_named(seen))
        if seen.method != "DELETE":
            return Reply(status=405, body="405 method not allowed")
        self.unload(name)
        return Reply() if self.store.remove(name) else _missing(_named(seen))

    # --- chatting ----------------------------------------------------------------

    def _chat(self, seen: Seen) -> Reply:
        return self._talk(seen.json, chatted)

    def _generate(self, seen: Seen) -> Reply:
        body: dict[str, Any] = seen.json
        prompt = body.get("prompt")
        messages = [{"role": "user", "content": prompt}] if prompt else []
        return self._talk({**body, "messages": messages}, generated)

    def _talk(self, body: dict[str, Any], form: Callable[[Line], Line]) -> Reply:
        model = self.find(body["model"])
        if model is None:
            return _missing(body["model"])
        if not body.get("messages") and seconds_of(body.get("keep_alive")) == 0:
            self.unload(model.name)
            return Reply(body=form(last("unload")))
        if refused := _refused(model, body):
            return error(400, refused)
        options: dict[str, Any] = body.get("options") or {}
        context = self._load(model, body, options.get("num_ctx"))
        if not body.get("messages"):
            return Reply(body=form(last("load")))
        cuts = body.get("truncate", True) or self._version < _REFUSES_TRUNCATION
        if (asked := tokens(body)) > context and not cuts:
            return error(400, self._overflow(asked, context))
        read = self._fit(body, context)
        thinks = "thinking" in model.capabilities and body.get("think") is not False
        say = self._next()
        if say.refuse:
            return error(*say.refuse)
        lines = chat(say, read, options.get("num_predict"), thinks=thinks)
        if say.gate:
            say.gate.pass_through()  # not even a status comes before the first word
        if body.get("stream") is not False and lines[:1] != [{"error": say.error}]:
            return ndjson(map(form, lines), cut=say.cut)
        if say.cut:
            return Reply(raw=b"")
        end = form(whole(lines))
        return Reply(status=500 if "error" in end else 200, body=end)

    def _load(
        self, model: OllamaModel, body: dict[str, Any], num_ctx: int | None = None
    ) -> int:
        context = self.load(model.name, num_ctx or model.num_ctx or self._default)
        if (seconds := seconds_of(body.get("keep_alive"))) is not None:
            self.kept[model.name] = seconds
        if seconds == 0:
            self.unload(model.name)
        return context

    def _next(self) -> Say:
        say = self._answers[min(self._asked, len(self._answers) - 1)]
        self._asked += 1
        return say

    def _fit(self, body: dict[str, Any], context: int) -> int:
        """Drop the oldest messages until the prompt fits; return its tokens."""
        kept = list(body["messages"])
        while (read := tokens({**body, "messages": kept})) > context:
            oldest = next(
                (i for i, m in enumerate(kept[:-1]) if m["role"] != "system"), None
            )
            if oldest is None:
                break
            del kept[oldest]
        self.dropped += len(body["messages"]) - len(kept)
        return min(read, context)

    def _overflow(self, asked: int, context: int) -> str:
        if self._version < _HAS_LLAMA_SERVER:
            return "the input length exceeds the context length"
        said = (
            f"request ({asked} tokens) exceeds the available context size "
            f"({context} tokens), try increasing it"
        )
        kind = "exceed_context_size_error"
        inner = {"code": 400, "message": said, "type": kind, "n_ctx": context}
        return jsonlib.dumps({"error": inner}, separators=(",", ":"))

    # --- as OpenAI has it: routes that know no num_ctx, and cut in silence ----------

    def _completions(self, seen: Seen) -> Reply:
        return self._speak(seen.json, completions)

    def _responses(self, seen: Seen) -> Reply:
        body: dict[str, Any] = seen.json
        if self._version < _HAS_RESPONSES:
            return Reply(status=404, body="404 page not found")
        messages = messages_of(body)
        if isinstance(messages, str):
            return refusal(400, messages)
        return self._speak({**body, "messages": messages}, responses)

    def _speak(
        self, body: dict[str, Any], form: Callable[[dict[str, Any], Say, int], Reply]
    ) -> Reply:
        model = self.find(body["model"])
        if model is None:
            return refusal(404, f"model '{body['model']}' not found")
        if body.get("tools") and "tools" not in model.capabilities:
            return refusal(400, f'"{model.name}" does not support tools')
        read = self._fit(body, self._load(model, {}))
        say = self._next()
        if say.gate:
            say.gate.pass_through()
        return refusal(*say.refuse) if say.refuse else form(body, say, read)

    def find(self, name: str) -> OllamaModel | None:
        """Return an installed model; a name without a tag means ``latest``."""
        return self.models.get(plain(name))


def _named(seen: Seen) -> str:
    body: dict[str, Any] = seen.json
    return body.get("model") or body.get("name") or ""


def _refused(model: OllamaModel, body: dict[str, Any]) -> str:
    if body.get("tools") and "tools" not in model.capabilities:
        return f'"{model.name}" does not support tools'
    if body.get("think") and "thinking" not in model.capabilities:
        return f'"{model.name}" does not support thinking'
    return ""


def _missing(name: object) -> Reply:
    return error(404, f"model '{name}' not found")


def _progress(
    seen: Seen, lines: Iterable[Line | Gate], pull: Pull | None = None
) -> Reply:
    """Return the lines as they come, or the last where no stream is wanted."""
    if seen.json.get("stream") is not False:
        return ndjson(
            lines, cut=bool(pull and pull.cut), silent=bool(pull and pull.hangs)
        )
    *_, end = (line for line in lines if not isinstance(line, Gate))
    return Reply(status=500 if "error" in end else 200, body=end)
