"""A chat server that counts tokens, and refuses what does not fit, as llama.cpp does.

It plays a list of steps, one for each answer that it gave: a command to run, or a text.
What is asked again after a refusal or a compaction gets the step that is due. A request
for a summary (the Codex CLI's or ours) is told by its last message, and answered with
one. Tokens are counted by a rule as fine as real tokenizers are: words in pieces of
six letters, every digit and sign by itself.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from fake_events import Event, chat_text, chunk
from fake_server import FakeServer, Reply, Seen

Body = dict[str, Any]

_PIECES = re.compile(r"[A-Za-z]{1,6}|[0-9]|[^\sA-Za-z0-9]|\n+")
_SUMMARY = re.compile(r"handoff (note|summary)", re.IGNORECASE)
_ITEM_TOKENS = 4
SUMMARY = (
    "The file stats.py holds the function median, and test_stats.py its tests. The "
    "next step is to run the tests with python3 -m unittest and to mend what fails."
)


class Step(msgspec.Struct, frozen=True):
    """One answer: a command to run, or a text; ``thinks`` is thought before it."""

    command: str = ""
    text: str = ""
    thinks: str = ""


class Counted(msgspec.Struct, frozen=True):
    """What the server saw of one request.

    ``reused`` bytes of ``size`` stood at the head of the prompt before.
    """

    tokens: int
    size: int
    reused: int
    kind: str
    """``step``, ``summary``, ``refused`` or ``cut``."""


class CountingServer(FakeServer):
    """The server. ``window`` is in tokens; ``props`` tells it to who asks."""

    def __init__(
        self,
        steps: Sequence[Step],
        window: int,
        *,
        tells: bool = True,
        summary: str = SUMMARY,
        refusal: Callable[[int, int], Body] | None = None,
    ) -> None:
        get: dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": "some-model"}]}
        }
        if tells:
            get["/props"] = {
                "default_generation_settings": {"n_ctx": window},
                "chat_template_caps": {"supports_tools": True},
                "build_info": "b1-fake",
            }
        super().__init__(get=get, post={"/v1/chat/completions": self._answer})
        self._steps = list(steps)
        self._window = window
        self._summary = summary
        self._refusal = refusal or llamacpp_refusal
        self._before = ""
        self._counting = threading.Lock()
        self.counted: list[Counted] = []
        self.played = 0
        """Steps that were answered."""

    @property
    def finished(self) -> bool:
        """Whether the last step was played."""
        return self.played == len(self._steps)

    def summaries(self) -> int:
        """Return how many summaries were asked for."""
        return sum(each.kind == "summary" for each in self.counted)

    def _answer(self, seen: Seen) -> Reply:
        with self._counting:
            return self._counted(seen.json)

    def _counted(self, body: Body) -> Reply:
        text = prompt_of(body)
        tokens = count(text) + _ITEM_TOKENS * len(body["messages"])
        reused = common(self._before, text)
        last = body["messages"][-1]
        asked = last["role"] == "user" and _SUMMARY.search(_text(last))
        kind = "summary" if asked else "step"
        if tokens > self._window:
            kind = "refused"
        told = Counted(tokens, len(text), reused, kind)
        if kind == "refused":
            self.counted.append(told)
            return Reply(status=400, body=self._refusal(tokens, self._window))
        self._before = text
        if kind == "step":
            step = self._steps[min(self.played, len(self._steps) - 1)]
        else:
            step = Step(text=self._summary)
        written = count(step.command + step.text + step.thinks) + _ITEM_TOKENS
        most = min(body.get("max_tokens") or self._window, self._window - tokens)
        usage = _usage(tokens, min(written, most), reused * tokens // max(1, len(text)))
        if written > most:
            self.counted.append(msgspec.structs.replace(told, kind="cut"))
            part = (step.text or step.command)[: most * 3]
            return Reply(events=[chat_text(part), *_end("length", usage)])
        self.counted.append(told)
        if kind == "step":
            self.played += 1
        return Reply(events=[*_said(step, len(self.counted)), *_end("stop", usage)])


def llamacpp_refusal(tokens: int, window: int) -> Body:
    """Return the body with which llama.cpp b11434 refuses a prompt, with 400."""
    message = (
        f"request ({tokens} tokens) exceeds the available context size ({window} "
        "tokens), try increasing it"
    )
    error = {"code": 400, "message": message, "type": "exceed_context_size_error"}
    return {"error": error | {"n_prompt_tokens": tokens, "n_ctx": window}}


def count(text: str) -> int:
    """Return the tokens of a text."""
    return len(_PIECES.findall(text))


def common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the prompt as templates write it: the tools, then the messages in order.

    Thoughts in the history are not part of it, as with most templates.
    """
    tools = [tool.get("function", tool) for tool in body.get("tools") or ()]
    lines = [json.dumps(tool, separators=(",", ":")) for tool in tools]
    for message in body["messages"]:
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        shown = "".join(f"\n{call['name']} {call['arguments']}" for call in calls)
        lines.append(f"<|{message['role']}|>{_text(message)}{shown}")
    return "\n".join(lines)


