"""A Chat Completions server that plays the scenario that `[[name]]` in a prompt names.

A ``Scenario`` is what the server does, turn by turn, and what the Codex CLI must have
done and shown in the end; ``judge`` compares. Which turn it is, is read from the
conversation: the number of the assistant's messages behind the prompt. So a request
that is repeated gets the same turn again, with a higher ``attempt``.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, Self

import msgspec

from fake_server import (
    WAIT_S,
    Event,
    FakeServer,
    Gate,
    Reply,
    Seen,
    chat_text,
    chunk,
    sse,
)

Body = dict[str, Any]

MODEL = "some-model"
DONE = "Done."
"""The last answer of a scenario that says nothing else."""
BOUNCES = (
    "unsupported call",
    "unsupported custom tool call",
    "failed to parse function arguments",
    "apply_patch verification failed",
    "invalid patch",
)
"""What Codex tells a model whose call it did not take: a turn that was wasted."""
ROLES = ("system", "user", "assistant", "tool")

_MARK = re.compile(r"\[\[([a-z0-9-]+)\]\]")
_PIECE = 6


class Asked(msgspec.Struct, frozen=True):
    """One request for an answer: its body, and how often this turn was asked before."""

    body: Body
    attempt: int

    def offered(self, end: str) -> str:
        """Return the name of the offered tool that ends so, or ``end`` itself."""
        tools: list[Body] = self.body.get("tools") or []
        names = [tool["function"]["name"] for tool in tools if "function" in tool]
        return next((name for name in names if name.endswith(end)), end)

    def tool_output(self) -> str:
        """Return the text of the last tool message."""
        outputs = [m for m in self.body["messages"] if m["role"] == "tool"]
        return text_of(outputs[-1])


Play = Callable[[Asked], Reply]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What the server plays, and what must come of it.

    ``ran``: the outputs of the commands that ran (None: whatever ran is right).
    ``answers``: the messages that Codex shows. ``error``: words of the error that ends
    the turn; without them the turn must be completed. ``never`` must stand in no
    message and no error. ``kinds``: types of other items that must be among the shown.
    ``given`` and ``files``: the folder before and afterwards. ``strict``: the server's
    template wants its one system message first. ``upstream`` looks at the bodies that
    the server got, and names what is wrong with them.
    """

    name: str
    turns: tuple[Play, ...]
    ran: tuple[str, ...] | None = ()
    answers: tuple[str, ...] | None = (DONE,)
    thought: str | None = None
    error: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    given: Mapping[str, bytes] = {}
    files: Mapping[str, str] = {}
    settings: tuple[str, ...] = ()
    strict: bool = False
    may_bounce: bool = False
    upstream: Callable[[Sequence[Body]], Iterable[str]] | None = None


# --- what a server sends ----------------------------------------------------------


def pieces(text: str, size: int = _PIECE) -> list[str]:
    """Cut text into pieces of the size of tokens."""
    return [text[i : i + size] for i in range(0, len(text), size)]


def said(text: str) -> list[Body]:
    """Return the chunks of some text."""
    return [chat_text(piece) for piece in pieces(text)]


