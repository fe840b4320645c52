"""A program that stands in for ``vllm`` and ``ray``: installed for tests on ``PATH``.

``vllm serve NAME --port N`` serves a ``FakeVllm`` that is well from the third question
on. With a model called ``broken`` it fails as vLLM does without a GPU. ``ray`` runs
until it is ended, and says so into the pipe ``SAY_RUNNING``. Both say in their output
how they were called.
"""

import os
import shlex
import signal
import sys
from pathlib import Path

from fake_server import Reply
from fake_vllm import FakeVllm

PROGRAMS = ("vllm", "ray", "python3")


def install(folder: Path) -> None:
    """Put the programs into a folder for ``PATH``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        program = folder / name
        run = shlex.join([sys.executable, __file__, name])
        program.write_text(f'#!/bin/sh\nexec {run} "$@"\n')
        program.chmod(0o755)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Be one of the programs."""
    for name in ("VLLM_HOST_IP", "VLLM_API_KEY"):
        if name in os.environ:
            say(f"{name}={os.environ[name]}")
    say(f"called: {shlex.join(words)}")
    if words[0] != "vllm":
        if pipe := os.environ.get("SAY_RUNNING"):
            Path(pipe).write_text("running\n")
        signal.pause()
        return 0
    if words[2] == "broken":
        say("RuntimeError: Failed to infer device type")
        return 1
    context = int(words[words.index("--max-model-len") + 1])
    FakeVllm.address = ("127.0.0.1", int(words[words.index("--port") + 1]))
    states = [Reply(status=503), Reply(status=503)]
    with FakeVllm(words[2], context) as server:
        server.get["/health"] = lambda _: states.pop() if states else Reply()
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
