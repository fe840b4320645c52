"""Children of `process` under Landlock: started, heard, ended as any other."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from codex_oss import process
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import landlock, seccomp

needs_landlock = pytest.mark.skipif(
    landlock.abi() < landlock.OLDEST or os.uname().machine not in seccomp.MACHINES,
    reason=f"Landlock of ABI {landlock.OLDEST} or later is needed",
)
pytestmark = needs_landlock

WAIT_S = 180


class Heard:
    """What a child said, and a way to wait for a word of it."""

    def __init__(self) -> None:
        self.text = ""
        self._more = asyncio.Event()

    def add(self, data: bytes) -> None:
        self.text += data.decode()
        self._more.set()

    async def wait_for(self, word: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while word not in self.text:
                self._more.clear()
                await self._more.wait()


def confined(root: Path) -> process.Confined:
    permissions = Permissions(mode="workspace-write", writable_roots=(str(root),))
    program = seccomp.program("strict", machine=os.uname().machine)
    return process.Confined(restrict=landlock.restriction(permissions, program=program))


async def start(
    script: str, root: Path, heard: Heard, *, tty: bool = False
) -> process.Child:
    return await process.start(
        ("/bin/sh", "-c", script),
        cwd=root,
        env={"PATH": "/usr/bin:/bin"},
        on_output=heard.add,
        tty=tty,
        confined=confined(root),
    )


def runs(pid: str) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def restricted(thread: threading.Thread) -> bool:
    try:
        status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # one of another test, just ended
        return False
    return "Seccomp:\t0" not in status


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await work()

    asyncio.run(bounded())


def test_its_output_and_its_exit_code_arrive(tmp_path: Path) -> None:
    async def work() -> None:
        heard = Heard()
        child = await start(
            "echo in > inside; echo out > ../outside; cat inside; exit 7",
            tmp_path,
            heard,
        )
        assert await child.wait() == 7
        assert heard.text.splitlines()[-1] == "in"
        assert "outside: Permission denied" in heard.text

    run(work)
    assert not (tmp_path.parent / "outside").exists()


def test_it_is_killed_with_what_it_left_behind(tmp_path: Path) -> None:
    async def work() -> None:
        heard = Heard()
        child = await start(
            "setsid sh -c 'echo $$; exec sleep 600' & sleep 600", tmp_path, heard
        )
        await heard.wait_for("\n")
        assert await child.kill(grace_s=0.2) >= 128
        assert not runs(heard.text.strip())

    run(work)


def test_it_has_a_terminal(tmp_path: Path) -> None:
    async def work() -> None:
        heard = Heard()
        script = "test -t 0 && test -t 1 && echo typed: $(head -n 1 </dev/tty)"
        child = await start(script, tmp_path, heard, tty=True)
        assert child.write(b"word\n")
        assert await child.wait() == 0
        assert "typed: word" in heard.text

    run(work)


def test_many_run_at_once(tmp_path: Path) -> None:
    async def one(number: int) -> str:
        heard = Heard()
        child = await start(f"echo {number}", tmp_path, heard)
        await child.wait()
        return heard.text

    async def work() -> None:
        said = await asyncio.gather(*map(one, range(16)))
        assert said == [f"{number}\n" for number in range(16)]

    run(work)


def test_this_program_stays_free(tmp_path: Path) -> None:
    async def work() -> None:
        heard = Heard()
        child = await start(
            "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status; cat", tmp_path, heard
        )
        assert await child.wait() == 0
        assert heard.text.split() == ["NoNewPrivs:", "1", "Seccomp:", "2"]

    run(work)
    status = Path("/proc/self/status").read_text()
    assert "Seccomp:\t0" in status
    assert "NoNewPrivs:\t0" in status
    (tmp_path.parent / f"{tmp_path.name}-free").write_text("written")


def test_it_can_neither_end_this_program_nor_read_its_memory(tmp_path: Path) -> None:
    if landlock.abi() < 6:
        pytest.skip("Landlock before ABI 6 lets signals pass; `weak` says so")

    async def work() -> None:
        heard = Heard()
        child = await start(
            # The thread that started it is its equal until it has ended, just now.
            f"tasks=/proc/{os.getpid()}/task; while reached=; do for t in $(ls $tasks);"
            " do kill -0 $t 2>/dev/null && reached=$t;"
            " cat $tasks/$t/environ 2>/dev/null && echo read $t;"
            ' done; [ -n "$reached" ] || break; done; echo done',
            tmp_path,
            heard,
        )
        await child.wait()
        assert heard.text == "done\n"

    run(work)


def test_a_restriction_that_fails_starts_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        raise SandboxError("no restriction today")

    async def work() -> None:
        with pytest.raises(SandboxError, match="no restriction today"):
            await process.start(
                ("/bin/sh", "-c", "echo > started"),
                cwd=tmp_path,
                env={},
                on_output=Heard().add,
                confined=process.Confined(restrict=fail),
            )

    run(work)
    assert not (tmp_path / "started").exists()


def test_no_restricted_thread_is_left(tmp_path: Path) -> None:
    async def work() -> None:
        heard = Heard()
        child = await start("echo runs; sleep 600", tmp_path, heard)
        await heard.wait_for("runs")
        for thread in threading.enumerate():
            assert not restricted(thread), thread.name
        await child.kill(grace_s=0)

    run(work)
