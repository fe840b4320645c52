"""``codex-oss models``: which are here, which fit, and what can be done to them."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable

import msgspec

from codex_oss.cli import models_page, models_table, models_use
from codex_oss.cli.colors import colored
from codex_oss.cli.consent import consent
from codex_oss.cli.models_arguments import check
from codex_oss.cli.models_table import Style
from codex_oss.cli.settings import load_config
from codex_oss.config.load import Loaded
from codex_oss.engines import catalog, room, sources
from codex_oss.engines.base import Consent
from codex_oss.errors import EngineError
from codex_oss.exec_mode.progress import Progress
from codex_oss.exec_mode.visible import visible
from codex_oss.wiring import inventory
from codex_oss.wiring.inventory import Listing, Model
from codex_oss.wiring.models import Models


def run(options: argparse.Namespace) -> int:
    """Do what ``options`` say and return the exit code."""
    check(options)
    loaded = load_config(options, os.environ)
    for warning in loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    return _ACTIONS[options.action](options, loaded)


def _list(options: argparse.Namespace, loaded: Loaded) -> int:
    listing = _survey(loaded)
    if options.json:
        _print_json(models_page.listing(listing))
        return 0
    page = models_table.lines(listing, everything=options.all, style=_style())
    sys.stdout.write("".join(f"{line}\n" for line in page))
    return 0


def _show(options: argparse.Namespace, loaded: Loaded) -> int:
    listing = _survey(loaded)
    found, entry = listing.find(options.name), catalog.find(options.name)
    if not found and entry is None:
        raise _unknown(options.name)
    if options.json:
        _print_json(models_page.shown(options.name, found, entry, listing.host))
        return 0
    page = models_page.lines(found, entry, listing.host)
    sys.stdout.write("".join(f"{line}\n" for line in page))
    return 0


def _pull(options: argparse.Namespace, loaded: Loaded) -> int:
    asyncio.run(_pulled(options, loaded))
    name = visible(options.name.rpartition("://")[2])  # as Ollama lists it
    sys.stdout.write(
        f"{name} is on this machine.\nTo use it: codex-oss exec -m {name} …, "
        f"or always: codex-oss models use {name}\n"
    )
    return 0


async def _pulled(options: argparse.Namespace, loaded: Loaded) -> None:
    models = Models(loaded, os.environ, _consent(options))
    try:
        with Progress(sys.stderr, isatty=sys.stderr.isatty()) as progress:
            async for event in models.pull(options.name):
                progress.feed(event)
    finally:
        await models.close()


def _remove(options: argparse.Namespace, loaded: Loaded) -> int:
    model = _one(_survey(loaded), options.name)
    freed = asyncio.run(_removed(model, options, loaded))
    if freed is None:
        sys.stdout.write("Nothing was deleted.\n")
        return 1
    sys.stdout.write(
        f"{visible(options.name)} is deleted"
        + (f"; that frees {room.gigabytes(freed)}.\n" if freed else ".\n")
    )
    return 0


async def _removed(
    model: Model, options: argparse.Namespace, loaded: Loaded
) -> int | None:
    models = Models(loaded, os.environ, _consent(options))
    try:
        return await models.remove(model)
    finally:
        await models.close()


def _use(options: argparse.Namespace, loaded: Loaded) -> int:
    listing = _survey(loaded)
    name = options.name
    here = listing.find(name) or sources.is_embedded(name)
    return models_use.run(
        name, options, dry_run=options.dry_run, lacking=None if here else _fetch(name)
    )


def _fetch(name: str) -> str:
    return f"{visible(name)} is not on this machine: codex-oss models pull {name}"


_ACTIONS: dict[str, Callable[[argparse.Namespace, Loaded], int]] = {
    "list": _list,
    "show": _show,
    "pull": _pull,
    "use": _use,
    "remove": _remove,
}


# --- what they have in common --------------------------------------------------------


def _survey(loaded: Loaded) -> Listing:
    return asyncio.run(inventory.survey(loaded, os.environ))


def _consent(options: argparse.Namespace) -> Consent:
    return consent(yes=options.yes, asks=True, err=sys.stderr)


def _one(listing: Listing, name: str) -> Model:
    """Return the model that can be removed; of several, Ollama's or ours."""
    found = listing.find(name)
    if not found:
        raise EngineError(
            f"`{name}` is not on this machine",
            hint="`codex-oss models` lists what is.",
        )
    removable = [m for m in found if m.path is not None or m.engine == "ollama"]
    return (removable or found)[0]


def _unknown(name: str) -> EngineError:
    return EngineError(
        f"`{name}` is not on this machine, and not in the catalogue",
        hint=f"`codex-oss models` lists what there is; to fetch it: "
        f"codex-oss models pull {name}",
    )


def _style() -> Style:
    return Style(colored(sys.stdout))


def _print_json(page: msgspec.Struct) -> None:
    text = msgspec.json.format(msgspec.json.encode(page)).decode()
    sys.stdout.write(f"{text}\n")
