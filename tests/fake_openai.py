"""Servers that speak OpenAI's Chat Completions: what they share, what tells them apart.

``Compatible`` is a server with such a route. Its answers are those of ``fake_ollama``:
``Say`` with pieces, thoughts, calls, an error midway, a gate while it reads the prompt.
"""

import itertools
import json as jsonlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fake_ollama_chat import CHARS_PER_TOKEN, Say
from fake_server import Event, FakeServer, Reply, Scripted, Seen, chunk, sse

Body = dict[str, Any]


class Dialect(msgspec.Struct, frozen=True):
    """How a server's answers differ from OpenAI's."""

    reasoning: str = "reasoning_content"
    """The field of thoughts."""
    splits_arguments: bool = True
    """The arguments of a call come in pieces."""
    said: Mapping[str, str] = {}
    """What else stands in every chunk."""


def completion(
    dialect: Dialect,
    body: Body,
    say: Say,
    usage: Body,
    before: Sequence[Event] = (),
) -> Reply:
    """Return an answer, as a stream only when one is asked for.

    ``before`` comes while the prompt is read.
    """
    if not body.get("stream"):
        return _whole(dialect, body, say, usage)
    more = {"model": body["model"], **dialect.said}
    events: list[Event] = [
        chunk({"role": "assistant"} | delta, **more) for delta in _deltas(dialect, say)
    ]
    if say.error:
        events.append({"error": {"message": say.error, "type": "api_error"}})
    elif not say.cut:
        events.append(chunk({"content": ""}, finish=_finish(say), **more))
        options: Body = body.get("stream_options") or {}
        if options.get("include_usage"):
            events.append(chunk(None, usage=usage, **more))
        events.append("[DONE]")
    return stream(events, say, before)


def stream(events: Sequence[Event], say: Say, before: Sequence[Event] = ()) -> Reply:
    """Return events that come when the answer's gate is open, and some before."""
    gate = [say.gate] if say.gate else []
    chunks = [*map(_frame, before), *gate, *map(_frame, events)]
    return Reply(chunks=chunks, cut=say.cut)


def _frame(event: Event) -> bytes:
    return sse([event])


def usage_of(say: Say, read: int, cached: int = 0) -> Body:
    """Return what an answer used."""
    written = max(1, len(say.parts))
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }
    return usage | {"prompt_tokens_details": {"cached_tokens": cached}}


def _deltas(dialect: Dialect, say: Say) -> list[Body]:
    deltas: list[Body] = [{dialect.reasoning: thought} for thought in say.thoughts]
    deltas += [{"content": piece} for piece in say.parts]
    calls = _calls(say)
    if not dialect.splits_arguments:
        return [*deltas, {"content": "", "tool_calls": calls}] if calls else deltas
    for call in calls:
        arguments = call["function"]["arguments"]
        half = len(arguments) // 2
        named = {"name": call["function"]["name"], "arguments": ""}
        deltas.append({"tool_calls": [call | {"function": named}]})
        for piece in (arguments[:half], arguments[half:]):
            part = {"index": call["index"], "function": {"arguments": piece}}
            deltas.append({"tool_calls": [part]})
    return deltas


def _whole(dialect: Dialect, body: Body, say: Say, usage: Body) -> Reply:
    if say.error:
        return Reply(status=500, body={"error": {"message": say.error}})
    message: Body = {"role": "assistant", "content": "".join(say.parts)}
    if say.thoughts:
        message[dialect.reasoning] = "".join(say.thoughts)
    if say.calls:
        message["tool_calls"] = _calls(say)
    choice = {"index": 0, "message": message, "finish_reason": _finish(say)}
    reply = {"id": "chatcmpl-7", "object": "chat.completion", "created": 1787306400}
    more = {"model": body["model"], "choices": [choice], "usage": usage}
    return Reply(body=reply | more | dict(dialect.said))


def _finish(say: Say) -> str:
    return "tool_calls" if say.calls else "stop"


