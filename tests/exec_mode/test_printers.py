"""What `exec` prints, for programs and for people."""

import io

from codex_oss import events
from codex_oss.exec_mode.human import Banner, Human
from codex_oss.exec_mode.jsonl import JsonLines

COMMAND = events.CommandExecution(id="item_0", command="/bin/bash -lc ls")
PATCH = events.FileChange(
    id="item_1",
    changes=[
        events.FileUpdate(path="/w/a", kind="add"),
        events.FileUpdate(path="/w/b", kind="update"),
        events.FileUpdate(path="/w/c", kind="delete"),
    ],
)
PLAN = events.TodoList(
    id="item_2",
    items=[events.TodoEntry("read", True), events.TodoEntry("write", False)],
)


def test_json_mode_prints_every_event_but_those_for_live_screens() -> None:
    out = io.BytesIO()
    printer = JsonLines(out)
    printer.feed(events.ThreadStarted(thread_id="T"))
    printer.feed(events.TextDelta(text="h"))
    printer.feed(events.OutputDelta(item_id="item_0", text="x"))
    printer.feed(events.ReasoningDelta(text="x"))
    printer.feed(events.Compacted(before=9, after=1, how="masked"))
    printer.feed(events.ItemStarted(item=COMMAND))
    printer.feed(events.TurnFailed(error=events.Failure("no")))
    printer.finish("ignored")
    assert out.getvalue().decode().splitlines() == [
        '{"type":"thread.started","thread_id":"T"}',
        (
            '{"type":"item.started","item":{"id":"item_0","type":"command_execution",'
            '"command":"/bin/bash -lc ls","aggregated_output":"","exit_code":null,'
            '"status":"in_progress"}}'
        ),
        '{"type":"turn.failed","error":{"message":"no"}}',
    ]


class Watch:
    """A clock that goes on by a quarter of a second at each look."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 0.25
        return self._now


def printed(
    *told: events.Event, last: str | None = None, color: bool = False
) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    banner = Banner(title="codex-oss", rows=[("model", "m")], prompt="do it")
    printer = Human(out, err, banner, color=color, clock=Watch())
    for event in told:
        printer.feed(event)
    printer.finish(last)
    return out.getvalue(), err.getvalue()


def test_people_get_only_the_last_message_on_stdout() -> None:
    usage = events.TokenUsage(
        input_tokens=2000, cached_input_tokens=500, output_tokens=34
    )
    out, err = printed(
        events.ThreadStarted(thread_id="T"),
        events.TurnStarted(),
        events.ItemCompleted(item=events.AgentMessage(id="item_0", text="first")),
        events.ItemCompleted(item=events.AgentMessage(id="item_1", text="done")),
        events.TurnCompleted(usage=usage),
        last="done",
    )
    assert out == "done\n"
    assert err == (
        "codex-oss\n--------\nmodel: m\nsession id: T\n--------\nuser\ndo it\n"
        "codex\nfirst\ncodex\ndone\ntokens used\n1,534\n"
    )


def test_reasoning_is_shown_unless_it_is_hidden() -> None:
    thought = events.ItemCompleted(item=events.ReasoningItem(id="item_0", text="hm"))
    for shown, text in ((True, "thinking\nhm\n"), (False, "")):
        err = io.StringIO()
        banner = Banner(title="codex-oss", rows=[], prompt="do it")
        Human(io.StringIO(), err, banner, color=False, reasoning=shown).feed(thought)
        assert err.getvalue() == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_people_are_told_when_a_conversation_was_made_short() -> None:
    masked = events.Compacted(before=7000, after=2500, how="masked")
    summarised = events.Compacted(before=7000, after=900, how="summarised")
    _, err = printed(masked, summarised)
    assert (
        "context: old outputs were left out: about 7,000 tokens, now 2,500\n"
        "context: a summary stands for what was said: about 7,000 tokens, now 900\n"
    ) in err


def test_on_one_terminal_the_last_message_is_not_said_twice() -> None:
    out, err = Terminal(), Terminal()
    banner = Banner(title="codex-oss", rows=[], prompt="do it")
    printer = Human(out, err, banner, color=False)
    printer.feed(events.ItemCompleted(item=events.AgentMessage(id="item_0", text="ok")))
    printer.finish("ok")
    assert (out.getvalue(), err.getvalue()) == ("", "codex\nok\n")


def test_without_an_answer_stdout_stays_empty() -> None:
    out, err = printed(events.Notice(message="no server"))
    assert out == ""
    assert err.startswith("ERROR: no server\n")


def test_commands_patches_and_plans_are_told_as_they_happen() -> None:
    ended = events.CommandExecution(
        id="item_0",
        command=COMMAND.command,
        aggregated_output="a\nb\n",
        exit_code=2,
        status="failed",
    )
    _, err = printed(
        events.ItemStarted(item=COMMAND),
        events.ItemCompleted(item=ended),
        events.ItemStarted(item=PATCH),
        events.ItemCompleted(item=PATCH),
        events.ItemStarted(item=PLAN),
        events.ItemUpdated(item=PLAN),
        events.ItemCompleted(item=PLAN),
    )
    assert err == (
        "exec\n/bin/bash -lc ls\n exited 2 in 250ms:\na\nb\n"
        "apply patch\npatch: in_progress\nA /w/a\nM /w/b\nD /w/c\n"
        "plan\n  ✓ read\n  • write\nplan\n  ✓ read\n  • write\n"
    )


def test_long_output_is_shown_by_its_head_and_tail() -> None:
    lines = [f"line {number}" for number in range(100)]
    ended = events.CommandExecution(
        id="item_0",
        command="x",
        aggregated_output="\n".join(lines),
        exit_code=0,
        status="completed",
    )
    _, err = printed(events.ItemCompleted(item=ended))
    shown = err.splitlines()[1:]
    assert shown == [*lines[:10], "… 80 lines …", *lines[-10:]]


def test_colours_are_there_only_when_asked_for() -> None:
    assert "\x1b[" not in printed(events.ItemStarted(item=COMMAND))[1]
    assert "\x1b[" in printed(events.ItemStarted(item=COMMAND), color=True)[1]


def test_what_a_terminal_would_obey_is_shown_by_its_code() -> None:
    command = events.CommandExecution(
        id="item_0",
        command="printf '\x1b[2J'",
        aggregated_output="\x1b[31mred\x1b[0m\r\n 10%\r100%\nsafe\x1b[8m\x07\tend",
        exit_code=0,
        status="completed",
    )
    _, err = printed(
        events.ItemStarted(item=command),
        events.ItemCompleted(item=command),
        events.ItemCompleted(item=events.AgentMessage(id="item_1", text="a\x1b]0;b")),
        color=True,
    )
    assert "\x1b[1mprintf '\\x1b[2J'\x1b[0m\n" in err
    assert "\x1b[2mred\n100%\nsafe\\x07\tend\x1b[0m\n" in err
    assert "\na\\x1b]0;b\n" in err


def test_a_name_that_a_server_gave_its_tool_is_one_line() -> None:
    item = events.McpToolCall(
        id="item_0", server="a", tool="x\ntokens used\u202e", arguments={}
    )
    _, err = printed(events.ItemStarted(item=item), events.ItemCompleted(item=item))
    assert err == (
        "mcp: a/x\\ntokens used\\u202e started\n"
        "mcp: a/x\\ntokens used\\u202e (in_progress)\n"
    )
