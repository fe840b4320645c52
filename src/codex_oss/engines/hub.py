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

from codex_oss.engines import gguf, sources
from codex_oss.engines.base import EngineEvent, Looking, Options, Pulling
from codex_oss.engines.meter import Meter
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

_OK, _PARTIAL, _FAULT = 200, 206, 500
_PASSING = {416: "does not continue the file", 429: "asks to slow down"}
"""Statuses below 500 that may be gone at the next try."""

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


class _Retry(Exception):
    """A try that failed in a way that may pass; ``delay_s`` is the server's wish."""

    def __init__(self, message: str, delay_s: float | None = None) -> None:
        super().__init__(message)
        self.delay_s = delay_s


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

    async def fetch(
        self, source: HfSource, name: str
    ) -> AsyncGenerator[EngineEvent | Path]:
        """Download all files of a model that is not at hand; the Path comes last.

        ``name`` is what people call the model. Raises ``errors.DownloadError``.
        """
        if self._offline:
            raise DownloadError(
                f"{name} is not on this machine, and downloads are switched off",
                hint="Unset HF_HUB_OFFLINE or drop --offline, or name a model that "
                f"is under {self._models}.",
            )
        yield Looking(f"{name} on {_host(self._endpoint)}")
        files = await self._choose(source)
        total = sum(file.size for file in files)
        directory = sources.hf_directory(self._models, source)
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
            except (_Retry, ModelError) as error:
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
                async with aclosing(self._bytes(source, file, partial)) as body:
                    async for data in body:
                        partial.write(data)
                        if event := meter.reach(partial.done, clock()):
                            yield event
            except (_Retry, ModelError) as error:
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
            raise StreamCut(f"{_host(url)} closed the connection early")

    async def _open(self, url: str, headers: Mapping[str, str], repo: str) -> Reply:
        """Open ``url``; raises ``_Retry`` or ``errors.DownloadError`` for bad statuses.

        The client does not send ``authorization`` to the host of a redirect.
        """
        reply = await self._client.open(
            "GET", url, headers=headers.items(), follow=MAX_REDIRECTS
        )
        if reply.status in (_OK, _PARTIAL):
            return reply
        reply.close()
        raise self._refusal(reply, repo, url)

    def _refusal(self, reply: Reply, repo: str, url: str) -> _Retry | DownloadError:
        """Say what a status means here."""
        host, page = _host(self._endpoint), f"{self._endpoint}/{repo}"
        if reply.status in _PASSING or reply.status >= _FAULT:
            wish = reply.headers.get("retry-after", "")
            delay = float(wish) if wish.isdigit() else None
            what = _PASSING.get(reply.status, "has a fault")
            return _Retry(f"{host} {what} ({reply.status})", delay)
        match reply.status:
            case 401:
                return DownloadError(
                    f"{host} does not show {repo} (401): it does not exist, is "
                    "private, or wants a token",
                    hint=f"Check the name at {page}; for a private or gated model set "
                    "HF_TOKEN.",
                )
            case 403:
                return DownloadError(
                    f"{host} refuses {repo} (403): its licence was not accepted by "
                    "the owner of this token",
                    hint=f"Accept the terms at {page} and set HF_TOKEN.",
                )
            case 404:
                return DownloadError(
                    f"{host} has no {url.removeprefix(self._endpoint)} (404)",
                    hint=f"Check the name and the revision at {page}; a private "
                    "model needs HF_TOKEN.",
                )
            case status:
                return DownloadError(
                    f"{host} answered {status} for {url}",
                    hint="Check HF_ENDPOINT, and whether a proxy answers instead.",
                )

    async def _wait(self, attempt: int, error: Exception, what: str) -> None:
        """Wait before the next try, or raise if this was the last one."""
        final = isinstance(error, ModelError) and not error.retryable
        if final or attempt + 1 >= MAX_TRIES:
            raise DownloadError(
                f"Downloading {what} failed after {attempt + 1} tries: {error}",
                hint="What has arrived is kept: run the same command again to go on."
                " Behind a proxy set HTTPS_PROXY; HF_ENDPOINT names a mirror.",
            ) from error
        wish = error.delay_s if isinstance(error, (_Retry, ModelError)) else None
        delay = FIRST_DELAY_S * 2**attempt if wish is None else wish
        await self._sleep(min(delay, MAX_DELAY_S))


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


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0]


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on")