def _calls(say: Say) -> list[Body]:
    return [
        {
            "id": f"call_{index:08x}",
            "index": index,
            "type": "function",
            "function": {"name": name, "arguments": jsonlib.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(say.calls)
    ]


class Compatible(FakeServer):
    """A server of one model, or of some, with one context for each conversation.

    ``key`` must come as a bearer token under ``/v1``. It is ``ready`` when it has read
    its weights; before that ``/health`` says so, and nothing is answered.
    """

    dialect = Dialect()
    early = True
    """The head of an answer comes before the prompt is read."""

    def __init__(
        self,
        name: str,
        context: int,
        answers: Sequence[Say],
        *,
        get: Mapping[str, Scripted],
        key: str = "",
    ) -> None:
        routes: dict[str, Scripted] = {
            "/health": lambda _: self._health(),
            "/v1/models": self._models,
        }
        post = {"/v1/chat/completions": self._chat}
        super().__init__(get={**routes, **get}, post=post)
        self.name = name
        self.context = context
        self.ready = True
        self.cached: list[int] = []
        """Tokens of each prompt that an earlier one began with."""
        self._answers = list(answers)
        self._asked = 0
        self._key = key
        self._prompts = [""]

    @property
    def chats(self) -> list[Body]:
        """The bodies that came for an answer."""
        return [s.json for s in self.requests if s.path == "/v1/chat/completions"]

    def answer(self, seen: Seen) -> Reply:
        """Keep a request and return its reply, where the key is right."""
        reply = super().answer(seen)
        given = seen.headers.get("authorization")
        locked = self._key and seen.path.startswith("/v1")
        return self.denied() if locked and given != f"Bearer {self._key}" else reply

    def denied(self) -> Reply:
        """Return what comes for a wrong key."""
        return Reply(status=401, body={"error": "Unauthorized"})

    def not_found(self, name: str) -> Reply:
        """Return what comes for a model that it has not."""
        said = f"The model `{name}` does not exist."
        return fault(404, said, "NotFoundError", "model")

    def too_long(self, asked: int) -> Reply:
        """Return what comes for a prompt that does not fit."""
        raise NotImplementedError

    def entry(self) -> Body:
        """Return the model's entry in ``/v1/models``, without what all have."""
        raise NotImplementedError

    def prepare(self, body: Body) -> Reply | None:
        """Get ready to answer; return why a request is refused before it is read."""
        if not self.ready:
            return fault(503, "the server is not ready", "InternalServerError")
        return None if body["model"] == self.name else self.not_found(body["model"])

    def next(self) -> Say:
        """Return the next answer; the last one repeats."""
        self._asked += 1
        return self._answers[min(self._asked, len(self._answers)) - 1]

    def progress(self, read: int, cached: int) -> list[Event]:
        """Return what is said while the prompt is read."""
        return []

    def _health(self) -> Reply:
        return Reply(status=200 if self.ready else 503)

    def _models(self, seen: Seen) -> Reply:
        common = {"id": self.name, "object": "model", "created": 1787306400}
        return Reply(body={"object": "list", "data": [common | self.entry()]})

    def _chat(self, seen: Seen) -> Reply:
        body: Body = seen.json
        if refused := self.prepare(body):
            return refused
        prompt = jsonlib.dumps([body.get("tools") or [], body["messages"]])
        read = len(prompt) // CHARS_PER_TOKEN
        if read >= self.context:
            return self.too_long(read)
        shared = max(_common(prompt, earlier) for earlier in self._prompts)
        self.cached.append(shared // CHARS_PER_TOKEN)
        self._prompts.append(prompt)
        say = self.next()
        if say.refuse:
            return fault(*say.refuse)
        cached = self.cached[-1]
        progress = body.get("return_progress")
        if say.gate and not (body.get("stream") and (self.early or progress)):
            say.gate.pass_through()
        before = self.progress(read, cached) if progress else []
        usage = usage_of(say, read, cached)
        return completion(self.dialect, body, say, usage, before)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def fault(
    status: int, words: str, kind: str = "BadRequestError", param: str | None = None
) -> Reply:
    """Return an error as vLLM has it: its code is the status."""
    inner = {"message": words, "type": kind, "param": param, "code": status}
    return Reply(status=status, body={"error": inner})
