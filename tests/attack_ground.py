"""The ground that `attack` runs on, the host's side of it, and what it did to it."""

import array
import contextlib
import ctypes
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple, TypedDict

import msgspec

from attack.kit import Ground, call, raw

PLACE = Path("/var/tmp")
NOBODY = 65534
SECRET = "AGENTS_OWN_KEY"

_SHM_CREATE, _SHM_REMOVE = 0o1000, 0
_CLEANUP_CALLS = {"x86_64": (31, 241), "aarch64": (195, 181)}


class Seen(NamedTuple):
    """What a path was before the attack."""

    mode: int
    changed_ns: int
    content: bytes


class Host(msgspec.Struct, frozen=True):
    """The ground, what stood on it, and what its listeners heard."""

    ground: Ground
    env: dict[str, str]
    uid: int
    before: dict[str, Seen]
    heard: set[str]

    def harm(self) -> list[str]:
        """Return what is different outside, and who was reached."""
        now = _seen(self.ground)
        names = sorted(self.before.keys() | now.keys())
        changed = [name for name in names if self.before.get(name) != now.get(name)]
        return changed + sorted(self.heard)


@contextlib.contextmanager
def prepared(uid: int) -> Generator[Host]:
    """Yield a ground whose owner is ``uid``; only root can prepare it for others."""
    base = Path(tempfile.mkdtemp(prefix="codex-oss-attack-", dir=PLACE))
    word = base.name
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        _lay_out(base)
        env = _environment(base)
        stack.callback(os.unlink, f"/dev/shm/{word}")
        Path(f"/dev/shm/{word}").write_text("of the host\n")
        key = _host_memory(stack, word)
        sockets = _listeners(base, word)
        for each in sockets.values():
            stack.enter_context(each)
        if uid != os.getuid():
            _give(base, Path(f"/dev/shm/{word}"), uid)
        terminal = _terminal(stack, uid)
        pipe = _pipe(stack, base / "sockets/pipe", uid)
        victim = stack.enter_context(_victim(word, uid, env))
        ground = _ground(base, word, key, sockets, victim)._replace(
            terminal=terminal, pipe=pipe
        )
        (base / "ground.json").write_text(json.dumps(ground._asdict()))
        (base / "ground.json").chmod(0o644)
        heard: set[str] = set()
        stack.enter_context(_listening(sockets, base / "outside/passed", heard))
        yield Host(ground, env, uid, _seen(ground), heard)


