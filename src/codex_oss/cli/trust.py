"""Whether the agent may work in a folder, and ``--trust``, which says so for good."""

import argparse
import os
import sys
from pathlib import Path

from codex_oss.cli.place import in_repository
from codex_oss.cli.settings import load_config
from codex_oss.config import load
from codex_oss.config.project import UNTRUSTED, Project
from codex_oss.errors import CodexOssError, ConfigError


def placed_config(options: argparse.Namespace, cwd: Path) -> load.Loaded:
    """Return the configuration for work in ``cwd``, once it may be done there.

    With ``--trust`` the project is trusted from here on. Raises ``CodexOssError``.
    """
    loaded = load_config(options, os.environ, cwd=cwd)
    around = load.project_at(loaded.config, str(cwd))
    unchecked = options.skip_git_repo_check or vars(options).get("bypass")
    if not (unchecked or in_repository(cwd) or around.trusts(cwd)):
        raise CodexOssError(
            "Not inside a trusted directory and --skip-git-repo-check was not "
            "specified.",
            hint=f"{cwd} is in no git repository, so git could not bring back "
            "what was there. Run `git init`, or add --skip-git-repo-check.",
        )
    if options.trust and _trust(around, loaded.home):
        loaded = load_config(options, os.environ, cwd=cwd)
    if loaded.blocked:
        sys.stderr.write(f"warning: {UNTRUSTED}\n")
    return loaded


def _trust(around: Project, home: Path) -> bool:
    """Write that a project is trusted; return whether that was not known."""
    path = around.entry(around.cwd)
    if path is not None:
        if around.levels[path] == "trusted":
            return False
        raise ConfigError(
            f"{path} is marked as untrusted. Update its trust setting first.",
            hint=f'It is projects."{path}".trust_level in config.toml.',
        )
    from codex_oss.config import edit  # noqa: PLC0415  once in the life of a project

    top = str(around.root or around.cwd)
    file = home / load.FILE_NAME
    shown = f"{load.shown(home, os.environ)}/{load.FILE_NAME}"
    with edit.alone(file):
        key = ("projects", top, "trust_level")
        edit.write(edit.set_text(file, shown, key, "trusted"))
    return True
