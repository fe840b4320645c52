"""``codex-oss engines start``: a server for many GPUs, printed or run."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from msgspec.structs import replace

from codex_oss.engines import launch, served, sglang, vllm
from codex_oss.engines.families import Parsers
from codex_oss.engines.launch import Launch, Line
from codex_oss.errors import EngineError, UsageError
from codex_oss.exec_mode.progress import Progress
from codex_oss.wiring.world import state_home

NONE = "none"
"""A parser's name for no parser."""
_MAKE = {"vllm": vllm.lines, "sglang": sglang.lines}
_INSTALL = {
    "vllm": "uv pip install vllm (Linux with CUDA or ROCm), and with --ray: ray",
    "sglang": 'uv pip install "sglang[all]" (Linux with CUDA or ROCm)',
}


def run(options: argparse.Namespace) -> int:
    """Print the lines, or start this machine's and stay; return the exit code."""
    wanted = launch_of(options)
    lines = _MAKE[wanted.server](wanted)
    if options.print:
        sys.stdout.write(page(wanted, lines))
        return 0
    here = [each for each in lines if each.node == options.node_rank]
    here = [each for each in here if each.kind != "look"]
    env = dict(os.environ)
    _require(wanted, here, env)
    return asyncio.run(_serve(wanted, here, env, head=options.node_rank == 0))


def launch_of(options: argparse.Namespace) -> Launch:
    """Return what the options mean; raises ``UsageError``."""
    named: str = options.nodes or ""
    nodes = tuple(each.strip() for each in named.split(",") if each.strip())
    if options.node_rank not in range(max(len(nodes), 1)):
        raise UsageError(
            f"--node-rank {options.node_rank} is none of the {len(nodes)} --nodes",
            hint="The first of --nodes is 0.",
        )
    if len(set(nodes)) != len(nodes):
        raise UsageError(
            f"--nodes {options.nodes} names a machine twice",
            hint="One address for each machine.",
        )
    known = launch.parsers_of(options.server, options.model)
    return Launch(
        server=options.server,
        model=options.model,
        host=options.host or next(iter(nodes), "127.0.0.1"),
        port=options.port or launch.PORTS[options.server],
        nodes=nodes,
        tensor=options.tensor_parallel or 1,
        pipeline=options.pipeline_parallel or max(len(nodes), 1),
        ray=options.ray,
        context=options.context_length,
        served=options.served_name or "",
        key_env=options.key_env or "",
        parsers=Parsers(
            tools=_parser(options.tool_call_parser, known.tools),
            reasoning=_parser(options.reasoning_parser, known.reasoning),
        ),
        more=tuple(options.more),
    )


def _parser(said: str | None, known: str) -> str:
    return known if said is None else "" if said == NONE else said


# --- on paper ------------------------------------------------------------------------


def page(wanted: Launch, lines: list[Line]) -> str:
    """Return the lines with what to know of them, as a script's text."""
    rows = [f"# {note}" for note in notes(wanted)]
    for line in lines:
        rows += ["", *_where(wanted, line), launch.shown(line)]
    rows += ["", "# in ~/.codex/config.toml, where codex-oss runs", ""]
    return "\n".join(rows) + "\n" + launch.config(wanted)


def _where(wanted: Launch, line: Line) -> list[str]:
    if not wanted.nodes:
        return []
    role = "worker" if line.node else "head"
    note = f": {line.note}" if line.note else ""
    return [f"# on the {role}, {wanted.nodes[line.node]}{note}"]


def notes(wanted: Launch) -> list[str]:
    """Return what people should know before they start it."""
    name, told = launch.NAMES[wanted.server], list[str]()
    if not wanted.parsers.tools:
        told.append(
            f"No tool parser is known for {wanted.model}: {name} will hand its calls "
            "on as text. Name one with --tool-call-parser."
        )
    if len(wanted.nodes) > 1:
        told += [
            "What the machines say to each other is not encrypted and asks for no key:",
            "use a private network, and the same versions and model path everywhere.",
        ]
    if not (wanted.private or wanted.key_env):
        told.append(
            f"Whoever reaches {wanted.host}:{wanted.port} can use the model: "
            "--key-env NAME asks for a key."
        )
    return told


# --- here and now --------------------------------------------------------------------


def _require(wanted: Launch, here: list[Line], env: Mapping[str, str]) -> None:
    """Raise ``EngineError`` for a program that is not installed."""
    for line in here:
        if which(line.argv[0], path=env.get("PATH")) is None:
            raise EngineError(
                f"{line.argv[0]} is not installed here",
                hint=f"{_INSTALL[wanted.server]}; or --print, to type the line where "
                "it is.",
            )


def _has(model: str, env: Mapping[str, str]) -> bool:
    """Tell whether a model is a folder here, or in Hugging Face's cache.

    Source of the cache's place and names: huggingface_hub 2.
    """
    if Path(model).is_dir():
        return True
    home = env.get("HF_HOME") or Path(env.get("HOME", ""), ".cache", "huggingface")
    cache = Path(env.get("HF_HUB_CACHE") or Path(home, "hub"))
    return (cache / f"models--{model.replace('/', '--')}").is_dir()


def _blocking(line: Line) -> Line:
    """Return a line that does not hand its work to a daemon that outlives us."""
    alone = line.kind != "cluster"
    return line if alone else replace(line, argv=(*line.argv, "--block"))


async def _serve(
    wanted: Launch, here: list[Line], env: Mapping[str, str], *, head: bool
) -> int:
    name, err = launch.NAMES[wanted.server], sys.stderr
    log = served.Log(state_home(env) / "logs" / f"{wanted.server}.log")
    running = served.Served([_blocking(line) for line in here], env, Path.cwd(), log)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    err.writelines(f"{note}\n" for note in notes(wanted) if head)
    if head and not _has(wanted.model, env):
        err.write(f"{name} will download {wanted.model} from Hugging Face first\n")
    err.write(f"Starting {name}; its log: {log.path}\n")
    try:
        if head:
            await running.need_place(wanted)
        await running.start()
        err.write("Running; Ctrl-C ends it\n")
        if not head or await _until_ready(wanted, running, told):
            await _until_told(running, told)
    finally:
        err.write(f"Ending {name}\n")
        await running.close()
    return 0


async def _until_ready(
    wanted: Launch, running: served.Served, told: asyncio.Event
) -> bool:
    """Wait with progress, then say how to use it; False: told to end meanwhile."""
    progress = Progress(sys.stderr, isatty=sys.stderr.isatty())
    try:
        async for event in running.until_ready(wanted):
            if told.is_set():
                return False
            progress.feed(event)
    finally:
        progress.close()
    context = await running.context(wanted)
    window = f" with {context} tokens of context" if context else ""
    sys.stderr.write(
        f"{wanted.name} answers at {wanted.url}/v1{window}. To use it:\n\n"
    )
    sys.stdout.write(launch.config(wanted))
    sys.stdout.flush()
    return True


async def _until_told(running: served.Served, told: asyncio.Event) -> None:
    """Wait until we are told to end; raises ``EngineError`` when the server ends."""
    ended = asyncio.ensure_future(running.wait())
    asked = asyncio.ensure_future(told.wait())
    try:
        await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await ended
    finally:
        ended.cancel()
        asked.cancel()
