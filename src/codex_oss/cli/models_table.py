"""The lists of models as tables that fit 80 columns."""

from collections.abc import Iterator

import msgspec

from codex_oss.engines import catalog, sources
from codex_oss.engines.base import Found
from codex_oss.engines.catalog import Entry, Recommended
from codex_oss.engines.choose import title
from codex_oss.engines.fit import CONTEXTS, Fit, Verdict
from codex_oss.engines.hardware import Host
from codex_oss.exec_mode.visible import visible
from codex_oss.wiring.inventory import Listing, Model, Offer

NAME = 20
"""Columns of a name; a longer one has a line of its own."""
_HEAD = (
    f"  {'':<{NAME}} {'':>5} {'':>5} {'':<5} memory, GB, at",
    f"  {'':<{NAME}} {'GB':>5} {'ctx':>5} tools "
    + " ".join(f"{tokens >> 10}k".rjust(5) for tokens in CONTEXTS)
    + "  here          tok/s",
)
_GREEN, _YELLOW, _RED, _DIM, _BOLD, _PLAIN = (
    f"\x1b[{code}m" for code in (32, 33, 31, 2, 1, 0)
)
_COLORS = {"fits": _GREEN, "tight": _YELLOW, "too large": _RED, "unknown": _DIM}
NOTES = """\
Memory: the file, the cache of the context, what is computed in. tight: it
fits when other programs end. tok/s: an estimate from the memory's bandwidth;
half and double occur. ?: the cost of the context is not known, assumed high."""
_TOOLS = {"very good": "best"}
"""Words for the column that are shorter than the catalogue's."""


class Style(msgspec.Struct, frozen=True):
    """Whether to colour."""

    color: bool

    def paint(self, text: str, code: str) -> str:
        """Return ``text`` in a colour."""
        return f"{code}{text}{_PLAIN}" if self.color and text.strip() else text


def lines(listing: Listing, *, everything: bool, style: Style) -> Iterator[str]:
    """Yield the page."""
    yield from machine(listing.host)
    groups = list(_groups(listing))
    if groups:
        yield ""
        yield from (style.paint(line, _DIM) for line in _HEAD)
    for heading, models in groups:
        yield style.paint(visible(heading), _BOLD)
        if not models[0].here:
            yield "  runs on another machine, of whose memory nothing is known"
        for model in models:
            yield from _installed(model, listing.default, style)
    yield ""
    yield from _offers(listing, everything=everything, style=style)
    yield ""
    yield from (style.paint(line, _DIM) for line in NOTES.splitlines())
    yield "codex-oss models show|pull|use|remove NAME"


def machine(host: Host) -> Iterator[str]:
    """Yield a machine for people, in two lines."""
    cores = f"{host.cores} core{'s' if host.cores > 1 else ''}"
    chip = f"{visible(host.processor)}, " if host.processor else ""
    yield f"This machine: {chip}{cores}"
    parts: list[str] = []
    if host.memory is not None and host.free is not None:
        what = "shared with its graphics, " if host.unified else ""
        parts.append(f"{_gb(host.memory)} GB of memory ({what}{_gb(host.free)} free)")
    parts += [f"{visible(c.name)} with {_gb(c.memory)} GB" for c in host.cards]
    if not host.cards and not host.unified:
        parts.append("no graphics card")
    yield f"  {', '.join(parts)}"


# --- groups --------------------------------------------------------------------------


def _groups(listing: Listing) -> Iterator[tuple[str, list[Model]]]:
    ours = [model for model in listing.installed if model.engine == "embedded"]
    if ours:
        yield "Embedded engine", ours
    for found in listing.found:
        here = [
            model
            for model in listing.installed
            if (model.engine, model.url) == (found.server, found.url)
        ]
        if here:
            yield _heading(found), here


def _heading(found: Found) -> str:
    return title(found) if found.url else f"Ollama, not running ({found.said_by})"


def _offers(listing: Listing, *, everything: bool, style: Style) -> Iterator[str]:
    here = [catalog.find(model.installed.name) for model in listing.installed]
    offers = [offer for offer in listing.offers if offer.entry not in here]
    fitting = [offer for offer in offers if _is_for(offer.fit)]
    shown = offers if everything else fitting
    left = len(offers) - len(shown)
    if shown:
        yield from (style.paint(line, _DIM) for line in _HEAD)
    yield style.paint("To be had from Ollama's library", _BOLD)
    default = listing.default
    for offer in shown:
        yield from _offered(offer, _mark(offer.entry, default), style)
    if left:
        one = left == 1
        yield f"  {left} more {'does' if one else 'do'} not fit this machine: --all"
    if default is not None:
        yield f"* {default.why}" + _to_fetch(default, listing)
    if not any(found.server == "ollama" for found in listing.found):
        yield "There is no Ollama here: `models show NAME` tells what else to pull."


