"""What a download will be: asked of a registry that answers, or does not."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.engines.ollama import names, registry
from codex_oss.engines.ollama.registry import Layer, Manifest
from codex_oss.net import Client
from fake_server import FakeServer, Reply, closed_port

PATH = "/v2/library/m/manifests/1b"
BODY = {
    "schemaVersion": 2,
    "config": {"digest": "sha256:cc", "size": 40},
    "layers": [
        {"digest": "sha256:aa", "size": 8000},
        {"digest": "sha256:bb", "size": 160},
        {"digest": "sha256:bb", "size": 160},
    ],
}
MANIFEST = Manifest(
    layers=[Layer("sha256:aa", 8000), Layer("sha256:bb", 160)],
    config=Layer("sha256:cc", 40),
)


def asked(url: str) -> Manifest | None:
    async def run() -> Manifest | None:
        client = Client({})
        try:
            name = names.parse(f"{url}/library/m:1b")
            return await registry.manifest(client, name)
        finally:
            await client.close()

    return asyncio.run(run())


def test_the_manifest_tells_the_whole_size_and_counts_no_layer_twice() -> None:
    with FakeServer(get={PATH: BODY}) as server:
        found = asked(server.url)
        accept = server.requests[0].headers["accept"]

    assert found is not None
    assert found.size == 8200
    assert accept == "application/vnd.docker.distribution.manifest.v2+json"


@pytest.mark.parametrize(
    "reply",
    [Reply(status=404), Reply(status=412, body={"errors": []}), Reply(body="<html>")],
)
def test_a_registry_that_does_not_say_is_done_without(reply: Reply) -> None:
    with FakeServer(get={PATH: reply}) as server:
        assert asked(server.url) is None


def test_no_registry_is_done_without() -> None:
    with closed_port() as port:
        assert asked(f"http://127.0.0.1:{port}") is None


def test_what_a_store_has_need_not_come_again(tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (blobs / "sha256-bb").write_bytes(b"b" * 160)
    partial = blobs / "sha256-aa-partial"
    with partial.open("wb") as file:
        file.truncate(8000)  # sparse: none of it is there

    assert MANIFEST.missing(tmp_path) == 8000 + 40
    assert MANIFEST.missing(tmp_path / "nothing") == MANIFEST.size
