"""Why a download ended, in words that say what to do."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.engines.hub_faults import RESUME, Retry, gave_up
from codex_oss.engines.partial import Partial
from codex_oss.errors import DownloadError, StreamCut, Unreachable


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (Unreachable("cannot connect to h:443: no such host"), "seems to be offline"),
        (Unreachable("cannot connect to h:443: no answer in 10 s"), "to be offline"),
        (
            Unreachable("cannot connect to the proxy p:1: connection refused"),
            "Check HTTPS_PROXY; NO_PROXY=h goes around the proxy.",
        ),
        (
            Unreachable("cannot connect to the proxy p:1: it answered 407 to CONNECT"),
            "http://USER:PASSWORD@HOST:PORT",
        ),
        (
            Unreachable("its certificate is not trusted", hint="Set SSL_CERT_FILE."),
            "Set SSL_CERT_FILE.",
        ),
        (Unreachable("connection refused"), "check HF_ENDPOINT"),
        (Retry("h asks to slow down (429)", 429, None), "Wait some minutes"),
        (Retry("h has a fault (502)", 502, None), "The fault is at h: try later."),
        (StreamCut("h closed the connection early"), "The network breaks off."),
    ],
)
def test_each_reason_to_give_up_has_its_own_way_on(error: Exception, hint: str) -> None:
    told = gave_up("m.gguf", error, 6, "h")
    assert str(told) == f"Downloading m.gguf failed after 6 tries: {error}"
    assert hint in told.hint
    assert told.hint.endswith(RESUME)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_fills_up_is_told_and_what_came_is_kept(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "m.gguf")
    partial.path.symlink_to("/dev/full")

    async def write() -> None:
        async for _ in partial.lock("m"):
            pass
        try:
            partial.write(b"x")
        finally:
            partial.close()

    with pytest.raises(DownloadError) as caught:
        asyncio.run(write())
    assert str(caught.value) == (
        f"The disk of {tmp_path} is full; 0 MB of m.gguf are there"
    )
    assert "What has arrived is kept" in caught.value.hint
