"""One model in words, and both pages of ``codex-oss models`` as JSON.

The JSON is a contract: keys are added, not changed. Sizes are bytes, speeds tokens per
second; what is not known is null.
"""

from collections.abc import Iterator, Sequence

import msgspec

from codex_oss.cli import models_table as table
from codex_oss.engines import catalog, fit, room
from codex_oss.engines.base import EngineName
from codex_oss.engines.catalog import Entry, Tools
from codex_oss.engines.choose import called
from codex_oss.engines.fit import Fit, Verdict
from codex_oss.engines.hardware import Host
from codex_oss.exec_mode.visible import visible
from codex_oss.wiring.inventory import Listing, Model

LABEL = 12


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a model needs with a context, and whether that fits here."""

    context: int
    bytes: int
    verdict: fit.Word
    where: fit.Where | None


class Fitting(msgspec.Struct, frozen=True, kw_only=True):
    """How a model fits this machine."""

    memory: list[Memory]
    assumed: bool
    """The cost of its context is not known, and assumed high."""
    tokens_per_s: float | None
    """Estimated from the bandwidth of the memory: half and double occur."""


class InstalledJson(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is here."""

    name: str
    engine: EngineName
    url: str | None
    here: bool
    """It runs on this machine, or would."""
    path: str | None
    size: int | None
    context: int | None
    loaded: int | None
    on_gpu: float | None
    tools: bool | None
    remote: bool
    quantization: str | None
    parameters: str | None
    licence: str | None
    problem: str | None
    fit: Fitting | None


