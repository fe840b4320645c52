"""``codex-oss engines``: the servers of models here, and which one is taken."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from codex_oss.cli.settings import load_config
from codex_oss.config.builtin import LOCAL
from codex_oss.config.load import Loaded
from codex_oss.engines.base import Found, Installed
from codex_oss.engines.choose import Choice, called, find, title
from codex_oss.exec_mode.visible import visible
from codex_oss.wiring.report import Report, report

GIGA, MEGA = 1e9, 1e6


def run(options: argparse.Namespace) -> int:
    """Print what was found and what is taken; the exit code is 1 for nothing."""
    loaded = load_config(options, os.environ)
    for warning in loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    seen = asyncio.run(report(loaded, os.environ))
    if options.json:
        text = msgspec.json.format(msgspec.json.encode(seen)).decode() + "\n"
    else:
        text = "".join(f"{visible(line)}\n" for line in words(seen, loaded))
    sys.stdout.write(text)
    well = any(each.found for each in seen.replicas)
    return 0 if well or (seen.choice and not seen.replicas) else 1


def words(seen: Report, loaded: Loaded) -> Iterator[str]:
    """Yield the page's lines."""
    running = [found for found in seen.found if found.url]
    yield "Servers that answer" if running else "No server of models answers here."
    for found in running:
        note = f": {found.note}" if found.note else ""
        yield f"  {title(found)} ({found.said_by}){note}"
        yield from _models(found)
    for found in seen.found:
        if not found.url:
            yield "Installed, not running"
            yield f"  Ollama ({found.said_by})"
            yield from _models(found)
    version = f" {seen.embedded.version}" if seen.embedded.version else ""
    yield f"Embedded engine: {f'xllamacpp{version}' if version else 'not installed'}"
    for name in seen.embedded.models:
        yield f"    {name}"
    if seen.silent:
        yield "Nothing answers"
        for place in seen.silent:
            what = f" for {called(place.expected)}" if place.expected else ""
            yield f"  at {place.url}{what} ({place.said_by})"
    yield ""
    if seen.replicas:
        yield from _replicas(seen, loaded)
    else:
        yield from _taken(seen, loaded)


def _replicas(seen: Report, loaded: Loaded) -> Iterator[str]:
    """Yield how each server of a provider with several is."""
    name, model = loaded.provider_id, loaded.config.model
    yield f"Provider {name} is in effect; its conversations are spread over"
    for each in seen.replicas:
        if each.found is None:
            yield f"  {each.url}: does not answer"
            continue
        known = find(each.found, model) if model else None
        yield f"  {title(each.found)}{f' lacks {model}' if model and not known else ''}"
        yield from _models(
            replace(each.found, models=(known,)) if known else each.found
        )


def _taken(seen: Report, loaded: Loaded) -> Iterator[str]:
    choice = seen.choice
    if loaded.provider_id not in LOCAL:
        yield (
            f"Provider {loaded.provider_id} is in effect "
            f"({loaded.origin('model_provider')}); with --oss this would be taken:"
        )
    if choice is None:
        yield f"Nothing can be taken: {seen.problem}"
        if seen.hint:
            yield seen.hint
        return
    yield f"Taken: {named(choice)}"
    yield f"  {choice.why}"
    if choice.passed_over:
        yield "Not taken"
        for what, why in choice.passed_over:
            yield f"  {what}: {why}"


def named(choice: Choice) -> str:
    """Return an engine and its model for people."""
    name = called(choice.engine)
    return f"{choice.model}, by {name}" if choice.model else name


def _models(found: Found) -> Iterator[str]:
    width = max((len(model.name) for model in found.models), default=0)
    for model in found.models:
        yield f"    {model.name:<{width}}  {', '.join(facts(model))}".rstrip()


def facts(model: Installed) -> Iterator[str]:
    """Yield what is known of a model, each a few words."""
    if model.remote:
        yield "runs in a cloud"
    elif model.size:
        large = model.size >= GIGA
        unit, by = ("GB", GIGA) if large else ("MB", MEGA)
        yield f"{model.size / by:.{1 if large else 0}f} {unit}"
    yield from (word for word in (model.parameters, model.quantization) if word)
    if model.loaded:
        yield f"loaded with {model.loaded} tokens of context"
    if model.context and model.context != model.loaded:
        yield f"{model.context} at most" if model.loaded else f"{model.context} tokens"
    if model.on_gpu is not None:
        yield f"{model.on_gpu:.0%} in graphics memory"
    if model.tools is not None:
        yield "calls tools" if model.tools else "calls no tools"
