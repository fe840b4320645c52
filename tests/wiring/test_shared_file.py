"""What the doctor says of a `config.toml` with which the Codex CLI does not start."""

import subprocess
from pathlib import Path

import pytest

from codex_cli import CODEX, NO_CODEX
from codex_oss.config.load import load
from codex_oss.wiring.doctor.check import Check, todo
from codex_oss.wiring.doctor.shared_file import refused
from running import TIMEOUT_S

BOX = '[model_providers.box]\nbase_url = "http://127.0.0.1:9/v1"\n'
OLLAMA = '[model_providers.ollama]\nname = "o"\nbase_url = "http://127.0.0.1:9/v1"\n'
OPENAI = OLLAMA.replace('.ollama]\nname = "o"', ".openai]\nrequest_max_retries = 1")
BAD = [
    (BOX + 'name = "b"\nwire_api = "chat"\n', 'wire_api = "chat" ({}:4)'),
    (BOX + 'wire_api = "responses"\n', "[model_providers.box] without a name ({}:2)"),
    (OLLAMA, "[model_providers.ollama]: the id is its own ({}:2)"),
    (OPENAI, "[model_providers.openai]: the id is its own ({}:3)"),
]
GOOD = [
    "",
    'openai_base_url = "http://127.0.0.1:9/v1"\n',
    BOX + 'name = "b"\nwire_api = "responses"\n',
    '[profiles.oss]\nmodel = "gpt-oss:20b"\n[engine]\ncontext_length = 16384\n',
]
BESIDE = '[model_providers.vllm]\nwire_api = "chat"\n'


def home(folder: Path, config: str) -> Path:
    """Return a home with a file that both programs read, and one that is ours."""
    made = folder / ".codex"
    made.mkdir()
    (made / "config.toml").write_text(config)
    (made / "oss.config.toml").write_text(BESIDE)
    return made


def told(folder: Path, config: str) -> list[Check]:
    return refused(load(home(folder, config), {"HOME": str(folder)}))


@pytest.mark.parametrize(("config", "fault"), BAD)
def test_what_the_codex_cli_refuses_is_named_with_its_line(
    tmp_path: Path, config: str, fault: str
) -> None:
    path = tmp_path / ".codex" / "oss.config.toml"
    assert told(tmp_path, config) == [
        todo(
            "Codex CLI",
            "does not start because of " + fault.format("~/.codex/config.toml"),
            f"Move it to {path}, which only codex-oss reads: docs/guides/config.md",
        )
    ]


@pytest.mark.parametrize("config", GOOD)
def test_of_what_the_codex_cli_takes_nothing_is_said(
    tmp_path: Path, config: str
) -> None:
    assert told(tmp_path, config) == []


@pytest.mark.skipif(not CODEX, reason=NO_CODEX)
@pytest.mark.parametrize(
    ("config", "starts"),
    [*((config, False) for config, _ in BAD), *((config, True) for config in GOOD)],
)
def test_the_codex_cli_itself_thinks_so(
    tmp_path: Path, config: str, *, starts: bool
) -> None:
    done = subprocess.run(
        [CODEX, "features", "list"],
        env={"CODEX_HOME": str(home(tmp_path, config)), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode == 0) == starts, done.stderr
    assert starts or "in `model_providers" in done.stderr
