"""The fake registry: manifests, blobs that lie elsewhere, and ranges of them."""

import contextlib
import hashlib
import http.client
import json
import urllib.parse

import pytest

from fake_ollama_models import OllamaModel
from fake_registry import NEWER, FakeRegistry
from fake_server import WAIT_S

SMALL = OllamaModel("a:1b", layers=(9000, 160, 40))


def get(url: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Get a page; redirects are not followed."""
    at = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(at.netloc, timeout=WAIT_S)
    with contextlib.closing(connection):
        connection.request("GET", at.path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()


def test_a_model_comes_by_its_manifest_whole_and_in_ranges() -> None:
    with FakeRegistry(SMALL) as registry:
        root = f"{registry.url}/v2/library/a"
        told = json.loads(get(f"{root}/manifests/1b")[2])
        for layer in [*told["layers"], told["config"]]:
            status, headers, _ = get(f"{root}/blobs/{layer['digest']}")
            assert (status, headers["location"][:7]) == (307, "http://")
            whole = get(headers["location"])[2]
            end = get(headers["location"], Range="bytes=20-")
            part = get(headers["location"], Range="bytes=0-19")
            assert (end[0], part[2] + end[2]) == (206, whole)
            assert f"sha256:{hashlib.sha256(whole).hexdigest()}" == layer["digest"]
            assert len(whole) == layer["size"]
    assert sum(layer["size"] for layer in told["layers"]) == 9160
    assert told["layers"][0]["mediaType"] == "application/vnd.ollama.image.model"


def test_the_size_of_a_big_model_is_known_before_its_blobs() -> None:
    with FakeRegistry(OllamaModel("gpt-oss:20b", layers=(13 * 10**9, 9))) as registry:
        told = json.loads(get(f"{registry.url}/v2/library/gpt-oss/manifests/20b")[2])
    assert told["layers"][0]["size"] == 13 * 10**9


def test_a_transfer_that_is_cut_goes_on_by_a_range() -> None:
    with FakeRegistry(SMALL, cut=5000) as registry:
        place = f"{registry.url}/cdn/{SMALL.blobs[0][0]}"
        with pytest.raises(http.client.IncompleteRead):
            get(place)
        status, headers, rest = get(place, Range="bytes=5000-")
    assert (status, len(rest)) == (206, 4000)
    assert headers["content-range"] == "bytes 5000-8999/9000"


def test_what_is_not_there_or_too_new_is_refused() -> None:
    with FakeRegistry(SMALL, refused={"b:1b": (412, NEWER)}) as registry:
        root = f"{registry.url}/v2/library"
        assert get(f"{root}/x/manifests/1b")[0] == 404
        assert get(f"{root}/a/blobs/sha256:00")[0] == 404
        status, _, body = get(f"{root}/b/manifests/1b")
    assert (status, json.loads(body)["errors"][0]["message"]) == (412, NEWER)
