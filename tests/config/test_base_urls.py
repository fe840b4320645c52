"""``base_urls``: several servers behind one provider."""

import pytest

from codex_oss.errors import ConfigError
from config_home import Run

TWO = ("http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1")


def test_several_urls_take_the_place_of_the_built_in_one(run: Run) -> None:
    loaded = run(
        f'model_provider = "vllm"\n[model_providers.vllm]\nbase_urls = {list(TWO)}\n'
    )
    assert (loaded.provider.base_urls, loaded.provider.base_url) == (TWO, TWO[0])
    assert loaded.provider.wire_api == "chat"


def test_a_single_url_is_no_list(run: Run) -> None:
    with pytest.raises(ConfigError, match="expected an array of strings"):
        run('[model_providers.vllm]\nbase_urls = "http://10.0.0.1:8000/v1"\n')