def _mark(entry: Entry | None, default: Recommended | None) -> str:
    return " *" if default is not None and entry == default.entry else ""


def _to_fetch(default: Recommended, listing: Listing) -> str:
    """Return how to have the default, unless it is here."""
    here = any(
        catalog.find(model.installed.name) == default.entry
        for model in listing.installed
    )
    if here:
        return ""
    by_ollama = any(found.server == "ollama" for found in listing.found)
    name = default.model if by_ollama else default.entry.gguf or default.model
    return f": codex-oss models pull {name}"


def _is_for(fit: Fit) -> bool:
    return fit.verdicts[0].word != "too large"


# --- rows ----------------------------------------------------------------------------


def _installed(
    model: Model, default: Recommended | None, style: Style
) -> Iterator[str]:
    it = model.installed
    mark = _mark(catalog.find(it.name), default)
    yield from _row(
        _Row(it.name + mark, it.size, it.context, _tools(model)), model.fit, style
    )
    if told := _instead(model):
        yield f"    {told}"
    if it.loaded:
        share = f", {it.on_gpu:.0%} of it on the GPU" if it.on_gpu is not None else ""
        yield f"    loaded with {it.loaded} tokens of context{share}"
    if model.problem:
        yield f"    {style.paint(visible(model.problem), _RED)}"


def _instead(model: Model) -> str:
    """Return what people must know before they use a model."""
    if model.installed.remote:
        return "runs in a cloud: what is sent to it leaves this machine"
    return "cannot call tools" if model.installed.tools is False else ""


def _tools(model: Model) -> str:
    """Return how well a model calls tools, as far as anybody says."""
    if model.installed.tools is False:
        return "no"
    if model.installed.name == sources.DEFAULT_MODEL:
        return "toy"
    entry = catalog.find(model.installed.name)
    if entry is not None:
        return entry.tools
    return "yes" if model.installed.tools else ""


def _offered(offer: Offer, mark: str, style: Style) -> Iterator[str]:
    entry = offer.entry
    row = _Row(entry.name + mark, entry.size, entry.context, entry.tools)
    yield from _row(row, offer.fit, style)


class _Row(msgspec.Struct, frozen=True):
    name: str
    size: int | None
    context: int | None
    tools: str


def _row(row: _Row, fit: Fit | None, style: Style) -> Iterator[str]:
    shown = visible(row.name)
    if len(shown) > NAME:
        yield f"  {shown}"
        shown = ""
    large = "" if row.size is None else f"{row.size / 1e9:.1f}"
    tools = _TOOLS.get(row.tools, row.tools)
    cells = f"  {shown:<{NAME}} {large:>5} {_tokens(row.context):>5} {tools:<5}"
    if fit is None:
        yield cells.rstrip()
        return
    needs = " ".join(_need(fit, n, style) for n in range(len(CONTEXTS)))
    painted = style.paint(f"{verdict(fit):<13}", _COLORS[fit.usual.word])
    yield f"{cells} {needs}  {painted} {_rate(fit):>5}".rstrip()


def verdict(fit: Fit) -> str:
    """Return in a few words whether a model fits: with 32k of context, or with 8k."""
    usual, least = fit.usual, fit.verdicts[0]
    if usual.word in ("fits", "tight"):
        return f"{usual.word} {usual.where}"
    if usual.word == "too large" and least.word in ("fits", "tight"):
        return f"{least.word} with {least.tokens >> 10}k"
    return "does not fit" if usual.word == "too large" else "unknown"


def _need(fit: Fit, number: int, style: Style) -> str:
    if number >= len(fit.verdicts):
        return f"{'-':>5}"
    found: Verdict = fit.verdicts[number]
    doubt = "?" if fit.assumed else ""
    return style.paint(f"{_gb(found.need)}{doubt}".rjust(5), _COLORS[found.word])


def _rate(fit: Fit) -> str:
    return f"~{rate(fit.tokens_per_s)}" if fit.tokens_per_s else ""


def rate(tokens_per_s: float) -> str:
    """Return a speed with no more digits than it is worth."""
    digits = 1 if tokens_per_s < 10 else 2  # noqa: PLR2004  one digit
    return f"{float(f'{tokens_per_s:.{digits}g}'):g}"


def _tokens(context: int | None) -> str:
    return f"{round(context / 1024)}k" if context else ""


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f}"