def _lay_out(base: Path) -> None:
    base.chmod(0o755)
    files = {
        "outside": "file unlinked taken theirs meta secret passed",
        "denied": "key",
        "ws": "mine file",
        "ws/private": "key",
        "ws/.agents": "skills",
    }
    for folder, names in files.items():
        (base / folder).mkdir(parents=True)
        for name in names.split():
            (base / folder / name).write_text(f"{folder}/{name}\n")
    for name in ("denied-file", "denied-linked"):
        (base / name).write_text("key\n")
    # Names for one file that no sandbox can tell apart.
    (base / "linked").write_text("linked\n")
    (base / "ws/older-link").hardlink_to(base / "linked")
    (base / "ws/older-key").hardlink_to(base / "denied-linked")
    empty = "home state sockets scratch/alias outside/empty ws/prepared ws/substitute"
    for folder in empty.split():
        (base / folder).mkdir(parents=True)
    for root in ("ws", "ws/inner/deep", "ws/nested"):
        subprocess.run(["git", "init", "-q", base / root], check=True)
    tree = base / "ws/.git/worktrees/tree"
    tree.mkdir(parents=True)
    (tree / "HEAD").write_text("ref: refs/heads/tree\n")
    (tree / "commondir").write_text("../..\n")
    (base / "tree").mkdir()
    (base / "tree/.git").write_text(f"gitdir: {tree}\n")
    (tree / "gitdir").write_text(f"{base}/tree/.git\n")
    (base / "ws/link").symlink_to("../outside/file")
    (base / "ws/link-to-denied").symlink_to("../denied/key")
    with contextlib.suppress(OSError):  # the file system may have none
        os.setxattr(base / "outside/meta", "user.given", b"1")
    shutil.copytree(
        Path(__file__).parent / "attack",
        base / "attack",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    if os.getuid() == 0 and (program := shutil.which("id")):
        shutil.copy(program, base / "setuid-id")
        (base / "setuid-id").chmod(0o4755)


def _environment(base: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(base / "home"),
        "TMPDIR": str(base / "scratch"),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _ground(
    base: Path, word: str, key: int, sockets: dict[str, socket.socket], victim: int
) -> Ground:
    setuid = base / "setuid-id"
    return Ground(
        base=str(base),
        workspace=str(base / "ws"),
        inner=str(base / "ws/inner/deep"),
        worktree=str(base / "tree"),
        scratch=str(base / "scratch"),
        outside=str(base / "outside"),
        denied=str(base / "denied"),
        denied_file=str(base / "denied-file"),
        denied_linked=str(base / "denied-linked"),
        denied_inside=str(base / "ws/private/key"),
        shm=word,
        shm_key=key,
        queue=word,
        sockets=str(base / "sockets"),
        pipe="",
        terminal="",
        abstract=word,
        tcp=sockets["tcp"].getsockname()[1],
        tcp6=sockets["tcp6"].getsockname()[1] if "tcp6" in sockets else 0,
        udp=sockets["udp"].getsockname()[1],
        victim=victim,
        victim_word=word,
        secret=f"{SECRET}={word}",
        setuid=str(setuid) if setuid.exists() else "",
    )


def _host_memory(stack: contextlib.ExitStack, word: str) -> int:
    """Make a shared segment and a message queue; return the segment's key."""
    control, unlink = _CLEANUP_CALLS[os.uname().machine]
    key = int.from_bytes(os.urandom(3), "little") | 1 << 24
    segment = call("shmget", key, 4096, _SHM_CREATE | 0o666)
    stack.callback(raw, control, segment, _SHM_REMOVE, None)
    name = ctypes.c_char_p(word.encode())
    with contextlib.suppress(OSError):  # a kernel without queues
        queue = call("mq_open", name, os.O_RDWR | os.O_CREAT, 0o666, None)
        os.fchmod(queue, 0o666)
        os.close(queue)
        stack.callback(raw, unlink, name)
    return key


def _terminal(stack: contextlib.ExitStack, uid: int) -> str:
    """Open a terminal as an emulator would; return its name."""
    ours, theirs = os.openpty()
    stack.callback(os.close, ours)
    stack.callback(os.close, theirs)
    name = os.ttyname(theirs)
    os.chown(name, uid, -1)
    return name


def _pipe(stack: contextlib.ExitStack, path: Path, uid: int) -> str:
    """Read a named pipe as a program would that takes orders there."""
    os.mkfifo(path)
    os.chown(path, uid, uid)
    stack.callback(os.close, os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    return str(path)


def _listeners(base: Path, word: str) -> dict[str, socket.socket]:
    unix, packets = socket.AF_UNIX, socket.SOCK_SEQPACKET
    wanted = {
        "stream": (unix, socket.SOCK_STREAM, f"{base}/sockets/stream"),
        "seqpacket": (unix, packets, f"{base}/sockets/seqpacket"),
        "datagram": (unix, socket.SOCK_DGRAM, f"{base}/sockets/datagram"),
        "abstract": (unix, socket.SOCK_STREAM, f"\0{word}"),
        "abstract-d": (unix, socket.SOCK_DGRAM, f"\0{word}-d"),
        "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
    }
    made: dict[str, socket.socket] = {}
    for name, (family, kind, address) in wanted.items():
        try:
            each = socket.socket(family, kind)
            each.bind(address)
        except OSError:
            if name != "tcp6":
                raise
            continue  # no IPv6 on this machine
        if kind != socket.SOCK_DGRAM:
            each.listen()
        made[name] = each
    return made


@contextlib.contextmanager
def _listening(
    sockets: dict[str, socket.socket], passed: Path, heard: set[str]
) -> Generator[None]:
    stop, stopping = os.pipe()

    def serve() -> None:
        names = {each.fileno(): name for name, each in sockets.items()}
        while True:
            ready, _, _ = select.select([stop, *names], [], [])
            if stop in ready:
                return
            for fd in ready:
                heard.add(names[fd])
                _answer(sockets[names[fd]], names[fd], passed)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        os.close(stopping)
        thread.join()
        os.close(stop)


def _answer(listener: socket.socket, name: str, passed: Path) -> None:
    if listener.type == socket.SOCK_DGRAM:
        data, sender = listener.recvfrom(64)
        if name == "udp":
            listener.sendto(data, sender)
        return
    accepted, _ = listener.accept()
    with accepted, passed.open("ab") as file, contextlib.suppress(OSError):
        if name == "stream":
            fds = array.array("i", [file.fileno()])
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)
            accepted.sendmsg([b"one descriptor"], [rights])


def _give(base: Path, memory: Path, uid: int) -> None:
    for path in (base, memory, *base.rglob("*")):
        if path.name != "setuid-id":
            os.chown(path, uid, uid, follow_symlinks=False)


@contextlib.contextmanager
def _victim(word: str, uid: int, env: dict[str, str]) -> Generator[int]:
    with subprocess.Popen(
        ["/bin/sh", "-c", "read -r _", word],
        cwd="/",
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        **user(uid),
    ) as victim:
        try:
            yield victim.pid
        finally:
            victim.kill()


class User(TypedDict, total=False):
    """Arguments of ``subprocess``."""

    user: int
    group: int
    extra_groups: list[int]


def user(uid: int) -> User:
    """Return the arguments that make ``subprocess`` start something as ``uid``."""
    if uid == os.getuid():
        return {}
    return {"user": uid, "group": uid, "extra_groups": []}


def _seen(ground: Ground) -> dict[str, Seen]:
    roots = (ground.workspace, ground.inner, ground.worktree)
    names = (".git", ".codex", ".agents")
    tops = [Path(root) / name for root in roots for name in names]
    tops += map(Path, (ground.outside, ground.denied, ground.denied_file))
    tops += [Path(ground.denied_inside), Path(ground.base)]
    seen: dict[str, Seen] = {}
    for top in tops:
        below = () if str(top) == ground.base else top.rglob("*")
        for path in (top, *below) if top.exists() else ():
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            name = str(path.relative_to(ground.base))
            seen[name] = Seen(stat.st_mode, stat.st_ctime_ns, content)
    return seen


def python_for(uid: int) -> str:
    """Return a Python that ``uid`` can start; empty if there is none."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                [candidate, "-c", "import sys; assert sys.version_info >= (3, 11)"],
                cwd="/",
                check=True,
                capture_output=True,
                timeout=180,
                **user(uid),
            )
            return candidate
    return ""
