"""What people are told of how the server behind a bridge runs the model."""

from pathlib import Path
from typing import Any

from bridging import Asking, through
from fake_ollama import FakeOllama, OllamaModel


def test_what_ollama_really_granted_is_in_the_log_and_the_inspector(
    tmp_path: Path,
) -> None:
    async def use(asking: Asking) -> tuple[dict[str, Any], str]:
        await asking.respond({"input": "x"})
        await asking.respond({"input": "y", "stream": True})
        return (await asking.ask("GET", "/__inspect/entry/1")).json, asking.log

    with FakeOllama(OllamaModel(), grants=8192) as server:
        entry, log = through(server.url, tmp_path, use, wire="native")

    assert server.loaded == {}  # it was loaded for the bridge, and went with it
    given = "Ollama gives m 8192 tokens of context; 32768 were asked for."
    facts = [note["fact"] for note in entry["notes"]]
    assert {"type": "Remark", "text": given} in facts
    [line] = [line for line in log.splitlines() if given in line]
    assert " #1 remark text=" in line
