"""A fake Ollama server: the native API with its traps, as Ollama 0.33 has it.

::

    with FakeOllama(OllamaModel("qwen3:8b"), answers=[Say("hi")]) as server:
        ...                                    # ask server.url, or server.url + "/v1"
    server.loads                               # [("qwen3:8b", 32768)]

What it does as the real one: a context of 4096 unless one is asked for, cut to what
the model was trained for; a model that is loaded anew when the context changes; the
oldest messages dropped in silence when the prompt does not fit, unless ``truncate`` is
false (which versions before 0.12.6 ignore); tool calls whole, in one line; thinking
unless it is switched off; refusals for what a model cannot; errors inside a stream.
The last answer repeats.
"""

import json as jsonlib
from collections.abc import Sequence
from typing import Any

import msgspec

from fake_server import FakeServer, Gate, Reply, Seen

DEFAULT_CONTEXT = 4096
BUSY = "server busy, please try again.  maximum pending requests exceeded"
CHARS_PER_TOKEN = 4
_GIB = 1024**3
_REFUSES_TRUNCATION = (0, 12, 6)
_HAS_LLAMA_SERVER = (0, 30)


class OllamaModel(msgspec.Struct, frozen=True):
    """An installed model. ``num_ctx`` is its Modelfile's, ``vram`` the share there."""

    name: str = "m:latest"
    capabilities: tuple[str, ...] = ("completion", "tools", "thinking", "vision")
    trained: int = 131072
    num_ctx: int | None = None
    vram: float = 1.0
    remote_host: str = ""


class Say(msgspec.Struct, frozen=True):
    """What the model answers: in ``pieces``, after ``thoughts``, with ``calls`` last.

    ``error`` comes instead of the end; ``cut`` hangs up there; ``refuse`` is a status
    and words instead of a stream. ``gate`` waits before the first piece.
    """

    pieces: tuple[str, ...] | str = ()
    thoughts: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    error: str = ""
    cut: bool = False
    refuse: tuple[int, str] | None = None
    gate: Gate | None = None


