"""Model files from Hugging Face: which files, how large, and their bytes.

Source of the API: ``huggingface_hub`` 2.4. ``GET /api/models/REPO/tree/REV`` lists
files with size and, for large files, the SHA-256 as ``lfs.oid``. ``GET
/REPO/resolve/REV/FILE`` redirects to a CDN that understands ``Range``.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec

from codex_oss.engines import gguf, room, sources
from codex_oss.engines.base import EngineEvent, Looking, Options, Pulling
from codex_oss.engines.hub_faults import Retry, gave_up, host_of, refusal
from codex_oss.engines.meter import Meter, with_pauses
from codex_oss.engines.partial import Partial
from codex_oss.engines.sources import HfSource
from codex_oss.errors import DownloadError, ModelError, StreamCut
from codex_oss.net import Client, Reply

PUBLIC_ENDPOINT = "https://huggingface.co"
MAX_LIST_BYTES = 16 * 1024 * 1024
MAX_LIST_PAGES = 20
MAX_REDIRECTS = 5
MAX_TRIES = 6
"""Tries in a row that bring no new byte before a download is given up."""
FIRST_DELAY_S = 1.0
"""Wait before the second try; doubled each time."""
MAX_DELAY_S = 60.0

MAX_FIRST_TRIES = 2
"""Tries to reach a hub that has not answered yet: a machine without a network is told
at once, and not after half a minute."""
WITH_ROOM_TO_WORK = 1.15
"""Memory that a model needs, as a multiple of its file: a small context, buffers."""

_OK, _PARTIAL = 200, 206

Sleep = Callable[[float], Awaitable[None]]


class _Lfs(msgspec.Struct, frozen=True):
    oid: str
    size: int


class _Entry(msgspec.Struct, frozen=True):
    """One row of a repository's tree."""

    type: str
    path: str
    size: int = 0
    lfs: _Lfs | None = None


class RemoteFile(msgspec.Struct, frozen=True):
    """A file on the hub. ``sha256`` is None for small files kept in git itself."""

    path: str
    size: int
    sha256: str | None


