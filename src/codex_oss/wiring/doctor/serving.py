"""What serves models here, which model is taken and whether it fits, and the bridge."""

import asyncio
import sys

from codex_oss.agent import context
from codex_oss.bridge.service import asking
from codex_oss.bridge.service.state import FOLDER, Shelf
from codex_oss.bridge.settings import settings
from codex_oss.config.builtin import LOCAL
from codex_oss.engines import catalog, choose, fit, hardware, lms, room
from codex_oss.engines.at_hand import ollama_program
from codex_oss.engines.base import Found, Installed
from codex_oss.engines.choose import Choice
from codex_oss.engines.fit import Fit, Weights
from codex_oss.engines.hardware import Host
from codex_oss.engines.install import WAYS
from codex_oss.engines.ollama.api import LEAST_VERSION
from codex_oss.engines.ollama.faults import UPDATE
from codex_oss.providers.ollama_facts import REFUSES_TRUNCATION
from codex_oss.wire.ollama.version import older
from codex_oss.wiring import editing, thinking
from codex_oss.wiring.doctor.check import Check, note, ok, todo
from codex_oss.wiring.inventory import as_if_unloaded
from codex_oss.wiring.limits import limits
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.report import EMBEDDED_PACKAGE, Report, Silent, report
from codex_oss.wiring.world import state_home

FOR_CODEX = (0, 13, 4)
"""The Ollama that the Codex CLI's own ``--oss`` needs at least (0.169)."""
BRIDGE_S = 2.0
"""For a bridge to say how it is; it asks the server behind it first."""
LISTED = 6
"""Models that are named; the others are counted."""
_BY_LIST = "codex-oss models"


async def models(job: Job) -> list[Check]:
    """Look at the servers of models, and at the model that would be taken."""
    seen, host = await asyncio.gather(
        report(job.loaded, job.env, here=True), hardware.look(job.env)
    )
    room_for_one = as_if_unloaded(host, seen.found)
    return [
        *(_server(found) for found in seen.found if found.url),
        *_ollama(seen, job),
        *_at_rest(seen, job),
        _embedded(seen),
        *(_silent(place) for place in seen.silent if place.named),
        *_taken(seen, room_for_one, job),
        *_handled(seen, job),
        *_on_card(seen, host),
        _at_hand(seen),
    ]


# --- servers -------------------------------------------------------------------------


def _server(found: Found) -> Check:
    name, told = choose.NAMES[found.server], f"{choose.title(found)} ({found.said_by})"
    if found.note:
        return todo(name, f"{told}: {found.note}", "Set `env_key` of its provider.")
    if found.server != "ollama":
        return ok(name, f"{told}, {_counted(len(found.models))}")
    for least, why in (
        (LEAST_VERSION, "codex-oss needs"),
        (REFUSES_TRUNCATION, "prompts that are too long lose their begin before"),
    ):
        if older(found.version, least):
            return todo(name, f"{told} is too old: {why} {_dotted(least)}", UPDATE)
    told += f", {_counted(len(found.models))}"
    if older(found.version, FOR_CODEX):
        told += f"; the Codex CLI's own --oss needs {_dotted(FOR_CODEX)}"
        return note(name, told, UPDATE)
    return ok(name, told)


def _ollama(seen: Report, job: Job) -> list[Check]:
    """Tell of an Ollama that does not answer."""
    if any(found.server == "ollama" and found.url for found in seen.found):
        return []
    program = ollama_program(job.env)
    if program is not None:
        return [note("Ollama", f"installed ({program}), started when it is needed")]
    way = WAYS.get(sys.platform)
    return [note("Ollama", "not installed", way.shown if way else "")]


def _at_rest(seen: Report, job: Job) -> list[Check]:
    """Tell of other servers' programs that are here and do not serve."""
    from shutil import which  # noqa: PLC0415  other commands do without

    answering = {found.server for found in seen.found}
    found: list[Check] = []
    program = lms.program(job.env)
    if program is not None and "lmstudio" not in answering:
        value = f"installed ({program}), its server does not run"
        found.append(note("LM Studio", value, "lms server start"))
    vllm = which("vllm", path=job.env.get("PATH", ""))
    if vllm is not None and "vllm" not in answering:
        start = "codex-oss engines start vllm --help"
        found.append(note("vLLM", f"installed ({vllm}), does not run", start))
    return found


