"""``exec --trust``, and what is said where nobody trusts."""

import subprocess
import sys
from pathlib import Path

from running import environment, prepared, run_exec

UNTRUSTED = "warning: Untrusted project-local configuration is disabled. "


def settings(folder: Path, text: str) -> Path:
    path = folder / "home" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def project(folder: Path) -> Path:
    repo = prepared(folder)
    (repo / ".codex").mkdir()
    # An error of the project's own file shows whether it was read.
    (repo / ".codex" / "config.toml").write_text("model = 5\n")
    return repo


def test_trust_is_written_among_what_is_there_and_counts_at_once(
    tmp_path: Path,
) -> None:
    repo = project(tmp_path)
    config = settings(tmp_path, "# mine\nmodel_verbosity = 'low' # why\n")
    ran = run_exec(tmp_path, ["--trust", "hello"])
    assert (ran.returncode, UNTRUSTED in ran.stderr) == (1, False)
    assert "`model`: expected a string, got the integer 5" in ran.stderr
    assert config.read_text() == (
        "# mine\nmodel_verbosity = 'low' # why\n\n"
        f'[projects."{repo}"]\ntrust_level = "trusted"\n'
    )
    assert environment(tmp_path)["CODEX_HOME"] == str(config.parent)


def test_what_is_marked_untrusted_stays_so(tmp_path: Path) -> None:
    repo = project(tmp_path)
    text = f'[projects."{repo}"]\ntrust_level = "untrusted"\n'
    config = settings(tmp_path, text)
    ran = run_exec(tmp_path, ["--trust", "hello"])
    assert (ran.returncode, config.read_text()) == (1, text)
    assert ran.stderr.startswith(
        f"Error: {repo} is marked as untrusted. Update its trust setting first.\n"
    )


def test_settings_that_nobody_trusts_are_told_of_and_not_read(tmp_path: Path) -> None:
    project(tmp_path)
    settings(tmp_path, 'model_provider = "nosuch"\n')
    (tmp_path / "home" / "config.toml").write_text('model_provider = "openai"\n')
    ran = run_exec(tmp_path, ["--json", "hello"], env={"HTTPS_PROXY": "http://[::1]:1"})
    assert ran.stderr.startswith(UNTRUSTED)
    assert "expected a string" not in ran.stdout + ran.stderr


def test_config_show_names_the_projects_file(tmp_path: Path) -> None:
    repo = prepared(tmp_path)
    (repo / ".codex").mkdir()
    (repo / ".codex" / "config.toml").write_text('\nmodel_verbosity = "low"\n')
    settings(tmp_path, f'[projects."{repo}"]\ntrust_level = "trusted"\n')
    shown = subprocess.run(
        [sys.executable, "-m", "codex_oss", "config", "show"],
        cwd=repo,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    (line,) = (one for one in shown.stdout.splitlines() if "verbosity" in one)
    assert line.split() == [
        *("model_verbosity", "=", '"low"', "#"),
        f"{repo}/.codex/config.toml:2",
    ]