def calls(
    name: str, arguments: Body | str, call_id: str | None = "call_a1", index: int = 0
) -> list[Body]:
    """Return the chunks of one call: its name first, then pieces of its arguments."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    head: Body = {
        "index": index,
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    if call_id is not None:
        head["id"] = call_id
    rest = [
        {"index": index, "function": {"arguments": piece}} for piece in pieces(text)
    ]
    return [chunk({"tool_calls": [part]}) for part in (head, *rest)]


USAGE = {"prompt_tokens": 9000, "completion_tokens": 20, "total_tokens": 9020}


def ended(reason: str = "stop", usage: Body = USAGE) -> list[Event]:
    """Return the end of a stream: reason, usage, ``[DONE]``."""
    return [chunk({}, finish=reason), chunk(None, usage=usage), "[DONE]"]


def streamed(*events: Event) -> Play:
    """Play a stream of these chunks, each written by itself."""
    frames: list[bytes | Gate] = [sse([event]) for event in events]
    return lambda asked: Reply(chunks=frames)


def raw(*frames: bytes) -> Play:
    """Play a stream of these bytes."""
    return lambda asked: Reply(chunks=list(frames))


def cut(*events: Event) -> Play:
    """Play a stream that ends in the middle, as when the server dies."""
    frames: list[bytes | Gate] = [sse([event]) for event in events]
    return lambda asked: Reply(chunks=frames, cut=True)


def says(text: str) -> Play:
    """Play an answer of text."""
    return streamed(*said(text), *ended())


def asks(name: str, arguments: Body | str, call_id: str | None = "call_a1") -> Play:
    """Play an answer of one call."""
    return streamed(*calls(name, arguments, call_id), *ended("tool_calls"))


def refuses(status: int, body: Any, **headers: str) -> Play:
    """Play an HTTP error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Reply(status=status, body=body, headers=named)


def first(times: int, play: Play, then: Play) -> Play:
    """Play one thing so many times, and another when asked again."""
    return lambda asked: (play if asked.attempt < times else then)(asked)


class Silence(Gate):
    """Nothing for a while, as during a long prefill; ``seconds`` of real time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._over = threading.Event()

    def pass_through(self) -> None:
        """Wait, in the server."""
        self._over.wait(min(self._seconds, WAIT_S))


# --- the server -------------------------------------------------------------------


class ScriptedUpstream(FakeServer):
    """Plays scenarios; ``bodies`` keeps what was asked, by scenario."""

    def __init__(
        self, scenarios: Iterable[Scenario], get: Mapping[str, Any] | None = None
    ) -> None:
        models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        super().__init__(
            get={"/v1/models": models} | dict(get or {}),
            post={"/v1/chat/completions": self._play},
        )
        self._scenarios = {scenario.name: scenario for scenario in scenarios}
        self._attempts: dict[tuple[str, int], int] = {}
        self.bodies: dict[str, list[Body]] = {}
        self.seen: dict[str, list[Seen]] = {}
        self._played: SimpleQueue[str] = SimpleQueue()

    def add(self, scenario: Scenario) -> Self:
        """Play one more."""
        self._scenarios[scenario.name] = scenario
        return self

    def wait_played(self, name: str) -> None:
        """Wait, in the test, until a scenario was asked for."""
        while self._played.get(timeout=WAIT_S) != name:
            pass

    def _play(self, seen: Seen) -> Reply:
        body = seen.json
        name, turn = place_of(body["messages"])
        scenario = self._scenarios.get(name)
        if scenario is None:
            return Reply(status=400, body={"error": f"no scenario {name!r}"})
        self.bodies.setdefault(name, []).append(body)
        self.seen.setdefault(name, []).append(seen)
        self._played.put(name)
        if complaint := (strict if scenario.strict else lenient)(body["messages"]):
            error = {"code": 400, "message": complaint, "type": "invalid_request_error"}
            return Reply(status=400, body={"error": error})
        attempt = self._attempts.get((name, turn), 0)
        self._attempts[name, turn] = attempt + 1
        # Whoever goes on beyond the last turn must come to an end as well.
        play = scenario.turns[turn] if turn < len(scenario.turns) else says(DONE)
        return play(Asked(body, attempt))


def place_of(messages: Sequence[Body]) -> tuple[str, int]:
    """Return the scenario's name, and how many answers follow its prompt."""
    name, turn = "", 0
    for message in messages:
        if message["role"] == "assistant":
            turn += 1
        elif message["role"] == "user" and (found := _MARK.findall(text_of(message))):
            name, turn = found[-1], 0
    return name, turn


