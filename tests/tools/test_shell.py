"""Commands as the model runs them; events and texts of the Codex CLI 0.169."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from codex_oss import events
from codex_oss.errors import ConfigError, ToolError
from codex_oss.items import FunctionCall
from codex_oss.policy import (
    Answer,
    ApprovalPolicy,
    Permissions,
    Question,
    RunAgain,
    RunCommand,
    SandboxMode,
)
from codex_oss.ports import Output, Scope
from codex_oss.sandbox import bubblewrap, landlock
from codex_oss.sandbox.run import Sandbox
from codex_oss.sandbox.run import Settings as SandboxSettings
from codex_oss.tools import sessions
from codex_oss.tools.permit import NoRules, Permit
from codex_oss.tools.placement import Placement
from codex_oss.tools.shell import Settings, Shell
from people import Person

LIMIT_S = 60
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
SCRIPTED_ID = 66  # what the scripted number generator gives, every time


class Clock:
    """Time that stands; a wait ends when the test says so, or never."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.over = asyncio.Event()
        self.asleep = asyncio.Event()

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.asleep.set()
        await self.over.wait()


def isolating(cwd: Path, platform: str = sys.platform) -> Sandbox:
    """Return a sandbox whose state lies beside ``cwd``."""
    return Sandbox(ENV, state=cwd.with_name(f"state of {cwd.name}"), platform=platform)


class Bench:
    """A shell in a directory, what it told, and a way to call it."""

    def __init__(
        self,
        cwd: Path,
        *,
        mode: SandboxMode = "danger-full-access",
        approval: ApprovalPolicy = "never",
        person: Person | None = None,
        permit: Permit | None = None,
        sandbox: Sandbox | None = None,
        **settings: object,
    ) -> None:
        self.clock = Clock()
        self.events: list[events.Event] = []
        self.told = asyncio.Event()
        self._items = 0
        self._ids = 0
        self.changed = 0
        self.scope = Scope(
            cwd=cwd,
            emit=self._emit,
            new_item_id=self._new_item,
            changing=self._changing,
        )
        fixed = {"shell": "/bin/sh", "env": ENV, "allow_login": False}
        permissions = Permissions(
            mode=mode, approval=approval, writable_roots=(str(cwd),)
        )
        permit = permit or Permit(permissions, person or Person())
        self.shell = Shell(
            permit,
            Placement(permit, sandbox or isolating(cwd), ENV),
            msgspec.convert({**fixed, **settings}, Settings),
            clock=self.clock,
            below=self._below,
        )
        self.exec, self.stdin = self.shell.tools()

    async def _changing(self, paths: object) -> None:
        self.changed += paths is None

    def _emit(self, event: events.Event) -> None:
        self.events.append(event)
        self.told.set()

    def _new_item(self) -> str:
        self._items += 1
        return f"item_{self._items}"

    def _below(self, limit: int) -> int:
        self._ids += 1
        return (self._ids if limit < 16**6 else SCRIPTED_ID) % limit

    async def run(self, cmd: str, **more: object) -> str:
        return await self.call({"cmd": cmd, **more})

    async def call(self, arguments: object) -> str:
        return await self._call(self.exec.run, "exec_command", arguments)

    async def write(self, number: int, chars: str = "", **more: object) -> str:
        arguments = {"session_id": number, "chars": chars, **more}
        return await self._call(self.stdin.run, "write_stdin", arguments)

    async def _call(
        self,
        run: Callable[[FunctionCall, Scope], Awaitable[Output]],
        name: str,
        arguments: object,
    ) -> str:
        text = msgspec.json.encode(arguments).decode()
        call = FunctionCall(name=name, arguments=text, call_id="call_1")
        try:
            output = await run(call, self.scope)
        except ToolError as error:
            return str(error)
        assert isinstance(output.content, str)
        return output.content

    async def until(self, text: str) -> None:
        """Wait for live output."""
        while text not in self.live:
            self.told.clear()
            await self.told.wait()

    async def in_background(self, cmd: str, until: str, **more: object) -> str:
        """Start a command whose time is over once it said ``until``."""
        running = asyncio.create_task(self.run(cmd, **more))
        await self.until(until)
        self.clock.over.set()
        told = await running
        self.clock.over.clear()
        return told

    @property
    def live(self) -> str:
        """All live output so far."""
        deltas = [e.text for e in self.events if isinstance(e, events.OutputDelta)]
        return "".join(deltas)

    @property
    def items(self) -> list[events.Event]:
        """What was told, without live output."""
        return [e for e in self.events if not isinstance(e, events.OutputDelta)]