class Hub:
    """Hugging Face, or the mirror that ``HF_ENDPOINT`` names."""

    def __init__(
        self, client: Client, options: Options, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep
        env = options.env
        self._endpoint = (env.get("HF_ENDPOINT") or PUBLIC_ENDPOINT).rstrip("/")
        self._headers = {"accept": "*/*"}
        if token := env.get("HF_TOKEN"):
            self._headers["authorization"] = f"Bearer {token}"
        self._offline = options.offline or _is_true(env.get("HF_HUB_OFFLINE"))
        self._models = options.models
        self._consent = options.consent
        self._answered = False

    async def fetch(
        self, source: HfSource, name: str
    ) -> AsyncGenerator[EngineEvent | Path]:
        """Download all files of a model that is not at hand; the Path comes last.

        ``name`` is what people call the model. Raises ``errors.DownloadError``.
        """
        if self._offline:
            raise DownloadError(
                f"{name} is not on this machine, and downloads are switched off",
                hint="Unset HF_HUB_OFFLINE, or name a model that is under "
                f"{self._models}.",
            )
        yield Looking(f"{name} on {host_of(self._endpoint)}")
        files = await self._choose(source)
        total = sum(file.size for file in files)
        directory = sources.hf_directory(self._models, source)
        await self._ask(name, directory, files)
        before = 0
        for file in files:
            async with aclosing(
                self._download(source, file, directory / file.path, name)
            ) as events:
                async for event in events:
                    if isinstance(event, Pulling):
                        done = before + event.done
                        yield Pulling(name, done, total, event.bytes_per_s)
                    else:
                        yield event
            before += file.size
        yield directory / files[0].path

    async def _ask(self, name: str, directory: Path, files: list[RemoteFile]) -> None:
        """Return when what is still missing may be downloaded."""
        there = sum(_bytes_of(directory / file.path) for file in files)
        total = sum(file.size for file in files)
        missing = room.Download(
            model=name,
            size=max(0, total - there),
            source=host_of(self._endpoint),
            folder=directory,
            memory=int(total * WITH_ROOM_TO_WORK),
            command=f"codex-oss models pull {name}",
        )
        await room.ask_for(missing, self._consent)

    async def _choose(self, source: HfSource) -> list[RemoteFile]:
        """Return the files of the model that ``source`` asks for, first part first."""
        found = {file.path: file for file in await self._list(source)}
        if source.file:
            name = source.file if source.file in found else None
        else:
            name = sources.choose(list(found), source.quant)
        parts = [str(part) for part in gguf.parts(Path(name))] if name else []
        if not parts or any(part not in found for part in parts):
            models = sorted(path for path in found if path.endswith(".gguf"))
            wanted = source.file or source.quant or ".gguf"
            raise DownloadError(
                f"{source.repo} has no {wanted} file",
                hint=f"It has: {', '.join(models[:12])}."
                if models
                else "Name a repository with GGUF files; many end in -GGUF.",
            )
        return [found[part] for part in parts]

    async def _list(self, source: HfSource) -> list[RemoteFile]:
        revision = (source.revision or "main").replace("/", "%2F")
        url: str | None = (
            f"{self._endpoint}/api/models/{source.repo}/tree/{revision}?recursive=true"
        )
        files: list[RemoteFile] = []
        for _ in range(MAX_LIST_PAGES):
            if url is None:
                break
            body, url = await self._page(url, source)
            files += [
                RemoteFile(e.path, e.lfs.size, e.lfs.oid)
                if e.lfs
                else RemoteFile(e.path, e.size, None)
                for e in body
                if e.type == "file" and _stays_inside(e.path)
            ]
        return files

    async def _page(
        self, url: str, source: HfSource
    ) -> tuple[list[_Entry], str | None]:
        """Return one page of the tree and the URL of the next one."""
        for attempt in range(MAX_TRIES):
            try:
                with await self._open(url, self._headers, source.repo) as reply:
                    body = await reply.read(MAX_LIST_BYTES)
                entries = msgspec.json.decode(body, type=list[_Entry])
                return entries, _next_page(reply.headers.get("link", ""))
            except (Retry, ModelError) as error:
                await self._wait(attempt, error, source.repo)
            except msgspec.DecodeError as error:
                raise DownloadError(
                    f"{url} did not answer with a list of files: {error}",
                    hint="Check HF_ENDPOINT, and whether a proxy answers instead.",
                ) from error
        raise AssertionError("_wait raises on the last try")

    async def _download(
        self, source: HfSource, file: RemoteFile, target: Path, name: str
    ) -> AsyncGenerator[EngineEvent]:
        """Download one file, going on where an earlier try stopped."""
        partial = Partial(target)
        try:
            async for event in partial.lock(name):
                yield event
            if partial.is_finished():
                return
            async for event in partial.rehash(name):
                yield event
            if partial.done > file.size:
                partial.restart()
            partial.need(file.size)
            async with aclosing(self._pull(source, file, partial, name)) as events:
                async for event in events:
                    yield event
            partial.commit(file.sha256)
        finally:
            partial.close()

    async def _pull(
        self, source: HfSource, file: RemoteFile, partial: Partial, name: str
    ) -> AsyncGenerator[Pulling]:
        clock = asyncio.get_running_loop().time
        meter = Meter(name, file.size)
        if event := meter.reach(partial.done, clock()):
            yield event
        attempt = 0
        while partial.done < file.size:
            before = partial.done
            try:
                async with (
                    aclosing(self._bytes(source, file, partial)) as body,
                    aclosing(with_pauses(body)) as pieces,
                ):
                    async for data in pieces:
                        partial.write(data)
                        if event := meter.reach(partial.done, clock()):
                            yield event
            except (Retry, ModelError) as error:
                attempt = 0 if partial.done > before else attempt
                await self._wait(attempt, error, file.path)
                attempt += 1

    async def _bytes(
        self, source: HfSource, file: RemoteFile, partial: Partial
    ) -> AsyncGenerator[bytes]:
        """Yield the bytes of one try; restarts ``partial`` if the server ignores Range.

        Never yields more than the file's size. Raises ``StreamCut`` when less came.
        """
        revision = (source.revision or "main").replace("/", "%2F")
        url = f"{self._endpoint}/{source.repo}/resolve/{revision}/{file.path}"
        headers = dict(self._headers)
        if partial.done:
            headers["range"] = f"bytes={partial.done}-"
        with await self._open(url, headers, source.repo) as reply:
            if partial.done and not _continues(reply, partial.done):
                partial.restart()
            while data := await reply.receive():
                left = file.size - partial.done
                yield data[:left]
                if len(data) >= left:
                    return
        if partial.done < file.size:
            raise StreamCut(f"{host_of(url)} closed the connection early")

    async def _open(self, url: str, headers: Mapping[str, str], repo: str) -> Reply:
        """Open ``url``; raises ``Retry`` or ``errors.DownloadError`` for bad statuses.

        The client does not send ``authorization`` to the host of a redirect.
        """
        reply = await self._client.open(
            "GET", url, headers=headers.items(), follow=MAX_REDIRECTS
        )
        self._answered = True
        if reply.status in (_OK, _PARTIAL):
            return reply
        reply.close()
        raise refusal(reply, self._endpoint, repo, url)

    async def _wait(self, attempt: int, error: Exception, what: str) -> None:
        """Wait before the next try, or raise if this was the last one."""
        final = isinstance(error, ModelError) and not error.retryable
        tries = MAX_TRIES if self._answered else MAX_FIRST_TRIES
        if final or attempt + 1 >= tries:
            host = host_of(self._endpoint)
            raise gave_up(what, error, attempt + 1, host) from error
        wish = error.delay_s if isinstance(error, (Retry, ModelError)) else None
        delay = FIRST_DELAY_S * 2**attempt if wish is None else wish
        await self._sleep(min(delay, MAX_DELAY_S))


def _bytes_of(target: Path) -> int:
    """Return how much of a file is on disk, whole or in part."""
    for path in (target, Partial(target).path):
        try:
            return path.stat().st_size
        except OSError:
            continue
    return 0


def _continues(reply: Reply, at: int) -> bool:
    """Tell whether the answer begins at byte ``at``."""
    start = reply.headers.get("content-range", "").removeprefix("bytes ")
    return reply.status == _PARTIAL and start.partition("-")[0] == str(at)


def _stays_inside(path: str) -> bool:
    """Tell whether a server's path can be joined to a directory of ours."""
    return not path.startswith("/") and ".." not in path.split("/")


def _next_page(link: str) -> str | None:
    """Return the URL marked ``rel="next"`` in a Link header."""
    for entry in link.split(","):
        url, _, rel = entry.partition(";")
        if 'rel="next"' in rel:
            return url.strip().strip("<>")
    return None


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on")
