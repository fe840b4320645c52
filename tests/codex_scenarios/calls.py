"""Calls as good and bad models and servers send them, and tools that nobody offered.

Forms of arguments: issues of llama.cpp, Ollama and vLLM on truncated, quoted, doubled
and fenced JSON; objects instead of text by Ollama's own API and old proxies; calls
without an id by Gemini-like and LM Studio's servers; one index for all by llama.cpp
and Ollama before the fix of parallel calls. Names: the tools of other agents.
"""

import json
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from fake_server import Event, Reply, chunk
from scripted_upstream import (
    DONE,
    Asked,
    Body,
    Play,
    Scenario,
    asks,
    calls,
    ended,
    said,
    says,
    streamed,
    text_of,
)

NOTES = "one\ntwo\n"


def echo(name: str) -> dict[str, Any]:
    """Return arguments of a command that says the scenario's name."""
    return {"cmd": f"echo ran-{name}"}


def calling(name: str, play: Play, *outputs: str, **more: Any) -> Scenario:
    """Return a scenario of a call and an answer; its command must have run."""
    ran = outputs or (f"ran-{name}\n",)
    return replace(Scenario(name=name, turns=(play, says(DONE)), ran=ran), **more)


def exec_with(name: str, arguments: str) -> Scenario:
    """Return a scenario of an ``exec_command`` with these arguments, as text."""
    return calling(name, asks("exec_command", arguments))


def _whole(call: dict[str, Any]) -> list[Event]:
    return [chunk({"role": "assistant", "content": None, "tool_calls": [call]})]


def _exec_call(name: str, **more: Any) -> dict[str, Any]:
    function = {"name": "exec_command", "arguments": json.dumps(echo(name))}
    return {
        "index": 0, "id": "call_a1", "type": "function", "function": function
    } | more  # fmt: skip


def _whole_once(name: str) -> Play:
    """Play the call as it should be, and after its output the answer."""

    def play(asked: Asked) -> Reply:
        messages = asked.body["messages"]
        ran = any(f"ran-{name}" in text_of(m) for m in messages if m["role"] == "tool")
        return (says(DONE) if ran else asks("exec_command", echo(name), "call_a2"))(
            asked
        )

    return play


def both_ran(bodies: Sequence[Body]) -> list[str]:
    """Say when not both outputs of two parallel calls are there, in their order."""
    outputs = [m["content"] for m in bodies[-1]["messages"] if m["role"] == "tool"]
    ends = [output.rstrip().rpartition("\n")[2] for output in outputs]
    return [] if ends == ["ran-one", "ran-two"] else [f"outputs {ends}"]


_SAME_INDEX = (
    *_whole(_exec_call("one", id="call_1")),
    *_whole(_exec_call("two", id="call_2")),
)
_OBJECT = _exec_call("tool-objargs")
_OBJECT["function"] |= {"arguments": echo("tool-objargs")}

GOOD = (
    calling("tool-exec", asks("exec_command", echo("tool-exec"))),
    calling(
        "tool-exec-stopfin",
        streamed(*calls("exec_command", echo("tool-exec-stopfin")), *ended("stop")),
    ),
    calling(
        "tool-text-and-call",
        streamed(
            *said("Let me look."),
            *calls("exec_command", echo("tool-text-and-call")),
            *ended("tool_calls"),
        ),
        answers=("Let me look.", DONE),
    ),
    calling(
        "tool-onechunk",
        streamed(*_whole(_exec_call("tool-onechunk")), *ended("tool_calls")),
    ),
    calling("tool-noid", asks("exec_command", echo("tool-noid"), None)),
    calling("tool-objargs", streamed(*_whole(_OBJECT), *ended("tool_calls"))),
    calling(
        "tool-parallel",
        streamed(
            *calls("exec_command", echo("one"), "call_1", 0),
            *calls("exec_command", echo("two"), "call_2", 1),
            *ended("tool_calls"),
        ),
        ran=None,
        upstream=both_ran,
    ),
    calling(
        "tool-parallel-sameidx",
        streamed(*_SAME_INDEX, *ended("tool_calls")),
        ran=None,
        upstream=both_ran,
    ),
    # A tool without parameters, called with no arguments at all.
    Scenario(
        name="tool-emptyargs",
        turns=(lambda a: asks(a.offered("get_goal"), "")(a), says(DONE)),
    ),
    calling(
        "tool-argextra",
        asks("exec_command", echo("tool-argextra") | {"reason": "to see", "n": 1}),
    ),
)


MALFORMED = (
    # A command that breaks off must not run as it is: it may be another command.
    Scenario(
        name="tool-malformed-trunc",
        turns=(
            asks("exec_command", '{"cmd": "echo ran-tool-mal'),
            _whole_once("tool-malformed-trunc"),
        ),
        ran=("ran-tool-malformed-trunc\n",),
    ),
    exec_with("tool-malformed-quote", "{'cmd': 'echo ran-tool-malformed-quote'}"),
    exec_with("tool-malformed-comma", '{"cmd": "echo ran-tool-malformed-comma",}'),
    calling(
        "tool-malformed-newline",
        asks("exec_command", '{"cmd": "echo one\necho two"}'),
        "one\ntwo\n",
    ),
    exec_with("tool-malformed-double", json.dumps(echo("tool-malformed-double")) * 2),
    exec_with(
        "tool-malformed-fence",
        f"```json\n{json.dumps(echo('tool-malformed-fence'))}\n```",
    ),
    exec_with("tool-malformed-plain", "echo ran-tool-malformed-plain"),
    exec_with("tool-argalias", '{"command": "echo ran-tool-argalias"}'),
    exec_with("tool-argarray", '{"cmd": ["bash", "-lc", "echo ran-tool-argarray"]}'),
    exec_with(
        "tool-argstrnum",
        json.dumps(echo("tool-argstrnum") | {"yield_time_ms": "2000"}),
    ),
)

UNKNOWN = (
    calling(
        "tool-unknown-shell",
        asks("shell", {"command": ["bash", "-lc", "echo ran-tool-unknown-shell"]}),
    ),
    calling(
        "tool-unknown-bash", asks("bash", {"command": "echo ran-tool-unknown-bash"})
    ),
    calling(
        "tool-unknown-container",
        asks(
            "container.exec",
            {"cmd": ["bash", "-lc", "echo ran-tool-unknown-container"]},
        ),
    ),
    calling(
        "tool-unknown-prefix",
        asks("functions.exec_command", echo("tool-unknown-prefix")),
    ),
    calling(
        "tool-unknown-readfile",
        asks("read_file", {"path": "notes.txt"}),
        NOTES,
        given={"notes.txt": NOTES.encode()},
    ),
    calling(
        "tool-unknown-harmonyleak",
        asks("exec_command<|channel|>commentary", echo("tool-unknown-harmonyleak")),
    ),
)

SCENARIOS = (*GOOD, *MALFORMED, *UNKNOWN)