class OfferJson(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalogue."""

    name: str
    gguf: str | None
    gguf_size: int | None
    size: int
    context: int
    parameters: float
    active_parameters: float
    tools: Tools
    ollama: str | None
    unsure: bool
    note: str
    fit: Fitting


class CardJson(msgspec.Struct, frozen=True, kw_only=True):
    """A graphics card."""

    name: str
    memory: int
    free: int


class MachineJson(msgspec.Struct, frozen=True, kw_only=True):
    """This machine."""

    processor: str | None
    cores: int
    memory: int | None
    free: int | None
    unified: bool
    cards: list[CardJson]


class DefaultJson(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken where nobody has chosen."""

    name: str
    why: str


class ListingJson(msgspec.Struct, frozen=True, kw_only=True):
    """``codex-oss models --json``."""

    machine: MachineJson
    installed: list[InstalledJson]
    catalogue: str
    """The day of the catalogue."""
    offers: list[OfferJson]
    default: DefaultJson | None


class ShownJson(msgspec.Struct, frozen=True, kw_only=True):
    """``codex-oss models show NAME --json``."""

    name: str
    installed: list[InstalledJson]
    offer: OfferJson | None


def listing(found: Listing) -> ListingJson:
    """Return the whole list."""
    host, default = found.host, found.default
    cards = [
        CardJson(name=card.name, memory=card.memory, free=card.free)
        for card in host.cards
    ]
    return ListingJson(
        machine=MachineJson(
            processor=host.processor or None,
            cores=host.cores,
            memory=host.memory,
            free=host.free,
            unified=host.unified,
            cards=cards,
        ),
        installed=[_installed(model) for model in found.installed],
        catalogue=catalog.load().dated,
        offers=[_offer(offer.entry, offer.fit) for offer in found.offers],
        default=DefaultJson(name=default.model, why=default.why) if default else None,
    )


def shown(
    name: str, found: Sequence[Model], entry: Entry | None, host: Host
) -> ShownJson:
    """Return one model."""
    offer = _offer(entry, fit.judge(entry.weights, host)) if entry else None
    return ShownJson(
        name=name, installed=[_installed(model) for model in found], offer=offer
    )


def _installed(model: Model) -> InstalledJson:
    it = model.installed
    return InstalledJson(
        name=it.name,
        engine=model.engine,
        url=model.url or None,
        here=model.here,
        path=str(model.path) if model.path else None,
        size=it.size,
        context=it.context,
        loaded=it.loaded,
        on_gpu=it.on_gpu,
        tools=it.tools,
        remote=it.remote,
        quantization=it.quantization or None,
        parameters=it.parameters or None,
        licence=model.licence or None,
        problem=model.problem or None,
        fit=_fitting(model.fit) if model.fit else None,
    )


def _offer(entry: Entry, judged: Fit) -> OfferJson:
    return OfferJson(
        name=entry.name,
        gguf=entry.gguf,
        gguf_size=entry.gguf_bytes,
        size=entry.size,
        context=entry.context,
        parameters=entry.parameters,
        active_parameters=entry.active or entry.parameters,
        tools=entry.tools,
        ollama=entry.ollama or None,
        unsure=entry.unsure,
        note=entry.note,
        fit=_fitting(judged),
    )


def _fitting(judged: Fit) -> Fitting:
    return Fitting(
        memory=[
            Memory(context=v.tokens, bytes=v.need, verdict=v.word, where=v.where)
            for v in judged.verdicts
        ],
        assumed=judged.assumed,
        tokens_per_s=round(judged.tokens_per_s, 1) if judged.tokens_per_s else None,
    )


# --- words ---------------------------------------------------------------------------


def lines(found: Sequence[Model], entry: Entry | None, host: Host) -> Iterator[str]:
    """Yield what is known of a model, as it is here or else in the catalogue."""
    for model in found:
        yield from _words(model)
        yield ""
    if entry is not None:
        yield from _catalogue(entry, fit.judge(entry.weights, host), here=bool(found))
        yield ""
    yield from table.machine(host)


def _words(model: Model) -> Iterator[str]:
    it = model.installed
    yield visible(it.name)
    place = model.path or model.url
    yield _line("engine", called(model.engine) + (f", {place}" if place else ""))
    if it.remote:
        yield _line("runs in", "a cloud: what is sent to it leaves this machine")
    if it.size and not it.remote:
        yield _line("size", room.gigabytes(it.size))
    if kind := ", ".join(word for word in (it.parameters, it.quantization) if word):
        yield _line("weights", kind)
    if it.context:
        yield _line("trained on", f"{it.context} tokens of context")
    if it.loaded:
        share = f", {it.on_gpu:.0%} of it on the GPU" if it.on_gpu is not None else ""
        yield _line("loaded with", f"{it.loaded} tokens of context{share}")
    if it.tools is not None:
        yield _line("tools", "calls them" if it.tools else "cannot call them")
    if model.licence:
        yield _line("licence", model.licence)
    if model.problem:
        yield _line("problem", model.problem)
    if model.fit is not None:
        yield from _memory(model.fit)


def _catalogue(entry: Entry, judged: Fit, *, here: bool) -> Iterator[str]:
    active = f", {entry.active:g} of them active" if entry.active else ""
    doubt = " (not checked)" if entry.unsure else ""
    yield f"{entry.name} in the catalogue of {catalog.load().dated}"
    yield _line("size", f"{room.gigabytes(entry.size)} from Ollama's library{doubt}")
    if entry.gguf and entry.gguf_bytes:
        yield _line("or", f"{room.gigabytes(entry.gguf_bytes)} as {entry.gguf}")
    yield _line("weights", f"{entry.parameters:g} billion parameters{active}")
    yield _line("trained on", f"{entry.context} tokens of context{doubt}")
    yield _line("tools", f"{entry.tools} (a judgement from reports of people)")
    if entry.note:
        yield _line("note", entry.note)
    if entry.ollama:
        yield _line("needs", f"Ollama {entry.ollama} or newer")
    if here:
        return
    yield from _memory(judged)
    yield _line("to fetch", f"codex-oss models pull {entry.name}")


def _memory(judged: Fit) -> Iterator[str]:
    label = "memory"
    for verdict in judged.verdicts:
        yield _line(label, _need(verdict, assumed=judged.assumed))
        label = ""
    if judged.tokens_per_s:
        speed = table.rate(judged.tokens_per_s)
        yield _line("speed", f"~{speed} tokens/s, estimated from memory bandwidth")


def _need(verdict: Verdict, *, assumed: bool) -> str:
    doubt = " (its context's cost is assumed)" if assumed else ""
    words = {"too large": "does not fit", "unknown": "this machine tells no memory"}
    told = words.get(verdict.word) or f"{verdict.word}, {verdict.where}"
    return (
        f"{verdict.need / 1e9:5.1f} GB with {verdict.tokens >> 10}k of context{doubt}: "
        f"{told}"
    )


def _line(label: str, text: str) -> str:
    return f"  {label:<{LABEL}}{visible(text)}"
