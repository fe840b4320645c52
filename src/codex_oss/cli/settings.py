"""The options that change the configuration, handed to ``config.load``."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codex_oss.config import features, load

GRANULAR = "granular"
"""The word of ``-a`` for the kinds of questions that ``config.toml`` names."""
Flags = dict[str, tuple[str, Any]]
"""Dotted keys to the flag that set them and the value."""


def load_config(
    options: argparse.Namespace,
    env: Mapping[str, str],
    flags: Flags | None = None,
    *,
    cwd: Path | None = None,
) -> load.Loaded:
    """Return the configuration with everything the command line says about it.

    ``flags`` are those of one command only. With ``cwd``, a folder without links, the
    settings of the project there count.
    """
    features.check([*options.enable, *options.disable])
    overrides = [
        *options.config,
        *(f'features."{name}"=true' for name in options.enable),
        *(f'features."{name}"=false' for name in options.disable),
    ]
    return load.load(
        load.codex_home(env),
        env,
        overrides=overrides,
        profile=options.profile,
        flags=_flags(options) | (flags or {}),
        oss=getattr(options, "oss", False),
        local_provider=getattr(options, "local_provider", None),
        strict=options.strict_config,
        cwd=cwd,
    )


def _flags(options: argparse.Namespace) -> Flags:
    """Return what the options that a command has say; later ones win."""
    given = vars(options)
    flags: Flags = {}
    if given.get("model"):
        flags["model"] = ("--model", options.model)
    if given.get("full_auto"):
        flags["sandbox_mode"] = ("--full-auto", "workspace-write")
        flags["approval_policy"] = ("--full-auto", "on-request")
    if given.get("sandbox"):
        flags["sandbox_mode"] = ("--sandbox", options.sandbox)
    if given.get("ask") not in (None, GRANULAR):
        flags["approval_policy"] = ("--ask-for-approval", options.ask)
    if given.get("bypass"):
        name = "--dangerously-bypass-approvals-and-sandbox"
        flags["sandbox_mode"] = (name, "danger-full-access")
        flags["approval_policy"] = (name, "never")
    return flags
