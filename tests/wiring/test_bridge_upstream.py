"""The server behind a bridge that looks for one itself."""

import asyncio
import io
from pathlib import Path

from codex_oss.bridge.settings import settings
from codex_oss.config.load import load
from codex_oss.wiring.bridge import Bridge, open_bridge
from fake_ollama import FakeOllama, OllamaModel
from fake_server import closed_port
from fake_vllm import FakeVllm

LIMIT_S = 180
OTHERS = ("lmstudio", "llamacpp", "vllm", "sglang")


def upstream(folder: Path, host: str, **urls: str) -> tuple[str, str | None, str]:
    """Return root, only model and name of what stands behind such a bridge."""
    env = {"HOME": str(folder), "CODEX_OSS_HOME": str(folder / "state")}
    env |= {"OLLAMA_HOST": host, "PATH": ""}
    home = folder / ".codex"
    home.mkdir()
    with closed_port() as port:
        places = dict.fromkeys(OTHERS, f"http://127.0.0.1:{port}/v1") | urls
        (home / "config.toml").write_text(
            "[bridge]\nlisten_port = 0\nstore = 'none'\n"
            + "".join(
                f'[model_providers.{name}]\nbase_url = "{url}"\n'
                for name, url in places.items()
            )
        )
        loaded = load(home, env, local_provider="oss")

        async def run() -> Bridge:
            async with asyncio.timeout(LIMIT_S):
                err = io.StringIO()
                bridge = await open_bridge(settings(loaded, env), loaded, env, err)
                await bridge.close()
                return bridge

        bridge = asyncio.run(run())
    return bridge.upstream.root, bridge.upstream.only, bridge.engine


def test_a_server_that_runs_is_taken_with_all_its_models(tmp_path: Path) -> None:
    with FakeOllama(OllamaModel("a:1b"), OllamaModel("b:2b")) as ollama:
        who = f"Ollama 0.33.0 at {ollama.url}"
        assert upstream(tmp_path, ollama.url) == (ollama.url, None, who)


def test_any_kind_of_server_will_do(tmp_path: Path) -> None:
    with FakeVllm() as vllm:
        taken = upstream(tmp_path, "http://127.0.0.1:1", vllm=f"{vllm.url}/v1")
        assert taken == (vllm.url, None, f"vLLM 0.33.0 at {vllm.url}")