def bounded(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


def test_files_are_remembered_before_what_may_change_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def test() -> None:
        await bench.run("ls")
        assert bench.changed == 0
        await bench.run("echo x > x")
        assert bench.changed == 1
        told = await bench.in_background("echo up; read x; echo > x", "up", tty=True)
        assert bench.changed == 2
        number = re.search(r"session ID (\d+)", told)
        assert number is not None
        bench.clock.over.set()
        await bench.write(int(number[1]), "text\n")
        assert bench.changed == 3
        await bench.shell.close()

    bounded(test)


def report(state: str, output: str, *, tokens: int) -> str:
    return (
        f"Chunk ID: 000042\nWall time: 0.0000 seconds\n{state}\n"
        f"Original token count: {tokens}\nOutput:\n{output}"
    )


def lifecycle(
    command: str, output: str, code: int, item_id: str = "item_1"
) -> list[events.Event]:
    start = events.CommandExecution(id=item_id, command=command)
    end = msgspec.structs.replace(
        start,
        aggregated_output=output,
        exit_code=code,
        status="completed" if code == 0 else "failed",
    )
    return [events.ItemStarted(item=start), events.ItemCompleted(item=end)]


def test_a_command_that_ends_well(tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "a.py").touch()
        bench = Bench(tmp_path)
        told = await bench.run("echo hello && ls")
        output = "hello\na.py\n"
        assert told == report("Process exited with code 0", output, tokens=3)
        command = "/bin/sh -c 'echo hello && ls'"
        assert bench.items == lifecycle(command, output, 0)
        assert bench.live == output
        assert bench.clock.waits == [10.0]

    bounded(run)


def test_a_command_that_fails(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.run("echo oops >&2; exit 3")
        assert told == report("Process exited with code 3", "oops\n", tokens=2)
        assert bench.items == lifecycle(
            "/bin/sh -c 'echo oops >&2; exit 3'", "oops\n", 3
        )

    bounded(run)


def test_a_command_that_a_signal_ends(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.run("kill -KILL $$")
        assert told == report("Process exited with code 137", "", tokens=0)

    bounded(run)


def test_calls_run_side_by_side(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        read, _ = await asyncio.gather(
            bench.run("cat pipe"), bench.run("echo A > pipe")
        )
        assert read == report("Process exited with code 0", "A\n", tokens=1)

    bounded(run)


def test_the_login_shell_is_the_default_and_can_be_refused(tmp_path: Path) -> None:
    async def run() -> None:
        async def command_of(bench: Bench, **more: object) -> str:
            told = await bench.run("true", **more)
            for event in bench.items:
                if isinstance(event, events.ItemStarted):
                    assert isinstance(event.item, events.CommandExecution)
                    return event.item.command
            return told

        free: dict[str, object] = {"allow_login": True}
        assert await command_of(Bench(tmp_path, **free)) == "/bin/sh -lc true"  # pyright: ignore[reportArgumentType]
        off = await command_of(Bench(tmp_path, **free), login=False)  # pyright: ignore[reportArgumentType]
        assert off == "/bin/sh -c true"
        assert await command_of(Bench(tmp_path)) == "/bin/sh -c true"
        assert await command_of(Bench(tmp_path), login=True) == (
            "login shell is disabled by config; omit `login` or set it to false."
        )

    bounded(run)


def test_a_shell_is_found_by_its_name(tmp_path: Path) -> None:
    async def run() -> None:
        program = tmp_path / "odd"
        program.write_text("#!/bin/sh\necho odd $*\n")
        program.chmod(0o755)
        env = {"PATH": f"/nope::{tmp_path}:{ENV['PATH']}"}
        bench = Bench(tmp_path, env=env)  # pyright: ignore[reportArgumentType]
        for shell in ("odd", str(program), "/nope/odd"):
            told = await bench.run("x", shell=shell)
            assert told.endswith("Output:\nodd -c x\n")

    bounded(run)


def test_a_command_that_cannot_be_started_is_an_item_that_failed(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        why = "Failed to create unified exec process: "
        missing = why + "No such file or directory (os error 2)"
        for arguments in ({"workdir": "nope"}, {"shell": "nope"}):
            bench.events.clear()
            told = await bench.run("ls", **arguments)
            assert told == (
                "exec_command failed: CreateProcess { message: "
                f'"Rejected(\\"{missing}\\")" }}'
            )
            _, completed = bench.items
            assert isinstance(completed, events.ItemCompleted)
            assert isinstance(completed.item, events.CommandExecution)
            assert completed.item.aggregated_output == missing
            assert (completed.item.exit_code, completed.item.status) == (-1, "failed")

    bounded(run)


def test_the_working_directory_is_relative_to_the_turns(tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "sub").mkdir()
        bench = Bench(tmp_path)
        assert (await bench.run("pwd", workdir="sub")).endswith(f"\n{tmp_path}/sub\n")
        assert (await bench.run("pwd", workdir="/")).endswith("\n/\n")
        assert (await bench.run("pwd", workdir=None)).endswith(f"\n{tmp_path}\n")

    bounded(run)


def test_a_command_gets_its_environment_and_the_calls_id(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.run("/usr/bin/env | sort | grep -v -e PWD -e SHLVL -e _=")
        values = f"CODEX_TOOL_CALL_ID=call_1\nLC_ALL=C.UTF-8\nPATH={ENV['PATH']}\n"
        assert told.endswith(f"Output:\n{values}")

    bounded(run)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Object missing required field `cmd`"),
        ([], "Expected `object`, got `array`"),
        ({"cmd": ["ls"]}, "Expected `str`, got `array` - at `$.cmd`"),
        ({"cmd": "ls", "sandbox_permissions": "x"}, "Invalid enum value 'x' - at"),
    ],
)
def test_wrong_arguments_are_told_to_the_model(
    tmp_path: Path, arguments: object, message: str
) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.call(arguments)
        assert told.startswith(f"failed to parse function arguments: {message}")
        assert bench.events == []

    bounded(run)


def test_unknown_arguments_and_numbers_in_quotes_are_accepted(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.run("echo hi", mood="good", yield_time_ms="300", tty="false")
        assert told == report("Process exited with code 0", "hi\n", tokens=1)
        assert bench.clock.waits == [0.3]

    bounded(run)


def test_long_output_is_cut_to_what_the_model_may_read(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        script = "seq 1 20000"
        whole = "".join(f"{n}\n" for n in range(1, 20_001))
        cut = (
            "Warning: truncated output (original token count: 27224)\n"
            "Total output lines: 20000\n\n"
        )
        state = "Process exited with code 0"
        by_bytes = f"{cut}{whole[:5000]}…98894 chars truncated…{whole[-5000:]}"
        by_tokens = f"{cut}{whole[:200]}…27124 tokens truncated…{whole[-200:]}"
        for limit, output in ((None, by_bytes), (9000, by_bytes), (100, by_tokens)):
            told = await bench.run(script, max_output_tokens=limit)
            assert told == report(state, output, tokens=27224)
        for event in bench.items:
            if isinstance(event, events.ItemCompleted):
                assert isinstance(event.item, events.CommandExecution)
                assert event.item.aggregated_output == whole

    bounded(run)


def test_a_flood_is_bounded_everywhere(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.run("yes | head -c 20000000")
        assert len(told) < 10_500
        assert "Original token count: 5000000\n" in told
        assert len(bench.live) <= 2**20
        (completed,) = bench.items[1:]
        assert isinstance(completed, events.ItemCompleted)
        assert isinstance(completed.item, events.CommandExecution)
        kept = completed.item.aggregated_output
        assert f"\n... {20_000_000 - 2**20} bytes omitted ...\n" in kept
        assert len(kept) < 2**20 + 100

    bounded(run)


def test_live_output_holds_whole_characters(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        script = r"printf 'a\342\202'; cat pipe; printf '\254b\377'"
        running = asyncio.create_task(bench.run(script))
        await bench.until("a")
        assert bench.live == "a"
        await bench.run(": > pipe")
        assert (await running).endswith("Output:\na€b\ufffd")
        assert bench.live == "a€b\ufffd"

    bounded(run)


# --- sessions -------------------------------------------------------------------------


def test_a_terminal_session_is_typed_into_and_completes_its_first_item(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        script = "printf up; read x; echo got $x"
        told = await bench.in_background(script, "up", yield_time_ms=1, tty=True)
        running = "Process running with session ID 1001"
        assert told == report(running, "up", tokens=1)
        told = await bench.write(1001, "abc\n", yield_time_ms=10**9)
        output = "abc\r\ngot abc\r\n"
        assert told == report("Process exited with code 0", output, tokens=4)
        assert bench.items == lifecycle(f"/bin/sh -c '{script}'", f"up{output}", 0)
        assert bench.clock.waits == [0.25, 30.0]
        assert await bench.write(1001) == (
            "write_stdin failed: Unknown process id 1001"
        )

    bounded(run)


def test_waiting_for_a_session_reads_only_what_is_new(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path, max_poll_ms=60_000)  # pyright: ignore[reportArgumentType]
        os.mkfifo(tmp_path / "pipe")
        await bench.in_background("echo one; cat pipe; exit 4", "one")
        bench.clock.over.set()
        told = await bench.write(1001)
        running = "Process running with session ID 1001"
        assert told == report(running, "", tokens=0)
        bench.clock.over.clear()
        waiting = asyncio.create_task(bench.write(1001, yield_time_ms=10**9))
        bench.shell.end_turn()
        await bench.run("echo two > pipe")
        assert await waiting == report("Process exited with code 4", "two\n", tokens=1)
        assert bench.clock.waits == [10.0, 5.0, 60.0, 10.0]

    bounded(run)


def test_two_calls_that_wait_for_one_session_both_hear_its_end(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        await bench.in_background("echo one; cat pipe; exit 4", "one")
        waits = [asyncio.create_task(bench.write(1001)) for _ in range(2)]
        await bench.run("echo two > pipe")
        exited = "Process exited with code 4"
        assert await asyncio.gather(*waits) == [
            report(exited, "two\n", tokens=1),
            report(exited, "", tokens=0),
        ]
        assert await bench.write(1001) == "write_stdin failed: Unknown process id 1001"

    bounded(run)


def test_input_to_a_session_without_terminal_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        await bench.in_background("echo up; sleep 1000", "up")
        assert await bench.write(1001, "x") == (
            "write_stdin failed: stdin is closed for this session; rerun "
            "exec_command with tty=true to keep stdin open"
        )
        await bench.exec.close()

    bounded(run)


def test_what_ends_between_calls_completes_in_its_turn_only(tmp_path: Path) -> None:
    async def run() -> None:
        for within in (True, False):
            bench = Bench(tmp_path)
            (tmp_path / "pipe").unlink(missing_ok=True)
            os.mkfifo(tmp_path / "pipe")
            script = "echo up; cat pipe"
            await bench.in_background(script, "up")
            if not within:
                bench.exec.end_turn(bench.scope)
            session = bench.shell._sessions.use(1001)
            assert session is not None
            (tmp_path / "pipe").open("w").close()
            await session.wait()
            whole = lifecycle(f"/bin/sh -c '{script}'", "up\n", 0)
            assert bench.items == (whole if within else whole[:1])
            told = await bench.write(1001)
            assert told == report("Process exited with code 0", "", tokens=0)

    bounded(run)


def test_the_idlest_session_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSION_LIMIT", 3)
    monkeypatch.setattr(sessions, "NEWEST_KEPT", 1)

    async def run() -> None:
        bench = Bench(tmp_path)
        for name in ("a", "b", "c"):
            await bench.in_background(f"echo {name}; sleep 1000", name)
        bench.clock.over.set()
        await bench.write(1001)
        bench.clock.over.clear()
        await bench.in_background("echo d; sleep 1000", "d")
        unknown = "write_stdin failed: Unknown process id 1003\nThese still run:\n"
        assert (await bench.write(1003)).startswith(unknown)
        kept = sorted(bench.shell._sessions._running)
        assert (len(kept), 1001 in kept) == (3, True)
        await bench.exec.close()

    bounded(run)


def test_a_session_that_ended_makes_room_before_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SESSION_LIMIT", 3)
    monkeypatch.setattr(sessions, "NEWEST_KEPT", 1)

    async def run() -> None:
        bench = Bench(tmp_path)
        os.mkfifo(tmp_path / "pipe")
        numbers: list[int] = []
        for name, then in (("a", "sleep 1000"), ("b", "cat pipe"), ("c", "sleep 99")):
            told = await bench.in_background(f"echo {name}; {then}", name)
            numbers.append(int(re.findall(r"session ID (\d+)", told)[0]))
        (tmp_path / "pipe").open("w").close()
        ended = bench.shell._sessions._running[numbers[1]]
        await ended.wait()
        await bench.in_background("echo d; sleep 1000", "d")
        kept = set(bench.shell._sessions._running)
        assert kept.issuperset({numbers[0], numbers[2]})
        assert numbers[1] not in kept
        await bench.exec.close()

    bounded(run)


def pids(bench: Bench) -> list[int]:
    return [int(word) for word in bench.live.split()]


async def until_ended(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, gone.set)
    await gone.wait()
    asyncio.get_running_loop().remove_reader(fd)
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_cancelling_a_command_ends_it_and_its_children(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        script = "sleep 1000 & echo $$ $!; wait"
        running = asyncio.create_task(bench.run(script))
        await bench.until("\n")
        await bench.clock.asleep.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        for pid in pids(bench):
            await until_ended(pid)
        assert bench.items == lifecycle(f"/bin/sh -c '{script}'", bench.live, 143)

    bounded(run)


def test_cancelling_a_command_that_is_being_started_ends_its_item(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        running = asyncio.create_task(bench.run("sleep 1000"))
        await bench.told.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert bench.items == lifecycle("/bin/sh -c 'sleep 1000'", "", -1)

    bounded(run)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_cancelling_a_wait_leaves_the_session_and_closing_ends_it(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        await bench.in_background("echo $$; exec sleep 1000", "\n")
        waiting = asyncio.create_task(bench.write(1001))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        (pid,) = pids(bench)
        os.kill(pid, 0)
        await bench.stdin.close()
        os.kill(pid, 0)
        await bench.exec.close()
        await until_ended(pid)

    bounded(run)


# --- permission -----------------------------------------------------------------------


def test_removal_by_force_is_rejected_and_leaves_no_item(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path, shell="/bin/bash", allow_login=True)  # pyright: ignore[reportArgumentType]
        told = await bench.run("rm -rf build")
        assert told == (
            'exec_command failed: CreateProcess { message: "Rejected(\\"'
            "`/bin/bash -lc 'rm -rf build'` rejected: rm -f style commands are not "
            'permitted. Use a safer approach\\")" }'
        )
        assert [type(event) for event in bench.events] == [events.Blocked]

    bounded(run)


def test_escalation_is_rejected_when_nobody_is_to_be_asked(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path, mode="workspace-write")
        told = await bench.run(
            "touch /x", sandbox_permissions="require_escalated", justification="Allow?"
        )
        assert told == (
            "approval policy is Never; reject command — you cannot ask for escalated "
            "permissions if the approval policy is Never"
        )
        assert [type(event) for event in bench.events] == [events.Blocked]

    bounded(run)


@pytest.mark.parametrize("yes", [True, False])
def test_a_person_decides_about_escalation(tmp_path: Path, *, yes: bool) -> None:
    async def run() -> None:
        person = Person("yes" if yes else "no")
        # A sandbox that does not exist: what runs, runs outside.
        bench = Bench(
            tmp_path,
            mode="read-only",
            approval="on-request",
            person=person,
            sandbox=isolating(tmp_path, platform="none"),
        )
        told = await bench.run(
            "touch a; echo hi",
            sandbox_permissions="require_escalated",
            justification="May I?",
        )
        asked = RunCommand(
            command="touch a; echo hi",
            cwd=str(tmp_path),
            escalated=True,
            justification="May I?",
        )
        assert person.asked == [
            Question(action=asked, reason="May I?", sandboxed=False)
        ]
        if yes:
            assert told == report("Process exited with code 0", "hi\n", tokens=1)
        else:
            assert told == (
                "exec_command failed: CreateProcess { message: "
                '"Rejected(\\"rejected by user\\")" }'
            )
            assert bench.events == []
        assert (tmp_path / "a").exists() == yes

    bounded(run)


def test_without_a_sandbox_nothing_runs_and_the_person_hears_once(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        bench = Bench(
            tmp_path, mode="read-only", sandbox=isolating(tmp_path, platform="none")
        )
        first, second = await bench.run("touch a"), await bench.run("touch a")
        why = (
            "Sandbox unavailable, so nothing was run: there is none for none. "
            "Or run with --sandbox danger-full-access where that is acceptable."
        )
        assert first == second == f"exec_command failed: {why}"
        item = events.ErrorItem(id="item_1", message=why)
        assert bench.events == [events.ItemCompleted(item=item)]
        assert not (tmp_path / "a").exists()

    bounded(run)


def _obstacle() -> str:
    bwrap = bubblewrap.find(os.environ) if sys.platform == "linux" else None
    if bwrap is None:
        return "needs bubblewrap"
    probe = (bwrap, "--unshare-all", "--ro-bind", "/", "/", "--", "/bin/true")
    return subprocess.run(probe, capture_output=True, check=False).stderr.decode()


needs_sandbox = pytest.mark.skipif(bool(_obstacle()), reason=_obstacle())


@needs_sandbox
def test_a_command_in_the_sandbox_writes_in_the_workspace_only(tmp_path: Path) -> None:
    cwd = tmp_path.resolve() / "repo"
    cwd.mkdir()

    async def run() -> None:
        bench = Bench(cwd, mode="workspace-write")
        told = await bench.run("echo x > a; touch ../denied")
        denied = bench.events.pop()
        assert isinstance(denied, events.Blocked)
        why = "touch: cannot touch '../denied': Read-only file system\n"
        assert told.splitlines()[2] == "Process exited with code 1"
        assert told.endswith(
            f"Output:\n{why}\n[The sandbox blocked something: {cwd.parent}/denied "
            "cannot be written: it lies outside of what the sandbox lets write. Nobody "
            "can allow it now: do without it, or say in your answer what was blocked.]"
        )
        assert bench.items == lifecycle(
            "/bin/sh -c 'echo x > a; touch ../denied'", why, 1
        )
        told = await bench.in_background("printf up; read x; echo $x", "up", tty=True)
        (number,) = re.findall(r"session ID (\d+)", told)
        told = await bench.write(int(number), "abc\n")
        assert told.endswith("Output:\nabc\r\nabc\r\n")

    bounded(run)
    assert [path.name for path in cwd.iterdir()] == ["a"]


# --- lists and ends -------------------------------------------------------------------


def test_an_unknown_id_is_answered_with_the_ids_of_what_runs(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        assert await bench.write(5) == "write_stdin failed: Unknown process id 5"
        told = await bench.in_background("printf up; exec sleep 1000", "up")
        (number,) = re.findall(r"session ID (\d+)", told)
        assert await bench.write(5) == (
            "write_stdin failed: Unknown process id 5\nThese still run:\n"
            f"{number}: /bin/sh -c 'printf up; exec sleep 1000'"
        )
        await bench.exec.close()

    bounded(run)


def test_ctrl_c_interrupts_a_command_without_a_terminal(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.in_background("printf up; exec sleep 1000", "up")
        (number,) = re.findall(r"session ID (\d+)", told)
        assert "Process exited with code 130" in await bench.write(int(number), "\x03")

    bounded(run)


def test_the_second_ctrl_c_ends_what_does_not_listen_to_the_first(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        script = "trap '' INT; printf up; while :; do sleep 1000; done"
        told = await bench.in_background(script, "up")
        (number,) = re.findall(r"session ID (\d+)", told)
        bench.clock.over.set()
        assert "Process running" in await bench.write(int(number), "\x03")
        assert "Process exited with code" in await bench.write(int(number), "\x03")

    bounded(run)


@pytest.mark.skipif(landlock.abi() < landlock.OLDEST, reason="needs Landlock")
def test_a_reduced_sandbox_is_announced_once(tmp_path: Path) -> None:
    async def run() -> None:
        reduced = Sandbox(
            ENV,
            state=tmp_path / "state",
            settings=SandboxSettings(backend="landlock"),
        )
        bench = Bench(tmp_path, mode="read-only", sandbox=reduced)
        await bench.run("true")
        await bench.run("true")
        told = [
            event.item.message
            for event in bench.events
            if isinstance(event, events.ItemCompleted)
            and isinstance(event.item, events.ErrorItem)
        ]
        assert [text.partition(". ")[0] for text in told] == [
            "reduced sandbox: bubblewrap is not to be used"
        ]

    bounded(run)


# --- blocked, and what then -----------------------------------------------------------


def blocked_bench(cwd: Path, person: Person, approval: ApprovalPolicy) -> Bench:
    return Bench(cwd, mode="read-only", approval=approval, person=person)


@needs_sandbox
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_under_on_failure_a_blocked_command_may_run_again_outside(
    tmp_path: Path, answer: Answer
) -> None:
    async def run() -> None:
        person = Person(answer)
        bench = blocked_bench(tmp_path, person, "on-failure")
        told = await bench.run("touch a && echo made")
        what = f"{tmp_path}/a cannot be written: the sandbox is read-only"
        assert [q.action for q in person.asked] == [
            RunAgain(command="touch a && echo made", cwd=str(tmp_path), blocked=what)
        ]
        assert [e for e in bench.events if isinstance(e, events.Blocked)] == [
            events.Blocked(
                item_id="item_1",
                what=what,
                remedy="To allow writing to the folder: -s workspace-write",
            )
        ]
        assert (tmp_path / "a").exists() is (answer == "yes")
        if answer == "yes":
            assert told.endswith(
                "Output:\nmade\n\n[The sandbox blocked the first run; the user allowed "
                "this one without it.]"
            )
        else:
            assert told.endswith(
                f"[The sandbox blocked something: {what}. If the task needs it, call "
                'again with sandbox_permissions="require_escalated" and a '
                "justification; the command may have done a part of its work already.]"
            )

    bounded(run)


@needs_sandbox
def test_a_question_comes_after_what_it_is_about_has_been_shown(tmp_path: Path) -> None:
    async def run() -> None:
        person = Person("no")
        bench = blocked_bench(tmp_path, person, "on-failure")
        told_before: list[type[events.Event]] = []

        async def seen() -> None:
            assert person.asked == []
            told_before.extend(type(event) for event in bench.events)

        bench.scope = msgspec.structs.replace(bench.scope, seen=seen)
        await bench.run("touch a")
        assert told_before[-2:] == [events.ItemCompleted, events.Blocked]
        assert len(person.asked) == 1

    bounded(run)


@needs_sandbox
@pytest.mark.parametrize("approval", ["never", "on-request"])
def test_otherwise_nobody_is_asked_about_a_blocked_command(
    tmp_path: Path, approval: ApprovalPolicy
) -> None:
    async def run() -> None:
        person = Person("yes")
        bench = blocked_bench(tmp_path, person, approval)
        assert "[The sandbox blocked something" in await bench.run("touch a")
        assert person.asked == []
        assert not (tmp_path / "a").exists()

    bounded(run)


@needs_sandbox
def test_the_end_of_a_background_command_tells_what_was_blocked(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path, mode="read-only")
        told = await bench.in_background("printf up; read x; touch a", "up", tty=True)
        (number,) = re.findall(r"session ID (\d+)", told)
        told = await bench.write(int(number), "go\n")
        assert f"{tmp_path}/a cannot be written: the sandbox is read-only" in told

    bounded(run)


def test_an_answer_for_the_session_is_asked_for_once(tmp_path: Path) -> None:
    async def run() -> None:
        person = Person("session", "no")
        bench = Bench(tmp_path, approval="untrusted", person=person)
        for _ in range(2):
            assert "Process exited with code 0" in await bench.run("touch a")
        assert "rejected by user" in await bench.run("touch b")
        assert len(person.asked) == len({"touch a", "touch b"})

    bounded(run)


class FullDisk(NoRules):
    """A rules file that cannot be written."""

    def allow(self, prefix: tuple[str, ...]) -> None:
        raise ConfigError(f"no room for {prefix}", hint="Make some.")


def test_a_rule_that_cannot_be_saved_is_told_and_the_command_runs(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        permissions = Permissions(mode="danger-full-access", approval="untrusted")
        permit = Permit(permissions, Person("always"), rules=FullDisk())
        bench = Bench(tmp_path, permit=permit)
        remarks: list[str] = []
        bench.scope = msgspec.structs.replace(bench.scope, remark=remarks.append)
        assert "Process exited with code 0" in await bench.run("touch a")
        allowed = 'Approved command prefix allowed for this session:\n- ["touch", "a"]'
        assert remarks == [allowed]
        told = "no room for ('touch', 'a')\nMake some."
        item = events.ErrorItem(id="item_1", message=told)
        assert bench.events[0] == events.ItemCompleted(item=item)

    bounded(run)


def test_the_answer_stop_interrupts_the_turn(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path, approval="untrusted", person=Person("stop"))
        interrupted: list[bool] = []
        bench.scope = msgspec.structs.replace(
            bench.scope, interrupt=lambda: interrupted.append(True)
        )
        assert "rejected by user" in await bench.run("touch a")
        assert interrupted == [True]
        assert not (tmp_path / "a").exists()

    bounded(run)


# --- patches --------------------------------------------------------------------------

PATCH = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"


def test_a_patch_in_a_here_document_is_applied_without_a_shell(tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "a/b").mkdir(parents=True)
        bench = Bench(tmp_path)
        script = f"cd b && apply_patch <<'EOF'\n{PATCH}EOF\n"
        told = await bench.run(script, workdir="a")
        assert re.fullmatch(
            r"Wall time: 0\.0000 seconds\nOutput:\nExit code: 0\n"
            r"Wall time: \S+ seconds\nOutput:\n"
            r"Success\. Updated the following files:\nA \S*new\.txt\n",
            told,
        )
        path = tmp_path / "a/b/new.txt"
        assert path.read_text() == "hello\n"
        change = events.FileChange(
            id="item_1", changes=[events.FileUpdate(path=str(path), kind="add")]
        )
        done = msgspec.structs.replace(change, status="completed")
        assert bench.events == [
            events.ItemStarted(item=change),
            events.ItemCompleted(item=done),
        ]

    bounded(run)


def test_a_patch_that_is_refused_says_so_and_no_more(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path, mode="read-only")
        told = await bench.run(f"apply_patch <<'EOF'\n{PATCH}EOF")
        assert told == (
            "patch rejected: writing is blocked by read-only sandbox; "
            "rejected by user approval settings"
        )
        assert [type(event) for event in bench.events] == [events.Blocked]

    bounded(run)


def test_a_patch_as_a_command_is_sent_back(tmp_path: Path) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        told = await bench.run(PATCH)
        assert told == (
            "apply_patch verification failed: patch detected without explicit call to "
            "apply_patch. Send it as: apply_patch <<'EOF'\n<patch>\nEOF"
        )

    bounded(run)


def test_the_specs_are_short_and_name_what_they_take(tmp_path: Path) -> None:
    bench = Bench(tmp_path, approval="on-request")
    specs = [bench.exec.spec, bench.stdin.spec]
    for spec, size in zip(specs, (1100, 500), strict=True):
        assert len(msgspec.json.encode(spec)) < size
    assert [spec.name for spec in specs] == ["exec_command", "write_stdin"]
    assert [set((spec.parameters or {})["properties"]) for spec in specs] == [
        {
            *("cmd", "workdir", "shell", "login", "tty", "yield_time_ms"),
            *("max_output_tokens", "sandbox_permissions", "justification"),
            "prefix_rule",
        },
        {"session_id", "chars", "yield_time_ms", "max_output_tokens"},
    ]


def test_where_nobody_is_asked_the_model_is_not_told_how_to(tmp_path: Path) -> None:
    schema = Bench(tmp_path, approval="never").exec.spec.parameters or {}
    assert set(schema["properties"]) == {
        *("cmd", "workdir", "shell", "login", "tty", "yield_time_ms"),
        "max_output_tokens",
    }
