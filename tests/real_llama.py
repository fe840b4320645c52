"""A real llama.cpp server in a child process, and one question to it."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

Message = dict[str, Any]

_CHILD = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.port = 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
_ANSWER_S = 280.0


@contextmanager
def serving(model: Path) -> Generator[str]:
    """Yield the URL of a server of the GGUF file ``model``; it ends with the block."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().strip()
            assert url, f"llama.cpp does not start with {model}"
            yield url
        finally:
            child.kill()


def ask(url: str, messages: list[Message], **fields: Any) -> Message:
    """Return the assistant's message to ``messages``, at temperature 0."""
    body = {"messages": messages, "temperature": 0, "max_tokens": 96} | fields
    request = Request(
        f"{url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urlopen(request, timeout=_ANSWER_S) as response:
        return json.load(response)["choices"][0]["message"]


def held_to(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the request's field that holds the answer to ``schema``."""
    form = {"name": "reply", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": form}}
