"""`exec -a`: a person at the terminal decides, and what follows from each answer."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from at_terminal import AtTerminal
from fake_events import call, message, turn
from fake_server import FakeServer
from running import OURS, TIMEOUT_S, environment, prepared, provider

NO_TMP = ("-c", "sandbox_workspace_write.exclude_slash_tmp=true")
"""The folder of a test is below the temporary one, which commands may write."""


def escalated(command: str, **more: Any) -> dict[str, Any]:
    return {
        "cmd": command,
        "sandbox_permissions": "require_escalated",
        "justification": "May I?",
        **more,
    }


def server(*calls: dict[str, Any], tool: str = "exec_command") -> FakeServer:
    """Return a server that makes the calls, one in each answer, and then ends."""
    turns = [turn(call(tool, args, f"c{n}")) for n, args in enumerate(calls)]
    return FakeServer([*turns, turn(message("done"))])


def arguments(folder: Path, asked: FakeServer, *options: str) -> list[str]:
    del folder
    where = provider(asked.url)
    return [*OURS, "exec", "--json", "-s", "workspace-write", *NO_TMP, *where, *options]


def private(folder: Path) -> dict[str, str]:
    return {k: v for k, v in environment(folder).items() if k != "TMPDIR"}


def at_terminal(folder: Path, asked: FakeServer, *options: str) -> AtTerminal:
    argv = [*arguments(folder, asked, *options), "go"]
    return AtTerminal(argv, cwd=prepared(folder), env=private(folder))


def outputs(asked: FakeServer) -> list[str]:
    """Return what the model was told of its calls."""
    items: list[dict[str, Any]] = asked.posts[-1].json["input"]
    return [item["output"] for item in items if item["type"].endswith("_output")]


def developer(asked: FakeServer) -> list[str]:
    items: list[dict[str, Any]] = asked.posts[-1].json["input"]
    return [
        part["text"]
        for item in items
        if item.get("role") == "developer"
        for part in item["content"]
    ]


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_yes_runs_a_command_outside_the_sandbox(tmp_path: Path) -> None:
    with (
        server(escalated("touch ../new; echo ok")) as asked,
        at_terminal(tmp_path, asked, "-a", "on-request") as terminal,
    ):
        question = terminal.sees("\n> ").replace("\r", "")
        terminal.press("y")
        terminal.sees("Yes, proceed (y)")
        code, _ = terminal.end()
        told = outputs(asked)
    assert question == (
        "\nRun this command?\n"
        "\n"
        "  │ touch ../new; echo ok\n"
        "\n"
        f"  in      {tmp_path}/repo\n"
        "  runs    OUTSIDE the sandbox, with all your rights\n"
        "  it says May I?\n"
        "\n"
        "  1. Yes, proceed (y)\n"
        "  2. Yes, and for the same in this session too (s)\n"
        "  3. No, go on without it (n)\n"
        "  4. No, and stop (esc)"
    )
    assert (code, (tmp_path / "new").exists()) == (0, True)
    assert told[0].endswith("Output:\nok\n")


def test_no_goes_on_and_tells_the_model(tmp_path: Path) -> None:
    with (
        server(escalated("touch ../new")) as asked,
        at_terminal(tmp_path, asked, "-a", "on-request") as terminal,
    ):
        terminal.sees("\n> ")
        terminal.press("n")
        code, output = terminal.end()
        told = outputs(asked)
    assert (code, (tmp_path / "new").exists()) == (0, False)
    assert "rejected by user" in told[0]
    assert events(output)[-1]["type"] == "turn.completed"


@pytest.mark.parametrize("key", ["\x1b", "\x03"], ids=["escape", "ctrl-c"])
def test_escape_and_ctrl_c_end_the_turn(tmp_path: Path, key: str) -> None:
    with (
        server(escalated("touch ../new")) as asked,
        at_terminal(tmp_path, asked, "-a", "on-request") as terminal,
    ):
        terminal.sees("\n> ")
        terminal.press(key)
        code, _ = terminal.end()
        requests = len(asked.posts)
    assert (code, requests, (tmp_path / "new").exists()) == (1, 1, False)


def test_a_rule_is_kept_and_asks_no_more_also_not_the_next_time(tmp_path: Path) -> None:
    rule = ["touch", "-m"]
    first, second = escalated("touch -m ../one"), escalated("touch -m ../two")
    with (
        server(escalated("touch -m ../one", prefix_rule=rule), second) as asked,
        at_terminal(tmp_path, asked, "-a", "on-request") as terminal,
    ):
        question = terminal.sees("\n> ")
        terminal.press("p")
        terminal.sees("Yes, and don't ask again")
        assert terminal.end()[0] == 0
        told = developer(asked)
    assert "commands that start with `touch -m` (p)" in question
    assert 'Approved command prefix saved:\n- ["touch", "-m"]' in told
    rules = tmp_path / "home/rules/default.rules"
    assert rules.read_text() == (
        'prefix_rule(pattern=["touch", "-m"], decision="allow")\n'
    )
    assert sorted(path.name for path in tmp_path.glob("[ot][nw][eo]")) == ["one", "two"]

    for path in ("one", "two"):
        (tmp_path / path).unlink()
    for options, made in (((), True), (("--ignore-rules",), False)):
        with server(first) as asked:
            run(tmp_path, asked, *options)
        assert (tmp_path / "one").exists() is made
        (tmp_path / "one").unlink(missing_ok=True)


def run(
    folder: Path, asked: FakeServer, *options: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run where there is no terminal."""
    return subprocess.run(
        [*arguments(folder, asked, *options), "go"],
        cwd=prepared(folder),
        env=private(folder) | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_same_is_asked_once_in_a_session(tmp_path: Path) -> None:
    again = escalated("echo x >>../new")
    with (
        server(again, again) as asked,
        at_terminal(tmp_path, asked, "-a", "on-request") as terminal,
    ):
        terminal.sees("\n> ")
        terminal.press("s")
        code, _ = terminal.end()
    assert (code, (tmp_path / "new").read_text()) == (0, "x\nx\n")


def test_a_patch_to_elsewhere_is_asked_about_with_its_file(tmp_path: Path) -> None:
    patch = f"*** Begin Patch\n*** Add File: {tmp_path}/new\n+hi\n*** End Patch\n"
    with (
        server({"input": patch}, tool="apply_patch") as asked,
        at_terminal(tmp_path, asked, "-a", "on-request") as terminal,
    ):
        question = terminal.sees("\n> ").replace("\r", "")
        terminal.press("y")
        assert terminal.end()[0] == 0
    file = f"  │ new: {tmp_path}/new (+1 -0)\n"
    assert question.startswith(f"\nChange these files?\n\n{file}\n  │ ")
    assert "+hi" in question
    assert (tmp_path / "new").read_text() == "hi\n"


def test_untrusted_asks_before_all_that_does_not_only_read(tmp_path: Path) -> None:
    with (
        server({"cmd": "ls"}, {"cmd": "touch new"}) as asked,
        at_terminal(tmp_path, asked, "-a", "untrusted") as terminal,
    ):
        question = terminal.sees("\n> ")
        terminal.press("y")
        assert terminal.end()[0] == 0
    assert "touch new" in question
    assert "in the sandbox" in question
    assert (tmp_path / "repo/new").exists()


@pytest.mark.parametrize(
    ("options", "ran"),
    [
        (("-a", "untrusted"), False),
        (("-a", "on-request"), True),
        (("-a", "never"), True),
        (("--full-auto",), True),
        ((), True),
    ],
)
def test_without_a_terminal_what_would_be_asked_is_refused(
    tmp_path: Path, options: Sequence[str], *, ran: bool
) -> None:
    with server({"cmd": "touch new"}, escalated("touch ../new")) as asked:
        done = run(tmp_path, asked, *options)
        told = outputs(asked)
    warned = "warning: there is no terminal to ask at: what -a" in done.stderr
    assert done.returncode == 0
    assert warned is (options[-1:] in (("untrusted",), ("on-request",)))
    assert (tmp_path / "repo/new").exists() is ran
    assert not (tmp_path / "new").exists()
    assert "reject" in told[1]


def test_nobody_is_asked_without_the_option_also_at_a_terminal(tmp_path: Path) -> None:
    policy = ("-c", "approval_policy=untrusted")
    with (
        server({"cmd": "touch new"}, escalated("touch ../new")) as asked,
        at_terminal(tmp_path, asked, *policy) as terminal,
    ):
        assert terminal.end()[0] == 0
        told = outputs(asked)
    assert terminal.screen == ""
    assert (tmp_path / "repo/new").exists()
    assert "approval policy is Never" in told[1]


def test_kinds_of_questions_can_be_switched_off(tmp_path: Path) -> None:
    kinds = ("-c", "approval_policy.granular.sandbox_approval=false")
    with (
        server(escalated("touch ../new")) as asked,
        at_terminal(tmp_path, asked, "-a", "granular", *kinds) as terminal,
    ):
        assert terminal.end()[0] == 0
        told = outputs(asked)
    assert "rejected by user approval settings" in told[0]


def test_granular_needs_its_table(tmp_path: Path) -> None:
    with server() as asked:
        done = run(tmp_path, asked, "-a", "granular")
    told = (
        "Error: -a granular needs a table `approval_policy.granular`\n"
        "Such as -c approval_policy.granular.rules=false\n"
    )
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ((), "<>"),
        (("-c", 'shell_environment_policy.set={HF_TOKEN="given"}'), "<given>"),
    ],
)
def test_a_key_reaches_commands_only_where_the_person_gives_it(
    tmp_path: Path, options: Sequence[str], seen: str
) -> None:
    with server({"cmd": 'echo "<$HF_TOKEN$OPENAI_API_KEY>"'}) as asked:
        run(tmp_path, asked, *options, HF_TOKEN="h", OPENAI_API_KEY="o")
        told = outputs(asked)
    assert told[0].endswith(f"Output:\n{seen}\n")


@pytest.mark.parametrize(("key", "made"), [("y", True), ("n", False)])
def test_on_failure_asks_whether_what_was_blocked_may_run_again(
    tmp_path: Path, key: str, *, made: bool
) -> None:
    with (
        server({"cmd": "touch ../new && echo made"}) as asked,
        at_terminal(tmp_path, asked, "-a", "on-failure") as terminal,
    ):
        question = terminal.sees("\n> ").replace("\r", "")
        terminal.press(key)
        assert terminal.end()[0] == 0
        told = outputs(asked)
    assert question.startswith(
        "\nThe sandbox has blocked this command. Run it again, outside of it?\n"
        "\n"
        "  │ touch ../new && echo made\n"
        "\n"
        f"  in      {tmp_path}/repo\n"
        "  runs    OUTSIDE the sandbox, with all your rights\n"
        f"  why     {tmp_path}/new cannot be written: it lies outside of what the "
        "sandbox lets write\n"
    )
    assert (tmp_path / "new").exists() is made
    assert ("Output:\nmade\n" in told[0]) is made
