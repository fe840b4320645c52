"""scripts/generate: the pages are what the code says, and --check sees when not."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "generate"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    loader = SourceFileLoader("generate", str(SCRIPT))
    spec = spec_from_loader("generate", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_pages_in_the_tree_are_fresh(generate: ModuleType) -> None:
    assert generate.main(["--check"]) == 0


def test_check_names_each_stale_page_and_writes_nothing(
    generate: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == "".join(
        f"{page} is stale: run scripts/generate\n" for page in generate.PAGES
    )
    assert list(tmp_path.iterdir()) == []
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0
    (tmp_path / "docs/reference/config.md").write_text("old")
    assert generate.main(["--check"], tmp_path) == 1


def test_an_unknown_argument_is_a_usage_error(
    generate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate.main(["--chekc"]) == 2
    assert "scripts/generate --check" in capsys.readouterr().err


def test_the_schema_describes_every_key_and_asks_for_none(generate: ModuleType) -> None:
    document = msgspec.json.decode(generate.config_schema())
    definitions = document["$defs"]
    assert document["$ref"] == "#/$defs/Config"
    assert all("required" not in d or d["required"] == [] for d in definitions.values())
    assert all(
        entry["description"]
        for definition in definitions.values()
        for entry in definition["properties"].values()
    )
    assert definitions["Config"]["properties"]["sandbox_mode"]["anyOf"][0] == {
        "enum": ["danger-full-access", "read-only", "workspace-write"]
    }
