"""A bridge in front of LM Studio: the model is loaded with room before it is asked."""

from pathlib import Path
from typing import Any

from bridging import Asking, through
from codex_oss.config.provider import Provider
from fake_lmstudio import FakeLmStudio
from fake_server import closed_port

KEY = "openai/gpt-oss-20b"


def of(url: str, model: str | None = KEY) -> dict[str, Any]:
    """Return the changes of a bridge's settings."""
    provider = Provider(name="LM Studio", base_url=f"{url}/v1", wire_api="chat")
    return {"provider_id": "lmstudio", "provider": provider, "model": model}


def home(tmp_path: Path, url: str) -> Path:
    text = f'[model_providers.lmstudio]\nbase_url = "{url}/v1"\n'
    (tmp_path / "config.toml").write_text(text)
    return tmp_path


async def hello(asking: Asking) -> None:
    answer = await asking.respond({"model": KEY, "input": "hi"})
    assert answer.status == 200


def test_the_model_that_is_named_has_room_and_is_gone_with_the_bridge(
    tmp_path: Path,
) -> None:
    with FakeLmStudio() as server:
        through(server.url, home(tmp_path, server.url), hello, **of(server.url))
        assert server.loads == [(KEY, 32768)]
        assert server.loaded == {}


def test_without_a_name_nothing_is_loaded_beforehand(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        changes = of(server.url, None)
        through(server.url, home(tmp_path, server.url), hello, **changes)
        assert server.loads == [(KEY, 4096)]


def test_a_bridge_starts_also_while_lm_studio_does_not_run(tmp_path: Path) -> None:
    async def use(asking: Asking) -> None:
        assert asking.log.startswith("warning: LM Studio does not answer at ")

    with closed_port() as port:
        url = f"http://127.0.0.1:{port}"
        through(url, home(tmp_path, url), use, **of(url))