def _text(message: Body) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "[image]") for part in content)


def _said(step: Step, number: int) -> list[Body]:
    thought = [chunk({"reasoning_content": step.thinks})] if step.thinks else []
    if not step.command:
        return [*thought, chat_text(step.text)]
    arguments = json.dumps({"cmd": step.command})
    function = {"name": "exec_command", "arguments": arguments}
    call = {"index": 0, "id": f"call_{number}", "type": "function"}
    return [*thought, chunk({"tool_calls": [call | {"function": function}]})]


def _end(reason: str, usage: Body) -> list[Event]:
    return [chunk({}, finish=reason), chunk(None, usage=usage), "[DONE]"]


def _usage(prompt: int, written: int, cached: int) -> Body:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


# --- tasks ------------------------------------------------------------------------

_MODULE = '''def median(numbers):
    """Return the middle of the numbers."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half]


def mean(numbers):
    """Return the mean of the numbers."""
    return sum(numbers) / len(numbers)
'''
_TESTS = """import unittest

from stats import mean, median


class Stats(unittest.TestCase):
    def test_the_median_of_an_odd_number_of_values(self):
        self.assertEqual(median([3, 1, 2]), 2)

    def test_the_median_of_an_even_number_of_values(self):
        self.assertEqual(median([4, 1, 2, 3]), 2.5)

    def test_the_mean(self):
        self.assertEqual(mean([1, 2, 3]), 2)


if __name__ == "__main__":
    unittest.main()
"""


def _added(name: str, text: str) -> Step:
    lines = "".join(f"+{line}\n" for line in text.splitlines())
    patch = f"*** Begin Patch\n*** Add File: {name}\n{lines}*** End Patch"
    return Step(command=f"apply_patch <<'EOF'\n{patch}\nEOF")


_MENDED = """apply_patch <<'EOF'
*** Begin Patch
*** Update File: stats.py
@@
     half = len(ordered) // 2
-    return ordered[half]
+    if len(ordered) % 2:
+        return ordered[half]
+    return (ordered[half - 1] + ordered[half]) / 2
*** End Patch
EOF"""

FUNCTION_AND_TESTS: tuple[Step, ...] = (
    Step(command="ls -la"),
    Step(command="cat legacy.py"),
    _added("stats.py", _MODULE),
    _added("test_stats.py", _TESTS),
    Step(command="python3 -m unittest -v test_stats 2>&1"),
    Step(command="cat stats.py"),
    Step(command=_MENDED),
    Step(command="python3 -m unittest -v test_stats 2>&1 | cat -n"),
    Step(command="git status --short"),
    Step(text="The function median is there, with its tests, and they pass."),
)
"""A function, its tests, a run (the task of opencode's issue 45368): a file is
read, two are written, a test fails and is mended."""

LONG_OUTPUTS: tuple[Step, ...] = (
    *(Step(command=f"seq {n}0000 {n + 1}0000") for n in range(1, 9)),
    Step(command="echo the end of it > done.txt"),
    Step(text="All was read."),
)
"""Eight outputs of 10,000 lines of digits."""


def legacy(lines: int = 300) -> str:
    """Return the file that the first task reads."""
    functions = (
        f"def step_{n}(value):\n    return value * {n} + offset_{n % 7}\n"
        for n in range(lines // 3)
    )
    return "\n".join(functions)


EXPLORATION: tuple[Step, ...] = (
    *(Step(command=f"cat -n part{n}.py") for n in range(24)),
    Step(command="echo the end of it > done.txt"),
    Step(text="All parts were read."),
)
"""Two dozen files that are read one after the other."""


def part(number: int, lines: int = 90) -> str:
    """Return one of the files that the third task reads."""
    names = ("load", "parse", "check", "store", "merge", "print")
    functions = (
        f"def {names[n % 6]}_{number}(item, limit):\n"
        f"    return [value for value in item.{names[(n + 1) % 6]} if value < limit]\n"
        for n in range(lines // 3)
    )
    return "\n".join(functions)