def text_of(message: Body) -> str:
    """Return the text of a message, whatever its content's shape."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def lenient(messages: Sequence[Body]) -> str:
    """Return what any server has against these messages, or ""."""
    answered = {
        call["id"]
        for m in messages
        for call in m.get("tool_calls") or ()
        if "id" in call
    }
    for message in messages:
        if message["role"] not in (*ROLES, "developer"):
            return f"Unexpected message role {message['role']!r}."
        if message["role"] == "tool" and message.get("tool_call_id") not in answered:
            return "A tool message must follow the call that it answers."
    return ""


def strict(messages: Sequence[Body]) -> str:
    """Return what the template of Qwen 3.5 has against these messages, or ""."""
    roles = [message["role"] for message in messages]
    if "system" in roles[1:]:
        return "System message must be at the beginning."
    if "developer" in roles:
        return "Unexpected message role."
    return lenient(messages)


# --- the judge --------------------------------------------------------------------


def judge(
    scenario: Scenario,
    told: Sequence[Body],
    bodies: Sequence[Body],
    files: Mapping[str, str],
) -> list[str]:
    """Return what is wrong with an outcome; nothing, if it is right.

    ``told`` is what ``codex exec --json`` printed, ``bodies`` what the server was
    asked, ``files`` the folder afterwards.
    """
    items = [each["item"] for each in told if each["type"] == "item.completed"]
    wrong = [
        *_about_the_end(scenario, told),
        *_about_what_is_shown(scenario, items),
        *_about_bounces(scenario, bodies),
    ]
    for name, text in scenario.files.items():
        if files.get(name) != text:
            wrong.append(f"{name} holds {files.get(name)!r}")
    kinds = {item["type"] for item in items}
    wrong += [f"no {kind} was shown" for kind in scenario.kinds if kind not in kinds]
    if scenario.upstream is not None:
        wrong += scenario.upstream(bodies)
    return wrong


def failure_of(told: Sequence[Body]) -> str | None:
    """Return the message that ended the turn; None when it was completed."""
    for event in told:
        if event["type"] == "turn.failed":
            return event["error"]["message"]
    return None if any(e["type"] == "turn.completed" for e in told) else "(no end)"


def _about_the_end(scenario: Scenario, told: Sequence[Body]) -> list[str]:
    failure = failure_of(told)
    if not scenario.error:
        return [] if failure is None else [f"the turn failed: {failure}"]
    if failure is None:
        return ["the turn did not fail"]
    low = failure.lower()
    wrong = [
        f"{w!r} is not in {failure!r}" for w in scenario.error if w.lower() not in low
    ]
    return wrong + [
        f"{w!r} is in {failure!r}" for w in scenario.never if w.lower() in low
    ]


def _about_what_is_shown(scenario: Scenario, items: Sequence[Body]) -> list[str]:
    def texts(kind: str, key: str) -> tuple[str, ...]:
        return tuple(item[key] for item in items if item["type"] == kind)

    wrong: list[str] = []
    ran = texts("command_execution", "aggregated_output")
    if scenario.ran is not None and ran != scenario.ran:
        wrong.append(f"ran {ran!r}")
    spoken = [text.strip() for text in texts("agent_message", "text")]
    answers = tuple(text for text in spoken if text)
    if scenario.answers is not None and answers != scenario.answers:
        wrong.append(f"said {answers!r}")
    thought = "".join(texts("reasoning", "text"))
    if scenario.thought is not None and thought.strip() != scenario.thought:
        wrong.append(f"thought {thought!r}")
    shown = "".join(answers)
    return wrong + [f"{word!r} was shown" for word in scenario.never if word in shown]


def _about_bounces(scenario: Scenario, bodies: Sequence[Body]) -> list[str]:
    if scenario.may_bounce:
        return []
    outputs = {
        text_of(message)
        for body in bodies
        for message in body["messages"]
        if message["role"] == "tool"
    }
    return [
        f"the call came back: {output}"
        for output in sorted(outputs)
        if output == "aborted" or any(bounce in output for bounce in BOUNCES)
    ]