def _embedded(seen: Report) -> Check:
    version = seen.embedded.version
    if version:
        return ok("embedded", f"llama.cpp ({EMBEDDED_PACKAGE} {version})")
    value = f"{EMBEDDED_PACKAGE} is not installed"
    if any(found.models for found in seen.found):
        return note("embedded", value)
    return todo("embedded", value, f"pip install {EMBEDDED_PACKAGE}")


def _silent(place: Silent) -> Check:
    what = choose.called(place.expected) if place.expected else "server"
    if not place.asked:
        return note(what, f"{place.url} ({place.said_by}) is elsewhere: not asked")
    return todo(
        what,
        f"nothing answers at {place.url}, which {place.said_by} names",
        "Start it there, or take the name back.",
    )


# --- the model -----------------------------------------------------------------------


def _taken(seen: Report, host: Host, job: Job) -> list[Check]:
    if job.loaded.provider_id not in LOCAL:
        name = job.loaded.config.model or "none is set"
        return [note("model", f"{name}, by provider {job.loaded.provider_id}")]
    choice = seen.choice
    if choice is None:
        return [todo("model", seen.problem, seen.hint or _BY_LIST)]
    if choice.toy:
        return [_no_model(seen, host)]
    return [_of_choice(choice, seen, host)]


def _handled(seen: Report, job: Job) -> list[Check]:
    """Tell how the model that would be taken edits files, and how much it thinks."""
    config, choice = job.loaded.config, seen.choice
    local = job.loaded.provider_id in LOCAL
    if local and (choice is None or choice.toy):
        return []
    name = choice.model if local and choice else config.model
    if name is None:
        return []
    installed = _installed(choice, seen) if choice else None
    window = config.model_context_window or (installed.loaded if installed else None)
    profile = config.prompt_profile
    if profile == "auto":
        profile = context.choose_profile(name, window)
    edits = editing.first_form(job, name, profile).row
    thoughts = thinking.rows(job.loaded, name, limits(job, name), window)
    return [note(*row) for row in (edits, *thoughts)]


def _no_model(seen: Report, host: Host) -> Check:
    """Tell that only the toy is left, and what to download instead."""
    best = catalog.default(host)
    if best is None:
        value = "none that can work, and none of the catalogue fits this machine"
        return todo("model", value, "A server elsewhere: docs/guides/local-servers.md")
    entry = best.entry
    by_ollama = any(found.server == "ollama" for found in seen.found)
    name = entry.name if by_ollama or entry.gguf is None else entry.gguf
    size = entry.size if by_ollama else entry.gguf_bytes or entry.size
    value = (
        f"none that can work; {entry.name} {_words(best.fit)}, a download of "
        f"{room.gigabytes(size)}"
    )
    return todo("model", value, f"codex-oss models pull {name}")


def _of_choice(choice: Choice, seen: Report, host: Host) -> Check:
    name = f"{choice.model}, by {choose.called(choice.engine)}"
    if choice.model is None:
        return ok("model", name)
    installed = _installed(choice, seen)
    if installed is not None and installed.remote:
        return note("model", f"{name}: runs in a cloud, not on this machine")
    if choice.engine == "ollama" and installed is None:
        pull = f"codex-oss models pull {choice.model}"
        return todo("model", f"{name}: not here", pull)
    if installed is not None and _small(installed, choice):
        value = f"{name}: loaded with only {installed.loaded} tokens of context"
        more = f"Load it with {fit.USUAL} tokens or more ({fit.LEAST} at least)."
        return todo("model", value, more)
    judged = _fit(choice.model, installed, host)
    if judged is None:
        return ok("model", name)
    if judged.usual.word == "too large" and not (installed and installed.loaded):
        return todo("model", f"{name}: {_words(judged)}", _BY_LIST)
    return ok("model", f"{name}: {_words(judged)}")


