"""What a bridge loads when it starts, seen in the real process."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import bridges
from certificates import self_signed
from fake_server import LLAMACPP, WAIT_S, FakeServer
from scripted_upstream import MODEL, Scenario, ScriptedUpstream, says

MODELS = {"object": "list", "data": [{"id": "tiny"}]}

OPENSSL = {"_ssl", "_hashlib"}
"""The modules that are linked with it: 4.5 MB, and 6 ms of a start."""
UNUSED = {
    "codex_oss.bridge.inspector.pages",
    "codex_oss.bridge.service.install",
    "codex_oss.bridge.service.log",
    "codex_oss.bridge.store.redis",
    "codex_oss.bridge.store.sqlite",
    "codex_oss.providers.ollama",
    "codex_oss.providers.responses",
    "codex_oss.translate.emulate",
    "codex_oss.wire.ollama",
    "http",
}


def ask(url: str, body: object = None) -> Any:
    """Return the JSON of an answer, asked for with a key as SDKs do."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"authorization": "Bearer anything"})
    with urllib.request.urlopen(asked, timeout=WAIT_S) as answer:
        return json.load(answer)


def test_a_bridge_in_front_of_plain_http_answers_without_openssl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    scenario = Scenario(name="hello", turns=(says("Hello."),))
    with ScriptedUpstream([scenario]) as server, bridges.ours(server.url) as bridge:
        asked = {"model": MODEL, "input": "[[hello]]"}
        ask(f"{bridge.url}/v1/responses", asked)
        told = "".join(bridge.log)

    imported = set(re.findall(r"import time:.*\| +(\S+)", told))
    assert {"uvloop", "_blake2", "codex_oss.providers.chat"} <= imported
    assert imported & (OPENSSL | UNUSED) == set()


def test_a_bridge_in_front_of_https_speaks_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert[0]))
    with (
        FakeServer(get=LLAMACPP | {"/v1/models": MODELS}, tls=cert) as server,
        bridges.ours(server.url) as bridge,
    ):
        found = ask(f"{bridge.url}/v1/models")

    assert [each["id"] for each in found["data"]] == ["tiny"]