class FakeOllama(FakeServer):
    """The server. ``loads`` are the models it has loaded, with their contexts."""

    def __init__(
        self,
        *models: OllamaModel,
        answers: Sequence[Say] = (Say("Hello."),),
        version: str = "0.33.0",
        default_context: int = DEFAULT_CONTEXT,
        grants: int | None = None,
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
                "/api/pull": self._pull,
                "/v1/chat/completions": self._completions,
            },
        )
        self.models = {m.name: m for m in models or (OllamaModel(),)}
        self.loads: list[tuple[str, int]] = []
        self.loaded: dict[str, int] = {}
        self.dropped = 0
        """Messages that were cut from prompts in silence."""
        self._answers = list(answers)
        self._asked = 0
        self._version = tuple(int(part) for part in version.split("."))
        self._default = default_context
        self._grants = grants

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
        return context

    # --- inspecting --------------------------------------------------------------

    def _tags(self) -> dict[str, Any]:
        return {"models": [{"name": n, "model": n, "size": _GIB} for n in self.models]}

    def _listed(self) -> dict[str, Any]:
        listed = [
            {"id": n, "object": "model", "owned_by": "library"} for n in self.models
        ]
        return {"object": "list", "data": listed}

    def _ps(self) -> dict[str, Any]:
        running = [
            {
                "name": name,
                "model": name,
                "size": _GIB,
                "size_vram": int(_GIB * self.models[name].vram),
                "expires_at": "2318-03-01T00:00:00Z",
                "context_length": context,
            }
            for name, context in self.loaded.items()
        ]
        return {"models": running}

    def _show(self, seen: Seen) -> Reply:
        model = self._find(seen.json.get("model", ""))
        if model is None:
            return _missing(seen.json.get("model"))
        shown: dict[str, Any] = {
            "details": {"family": "qwen3"},
            "model_info": {
                "general.architecture": "qwen3",
                "qwen3.context_length": model.trained,
            },
            "capabilities": list(model.capabilities),
        }
        if model.num_ctx:
            shown["parameters"] = f'stop      "<end>"\nnum_ctx      {model.num_ctx}'
        if model.remote_host:
            shown["remote_host"] = model.remote_host
        return Reply(body=shown)

    # --- pulling -----------------------------------------------------------------

    def _pull(self, seen: Seen) -> Reply:
        """Answer as for a model of one layer; unknown are names with ``missing``."""
        name, digest = seen.json["model"], "sha256:" + "ab" * 32
        if "missing" in name:
            error = "pull model manifest: file does not exist"
            return _lines([{"status": "pulling manifest"}, {"error": error}])
        self.models[_tagged(name)] = OllamaModel(_tagged(name))
        layer = {"status": f"pulling {'ab' * 6}", "digest": digest, "total": 8}
        statuses = ("verifying sha256 digest", "writing manifest", "success")
        return _lines(
            [
                {"status": "pulling manifest"},
                layer,
                {**layer, "completed": 8},
                *({"status": status} for status in statuses),
            ]
        )

    # --- chatting ----------------------------------------------------------------

    def _chat(self, seen: Seen) -> Reply:
        body: dict[str, Any] = seen.json
        model = self._find(body["model"])
        if model is None:
            return _missing(body["model"])
        if refused := _refused(model, body):
            return _error(400, refused)
        options: dict[str, Any] = body.get("options", {})
        wanted = options.get("num_ctx") or model.num_ctx or self._default
        context = self.load(model.name, wanted)
        if not body.get("messages"):
            return _lines([_last("load")])
        kept, read = self._fit(body, context)
        cuts = body.get("truncate", True) or self._version < _REFUSES_TRUNCATION
        if (tokens := _tokens(body)) > context and not cuts:
            return _error(400, self._overflow(tokens, context))
        self.dropped += len(body["messages"]) - len(kept)
        thinks = "thinking" in model.capabilities and body.get("think") is not False
        return self._say(self._next(), read, options.get("num_predict"), thinks=thinks)

    def _next(self) -> Say:
        say = self._answers[min(self._asked, len(self._answers) - 1)]
        self._asked += 1
        return say

    def _say(self, say: Say, read: int, limit: int | None, *, thinks: bool) -> Reply:
        if say.refuse:
            return _error(*say.refuse)
        pieces = (say.pieces,) if isinstance(say.pieces, str) else say.pieces
        cut = limit is not None and limit < len(pieces)
        lines = [_said(thinking=t) for t in say.thoughts] if thinks else []
        lines += [_said(p) for p in (pieces[:limit] if cut else pieces)]
        for index, (name, arguments) in enumerate(say.calls):
            lines.append(_called(index, name, arguments))
        if say.error:
            lines.append({"error": say.error})
        elif not say.cut:
            counts = {"prompt_eval_count": read, "eval_count": len(lines)}
            lines.append(_last("length" if cut else "stop", counts))
        reply = _lines(lines, cut=say.cut)
        if say.gate and reply.chunks is not None:
            reply.chunks.insert(0, say.gate)
        return reply

    def _completions(self, seen: Seen) -> Reply:
        """Answer on the route that knows no ``num_ctx`` and cuts in silence."""
        body: dict[str, Any] = seen.json
        model = self._find(body["model"])
        if model is None:
            return _missing(body["model"])
        if body.get("tools") and "tools" not in model.capabilities:
            return _error(400, f'"{model.name}" does not support tools')
        context = self.load(model.name, model.num_ctx or self._default)
        kept, read = self._fit(body, context)
        self.dropped += len(body["messages"]) - len(kept)
        say = self._next()
        chunks: list[dict[str, Any] | str] = [
            {"choices": [{"index": 0, "delta": {"content": piece}}]}
            for piece in ((say.pieces,) if isinstance(say.pieces, str) else say.pieces)
        ]
        end: dict[str, Any] = {
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]
        }
        usage = {
            "prompt_tokens": read,
            "completion_tokens": 1,
            "total_tokens": read + 1,
        }
        return Reply(events=[*chunks, end, {"choices": [], "usage": usage}, "[DONE]"])

    def _fit(self, body: dict[str, Any], context: int) -> tuple[list[Any], int]:
        """Return the messages that fit, and their tokens; the oldest go first."""
        kept = list(body["messages"])
        while (read := _tokens({**body, "messages": kept})) > context:
            oldest = next(
                (i for i, m in enumerate(kept[:-1]) if m["role"] != "system"), None
            )
            if oldest is None:
                break
            del kept[oldest]
        return kept, min(read, context)

    def _overflow(self, tokens: int, context: int) -> str:
        if self._version < _HAS_LLAMA_SERVER:
            return "the input length exceeds the context length"
        said = (
            f"request ({tokens} tokens) exceeds the available context size "
            f"({context} tokens), try increasing it"
        )
        kind = "exceed_context_size_error"
        inner = {"code": 400, "message": said, "type": kind, "n_ctx": context}
        return jsonlib.dumps({"error": inner}, separators=(",", ":"))

    def _find(self, name: str) -> OllamaModel | None:
        return self.models.get(_tagged(name))


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _tokens(body: dict[str, Any]) -> int:
    text = jsonlib.dumps([body["messages"], body.get("tools") or []])
    return len(text) // CHARS_PER_TOKEN


def _refused(model: OllamaModel, body: dict[str, Any]) -> str:
    if body.get("tools") and "tools" not in model.capabilities:
        return f'"{model.name}" does not support tools'
    if body.get("think") and "thinking" not in model.capabilities:
        return f'"{model.name}" does not support thinking'
    return ""


def _missing(name: object) -> Reply:
    return _error(404, f"model '{name}' not found")


def _error(status: int, words: str) -> Reply:
    return Reply(status=status, body={"error": words})


def _said(content: str = "", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    at = "2026-08-21T10:00:00.123456Z"
    return {"model": "m", "created_at": at, "message": message, "done": False}


def _called(index: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"index": index, "name": name, "arguments": arguments}
    return _said(tool_calls=[{"id": f"call_{index:08x}", "function": function}])


def _last(reason: str, counts: dict[str, int] | None = None) -> dict[str, Any]:
    times = {"total_duration": 9_000_000, "load_duration": 1_000_000}
    return {**_said(), "done": True, "done_reason": reason, **times, **(counts or {})}


def _lines(lines: Sequence[dict[str, Any]], *, cut: bool = False) -> Reply:
    return Reply(
        headers={"content-type": "application/x-ndjson"},
        chunks=[jsonlib.dumps(line).encode() + b"\n" for line in lines],
        cut=cut,
    )