def _installed(choice: Choice, seen: Report) -> Installed | None:
    servers = [found for found in seen.found if found.server == choice.engine]
    models = (choose.find(found, choice.model or "") for found in servers)
    return next((model for model in models if model is not None), None)


def _small(installed: Installed, choice: Choice) -> bool:
    """Tell whether a model has too little context, and we cannot give it more."""
    loaded = installed.loaded
    return choice.engine != "ollama" and loaded is not None and loaded < fit.LEAST


def _fit(name: str, installed: Installed | None, host: Host) -> Fit | None:
    entry = catalog.find(name)
    if entry is not None:
        return fit.judge(entry.weights, host)
    if installed is None or not installed.size:
        return None
    weights = Weights(size=installed.size, context=installed.context)
    return fit.judge(weights, host)


def _words(judged: Fit) -> str:
    usual = judged.usual
    about = "about " if judged.assumed else ""
    with_context = f"{about}{room.gigabytes(usual.need)} with {usual.tokens} tokens"
    match usual.word:
        case "fits":
            return f"fits ({with_context})"
        case "tight":
            return f"fits when other programs are ended ({with_context})"
        case "too large":
            return f"does not fit ({with_context})"
        case "unknown":
            return f"needs {with_context}"


def _on_card(seen: Report, host: Host) -> list[Check]:
    """Tell of a model that is loaded, and not into the graphics card that is here."""
    choice = seen.choice
    installed = _installed(choice, seen) if choice else None
    if installed is None or installed.on_gpu is None or not installed.loaded:
        return []
    share = f"{installed.on_gpu:.0%} of {installed.name} is in graphics memory"
    if installed.on_gpu >= 1 or not host.cards:
        return [ok("loaded", f"{share}, {installed.loaded} tokens of context")]
    if installed.on_gpu > 0:
        less = "A smaller context (`engine.context_length`) or model is faster."
        return [note("loaded", share, less)]
    again = "Start its server again: it looks for cards when it starts."
    return [todo("loaded", f"{share}, though there is a card", again)]


def _at_hand(seen: Report) -> Check:
    names = [
        *(model.name for found in seen.found for model in found.models),
        *seen.embedded.models,
    ]
    unique = list(dict.fromkeys(names))
    if not unique:
        return note("downloaded", "no model", _BY_LIST)
    more = f" and {len(unique) - LISTED} more" if len(unique) > LISTED else ""
    return ok("downloaded", ", ".join(unique[:LISTED]) + more)


def _counted(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


# --- the bridge ----------------------------------------------------------------------


async def bridge(job: Job) -> list[Check]:
    """Look at the bridges that run, and at the place where one would."""
    wanted = settings(job.loaded, job.env)
    known = {each.url for each in Shelf(state_home(job.env) / FOLDER).all()}
    urls = list(dict.fromkeys((*sorted(known), wanted.url())))

    async def all_of_them() -> list[Check]:
        reports = await asking.once(
            job.env, lambda client: asking.ask_all(urls, client, wanted.key)
        )
        pairs = zip(urls, reports, strict=True)
        return [_bridge(url, report, known) for url, report in pairs]

    try:
        async with asyncio.timeout(BRIDGE_S):
            return await all_of_them()
    except TimeoutError:
        return [
            note(
                "bridge",
                f"slow to answer at {', '.join(urls)}",
                "codex-oss bridge status",
            )
        ]


def _bridge(url: str, told: asking.Report | None, known: set[str]) -> Check:
    if told is None:
        if url in known:
            value = f"{url} was started and does not answer"
            return todo("bridge", value, "codex-oss bridge restart")
        return note("bridge", "does not run", "codex-oss bridge start")
    if told.locked:
        return ok("bridge", f"{url} runs, behind a key")
    if not told.upstream_reachable:
        value = f"{url} runs; {told.upstream} behind it does not answer"
        return todo("bridge", value, "Start that server, or restart the bridge.")
    return ok("bridge", f"{url} runs, in front of {told.upstream}")
