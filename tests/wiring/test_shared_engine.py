"""The embedded engine as several sessions of one process get it."""

import asyncio
import io
import os
from pathlib import Path

import pytest

import fake_gguf
from codex_oss.net import Client
from codex_oss.wiring.ending import Endings, end_all
from codex_oss.wiring.model import QUEUE_MS, Engaged, Served, start_engine
from codex_oss.wiring.pool import Pool
from config_home import loader

FAKE = Path(__file__).resolve().parents[1] / "fake_xllamacpp"
LIMIT_S = 180
SHORT = "[model_providers.embedded]\nstream_idle_timeout_ms = 1000\n"
NARROW = "[engine]\ncontext_length = 4096\n"


class Sessions:
    """Two sessions' engines, each by a configuration of its own."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.model = tmp_path / "m.gguf"
        self.model.write_bytes(fake_gguf.encode())
        self.env = {
            "HOME": str(tmp_path),
            "CODEX_OSS_HOME": str(tmp_path / "state"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(FAKE),
            "FAKE_LLAMACPP": "serve",
        }

    def engage(self, *texts: str, shared: bool = True) -> list[Engaged]:
        """Engage an engine for each configuration, all at once; end them."""

        async def one(pool: Pool, client: Client, text: str, end: Endings) -> Engaged:
            loaded = loader(self.folder)(text, env=self.env)
            served = Served(
                "embedded",
                loaded.config.model_providers["embedded"],
                str(self.model),
                pool=pool.share() if shared else None,
            )
            return await start_engine(
                served, loaded, self.env, client, io.StringIO(), end
            )

        async def run() -> list[Engaged]:
            pool, client = Pool(self.env), Client({})
            ends: list[Endings] = [[] for _ in texts]
            try:
                async with asyncio.timeout(LIMIT_S):
                    return await asyncio.gather(
                        *(
                            one(pool, client, text, end)
                            for text, end in zip(texts, ends, strict=True)
                        )
                    )
            finally:
                for end in ends:
                    await end_all(end)
                await client.close()
                await pool.close()

        return asyncio.run(run())


def urls(engaged: list[Engaged]) -> set[str]:
    return {each.answering.ready.base_url for each in engaged}


@pytest.mark.parametrize(
    ("second", "shared", "count"), [("", True, 1), (NARROW, True, 2), ("", False, 2)]
)
def test_the_same_engine_is_one_process_and_another_is_another(
    tmp_path: Path, second: str, *, shared: bool, count: int
) -> None:
    engaged = Sessions(tmp_path).engage("", second, shared=shared)
    assert len(urls(engaged)) == count


@pytest.mark.parametrize(
    ("text", "shared", "waits_ms"),
    [("", True, QUEUE_MS), (SHORT, True, 1000), ("", False, 300_000)],
)
def test_who_may_have_to_wait_for_others_has_time_unless_it_was_set(
    tmp_path: Path, text: str, *, shared: bool, waits_ms: int
) -> None:
    (engaged,) = Sessions(tmp_path).engage(text, shared=shared)
    assert engaged.provider.stream_idle_timeout_ms == waits_ms
