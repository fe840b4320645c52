"""What Codex is told of the models behind a bridge, and how long that may take."""

import threading
from pathlib import Path
from typing import Any

import pytest

from bridging import CODEX, Asking, through
from codex_oss.bridge import models
from fake_server import WAIT_S, FakeServer, Gate, Reply, Scripted

NAMES = ("a", "b", "c")
OLLAMA: dict[str, Scripted] = {
    "/v1/models": Reply(body={"data": [{"id": name} for name in NAMES]}),
    "/api/ps": Reply(body={"models": []}),
    "/api/version": Reply(body={"version": "0.33.0"}),
}
SHOWN = (
    b'{"capabilities":["completion"],"model_info":'
    b'{"general.architecture":"x","x.context_length":8192}}'
)


class Together(Gate):
    """A point that no request passes until all models were asked about."""

    def __init__(self) -> None:
        super().__init__()
        self._all = threading.Barrier(len(NAMES))

    def pass_through(self) -> None:
        """Wait for the others."""
        self._all.wait(WAIT_S)


def told(tmp_path: Path, shown: Reply) -> list[tuple[str, int, list[str]]]:
    async def use(asking: Asking) -> list[dict[str, Any]]:
        path = "/v1/models?client_version=1"
        return (await asking.ask("GET", path, None, CODEX)).json["models"]

    with FakeServer([], get=OLLAMA, post={"/api/show": shown}) as server:
        listed = through(server.url, tmp_path, use, wire="native")
    return [
        (each["slug"], each["context_window"], each["input_modalities"])
        for each in listed
    ]


def test_codex_s_models_are_looked_at_together(tmp_path: Path) -> None:
    shown = Reply(
        chunks=[Together(), SHOWN], headers={"content-type": "application/json"}
    )
    assert told(tmp_path, shown) == [(name, 8192, ["text"]) for name in NAMES]


def test_what_a_slow_server_does_not_say_is_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "ASK_S", 0)
    shown = Reply(silent=True)
    assert told(tmp_path, shown) == [
        (name, 16_384, ["text", "image"]) for name in NAMES
    ]
