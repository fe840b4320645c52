"""How many tool calls of a model are right: sent natively, asked for in words, held.

    .venv/bin/python bench/constrained_calls.py MODEL.gguf

Tasks with one and with two tools go to a llama.cpp server with `MODEL.gguf`, at
temperature 0: with the `tools` field of the request; with the tools in the
instructions; and with these instructions and the JSON schema that holds the reply. A
call is valid when its tool is offered and its arguments are an object with all that the
tool requires; it is right when the tool and the values are those of the task.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from codex_oss.translate.constrain import (  # noqa: E402  found just above
    CallArguments,
    CallOpened,
    Offered,
    ReplyDecoder,
    prompt,
    schema,
)
from real_llama import Message, ask, held_to, serving  # noqa: E402


class Task(msgspec.Struct, frozen=True):
    """A question, the tool that answers it, and what its arguments must hold."""

    question: str
    tool: str
    values: tuple[str, ...]
    beside: str = ""


class Called(msgspec.Struct, frozen=True):
    """A call as it came: ``arguments`` is text."""

    name: str
    arguments: str


def _tool(name: str, description: str, **fields: str) -> Offered:
    properties = {key: {"type": kind} for key, kind in fields.items()}
    return Offered(
        name,
        description,
        {"type": "object", "properties": properties, "required": list(properties)},
    )


TOOLS = {
    tool.name: tool
    for tool in (
        _tool("exec_command", "Runs a command in a shell.", cmd="string"),
        _tool("apply_patch", "Edits files with a patch.", input="string"),
        _tool("get_weather", "Tells the weather in a city.", city="string"),
        _tool("add", "Adds two numbers.", a="number", b="number"),
        _tool("translate", "Translates a text.", text="string", language="string"),
        _tool("send_mail", "Sends a mail.", to="string", subject="string"),
        _tool("set_timer", "Sets a timer.", minutes="integer"),
    )
}
SHELL, WEATHER, ADD, TIMER = "exec_command", "get_weather", "add", "set_timer"
TASKS = (
    Task("list the files in this directory", SHELL, ("ls",)),
    Task("show the python files", SHELL, ("ls",)),
    Task("list all files", SHELL, ("ls",)),
    Task("git status please", SHELL, ("git status",)),
    Task("show me README.md", SHELL, ("README.md",)),
    Task("print the working directory", SHELL, ("pwd",)),
    Task("What is the weather in Paris?", WEATHER, ("Paris",)),
    Task("What is the weather in Tokyo?", WEATHER, ("Tokyo",)),
    Task("Is it raining in Berlin?", WEATHER, ("Berlin",)),
    Task("Add 2 and 3", ADD, ("2", "3")),
    Task("What is 17 plus 25?", ADD, ("17", "25")),
    Task("Translate 'good morning' to French", "translate", ("good morning", "French")),
    Task("Send a mail to Ann about lunch", "send_mail", ("Ann", "unch")),
    Task("Set a timer for 10 minutes", TIMER, ("10",)),
    Task("list the files in this directory", SHELL, ("ls",), "apply_patch"),
    Task("show the python files", SHELL, ("ls",), "apply_patch"),
    Task("What files are here?", SHELL, ("ls",), WEATHER),
    Task("list the files", SHELL, ("ls",), ADD),
    Task("git status please", SHELL, ("git status",), TIMER),
    Task("What is the weather in Paris?", WEATHER, ("Paris",), ADD),
    Task("What is the weather in Rome?", WEATHER, ("Rome",), TIMER),
    Task("Add 4 and 9", ADD, ("4", "9"), WEATHER),
    Task("Add 30 and 12", ADD, ("30", "12"), TIMER),
    Task("Set a timer for 5 minutes", TIMER, ("5",), WEATHER),
    Task("Set a timer for 20 minutes", TIMER, ("20",), ADD),
)

# --- ways to ask -------------------------------------------------------------------


def natively(url: str, question: str, tools: Sequence[Offered]) -> Called | None:
    """Send the tools in the request's own field."""
    functions = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
            },
        }
        for tool in tools
    ]
    message = ask(url, [{"role": "user", "content": question}], tools=functions)
    calls: list[Any] = message.get("tool_calls") or [None]
    match calls[0]:
        case {"function": {"name": str(name), "arguments": str(arguments)}}:
            return Called(name, arguments)
        case _:
            return None


def in_words(url: str, question: str, tools: Sequence[Offered]) -> Called | None:
    """Write the tools into the instructions and hope for the form."""
    return _read(ask(url, _messages(question, tools)))


def held(url: str, question: str, tools: Sequence[Offered]) -> Called | None:
    """Write the tools into the instructions and hold the reply to its schema."""
    form = held_to(schema(tools))
    return _read(ask(url, _messages(question, tools), **form))


def _messages(question: str, tools: Sequence[Offered]) -> list[Message]:
    return [
        {"role": "system", "content": prompt(tools)},
        {"role": "user", "content": question},
    ]


def _read(message: Message) -> Called | None:
    decoder = ReplyDecoder()
    pieces = [*decoder.feed(message["content"] or ""), *decoder.finish()]
    names = [piece.name for piece in pieces if isinstance(piece, CallOpened)]
    texts = [piece.text for piece in pieces if isinstance(piece, CallArguments)]
    return Called(names[0], "".join(texts)) if names else None


WAYS: dict[str, Callable[[str, str, Sequence[Offered]], Called | None]] = {
    "`tools` field": natively,
    "prompt": in_words,
    "prompt and schema": held,
}

# --- grading -----------------------------------------------------------------------


def is_valid(called: Called | None, tools: Sequence[Offered]) -> bool:
    """Whether the tool is offered and gets an object with all it requires."""
    required = {tool.name: set(tool.schema["required"]) for tool in tools}
    if called is None or called.name not in required:
        return False
    try:
        given = msgspec.json.decode(called.arguments, type=dict[str, Any])
    except msgspec.DecodeError:
        return False
    return required[called.name] <= given.keys()


def is_right(called: Called | None, task: Task) -> bool:
    """Whether the task's tool gets the task's values."""
    return (
        called is not None
        and called.name == task.tool
        and all(value in called.arguments for value in task.values)
    )


def main() -> None:
    """Ask all tasks in all ways and print how many calls were valid and right."""
    parser = argparse.ArgumentParser(description="Count right tool calls of a model.")
    parser.add_argument("model", type=Path, help="a GGUF file")
    model: Path = parser.parse_args().model
    print("| tools | tasks | way | valid | right |\n|---|---|---|---|---|")
    with serving(model) as url:
        for count in (1, 2):
            tasks = [task for task in TASKS if bool(task.beside) == (count > 1)]
            for way, call in WAYS.items():
                valid = right = 0
                for task in tasks:
                    names = filter(None, (task.beside, task.tool))
                    tools = [TOOLS[name] for name in names]
                    called = call(url, task.question, tools)
                    valid += is_valid(called, tools)
                    right += is_valid(called, tools) and is_right(called, task)
                print(f"| {count} | {len(tasks)} | {way} | {valid} | {right} |")


if __name__ == "__main__":
    main()
