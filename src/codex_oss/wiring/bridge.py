"""A bridge from its settings: the port first, then the server behind it."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

import msgspec
from msgspec.structs import replace

from codex_oss import __version__, providers
from codex_oss.bridge.app import App
from codex_oss.bridge.failures import one_line
from codex_oss.bridge.guard import Guard
from codex_oss.bridge.health import Checker
from codex_oss.bridge.images import Images
from codex_oss.bridge.ledger import Ledger
from codex_oss.bridge.log import Log
from codex_oss.bridge.metrics import Metrics
from codex_oss.bridge.parts import Parts
from codex_oss.bridge.references import References
from codex_oss.bridge.running import Running
from codex_oss.bridge.seen import Seen
from codex_oss.bridge.settings import BridgeSettings
from codex_oss.bridge.store import open_store
from codex_oss.bridge.threads import Threads
from codex_oss.bridge.upstream import Upstream
from codex_oss.config.load import Loaded
from codex_oss.config.provider import Provider, WireApi
from codex_oss.errors import EngineError
from codex_oss.net import Client
from codex_oss.net.server import (
    Limits,
    Listener,
    connections_within,
    raise_file_limit,
)
from codex_oss.ports import Model, Reviver
from codex_oss.providers.chat import new_id
from codex_oss.providers.endpoint import site
from codex_oss.providers.probe import Probe
from codex_oss.translate.quirks import Mending
from codex_oss.wiring.ending import Endings, end_all
from codex_oss.wiring.model import Served, served_by, start_engine
from codex_oss.wiring.world import state_home

if TYPE_CHECKING:
    from codex_oss.bridge.inspector import Inspector
    from codex_oss.engines.base import Consent

RETRIES = 1
"""Of a request that failed before anything was shown: clients ask again themselves."""
SILENCE_MS = 3_600_000
"""Silence of the server that counts as a cut: a long prompt is read in silence."""
GRACE_S = 5.0
"""For answers that run when the bridge is told to end."""
_WIRES: dict[str, WireApi] = {
    "native": "ollama",
    "chat": "chat",
    "responses": "responses",
}
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Bridge(msgspec.Struct, frozen=True):
    """A bridge that listens, and what must be ended with it."""

    listener: Listener
    app: App
    upstream: Upstream
    end: Endings
    engine: str = ""
    """Who serves, where that was looked for or started; for people."""

    async def close(self) -> None:
        """End everything; running answers get a moment."""
        await self.listener.close(GRACE_S)
        await end_all(self.end)


async def serve(
    settings: BridgeSettings,
    loaded: Loaded,
    env: Mapping[str, str],
    err: TextIO,
    listening: Callable[[Bridge], None] = lambda _: None,
    consent: "Consent | None" = None,
) -> int:
    """Run a bridge until the process is told to end; return the exit code.

    ``listening`` is told when it answers, ``consent`` asked before that, when a model
    must be downloaded or an engine started. Raises ``ConfigError`` or ``EngineError``
    for what keeps it from starting; nothing is left running then.
    """
    bridge = await open_bridge(settings, loaded, env, err, consent)
    try:
        ended = _end_on_signals(bridge.listener)
        listening(bridge)
        await bridge.listener.serve(bridge.app.handle)
        await ended.wait()
    finally:
        await bridge.close()
    return 0


async def open_bridge(
    settings: BridgeSettings,
    loaded: Loaded,
    env: Mapping[str, str],
    err: TextIO,
    consent: "Consent | None" = None,
) -> Bridge:
    """Return a bridge that listens; raises as ``serve`` does."""
    limits = Limits(body_bytes=settings.max_body_size)
    room = min(limits.connections, connections_within(raise_file_limit()))
    limits = replace(limits, connections=room)
    listener = Listener(settings.listen, settings.port, limits)
    client = Client(env)
    end: Endings = [client.close]
    try:
        provider, only, engine, reviver = settings.provider, None, "", None
        served = Served(settings.provider_id, provider, settings.model, consent)
        if settings.loads:
            await _load(served, loaded, env, client, err, end)
        if settings.engine:
            engaged = await start_engine(served, loaded, env, client, err, end)
            provider, answering = engaged.provider, engaged.answering
            # A server that runs has other models too; an engine of ours has one.
            runs = answering.survey.choice.url is not None
            only = None if runs else answering.ready.model
            engine, reviver = served_by(answering), answering.reviver
        upstream = _upstream(settings, provider, only, env, client, reviver)
        end.append(upstream.close)
        app = _app(settings, upstream, env, end, err)
    except BaseException:
        await listener.close(0)
        await end_all(end)
        raise
    return Bridge(listener, app, upstream, end, engine)


async def _load(
    served: Served,
    loaded: Loaded,
    env: Mapping[str, str],
    client: Client,
    err: TextIO,
    end: Endings,
) -> None:
    """Have the server load a model as requests to it cannot; say why it does not."""
    try:
        await start_engine(served, loaded, env, client, err, end)
    except EngineError as error:
        err.write(f"warning: {error.report()}\n")


def _app(
    settings: BridgeSettings,
    upstream: Upstream,
    env: Mapping[str, str],
    end: Endings,
    err: TextIO,
) -> App:
    store = open_store(settings.store, folder=state_home(env), now=time.time)
    end.append(store.close)
    metrics = Metrics()
    level = "debug" if settings.debug else "quiet" if settings.quiet else "normal"
    log = Log(_writer(err), level)
    ledger = Ledger(watchers=[metrics, log])
    guard = Guard(key=settings.key, loopback=settings.loopback)
    checker = Checker(
        upstream.names,
        lambda: ledger.in_flight,
        upstream=upstream.root,
        store=settings.store.partition(":")[0],
        replicas=upstream.health,
    )
    running = Running(
        store,
        lambda id_, error: log.complain("not-kept", id=id_, error=one_line(error)),
    )
    end.append(running.close)
    parts = Parts(
        settings=settings,
        upstream=upstream,
        store=store,
        references=References(store),
        ledger=ledger,
        log=log,
        guard=guard,
        threads=Threads(),
        images=Images(),
        running=running,
        now=time.time,
        new_id=new_id,
    )

    def inspector() -> "Inspector":
        from codex_oss.bridge.inspector import Inspector  # noqa: PLC0415  0.6 ms; rare

        return Inspector(ledger, guard)

    return App(parts, Seen(guard, checker, metrics, inspector))


def _upstream(
    settings: BridgeSettings,
    provider: Provider,
    only: str | None,
    env: Mapping[str, str],
    client: Client,
    reviver: Reviver | None,
) -> Upstream:
    patient = replace(
        provider,
        request_max_retries=min(provider.request_max_retries, RETRIES),
        stream_idle_timeout_ms=max(provider.stream_idle_timeout_ms, SILENCE_MS),
    )
    memory = providers.ProbeMemory(state_home(env) / "probes.json")
    mending = Mending(
        repair=settings.repair,
        text_calls=settings.text_calls,
        emulate=settings.repair,
        ask_again=settings.ask_again,
    )
    where = site(settings.provider_id, patient, env, __version__)
    replicas = providers.replicas_of(
        settings.provider_id, patient, env, client, __version__
    )

    async def connect(name: str) -> tuple[Model, bool]:
        wire, keep = settings.wire, True
        probe = Probe(where, name, client, memory)
        if wire == "auto":
            server = (await probe.server()).server
            wire = "native" if server == "ollama" else "chat"
            keep = probe.settled
        spoken = replace(patient, wire_api=_WIRES[wire])
        model = providers.connect(
            settings.provider_id,
            spoken,
            name,
            env=env,
            client=client,
            memory=memory,
            version=__version__,
            mending=mending,
            context_length=settings.context_length,
            probe=probe,
            replicas=replicas,
            brought=providers.Brought(reviver=reviver),
        )
        return model, keep

    return Upstream(
        connect,
        client,
        site=replace(where, reviver=reviver),
        only=only,
        replicas=replicas,
    )


def _end_on_signals(listener: Listener) -> asyncio.Event:
    """Close the listener when the process is told to end; return what is set then."""
    loop, closed = asyncio.get_running_loop(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def close() -> None:
        await listener.close(GRACE_S)
        closed.set()

    def begin() -> None:
        if not tasks:
            tasks.add(loop.create_task(close()))

    for number in SIGNALS:
        loop.add_signal_handler(number, begin)
    return closed


def _writer(err: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        # A full disk or a closed terminal is no reason to lose an answer.
        with contextlib.suppress(OSError, ValueError):
            err.write(line)
            err.flush()

    return write
