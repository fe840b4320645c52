"""The options that change the configuration, handed to ``config.load``."""

import argparse
from collections.abc import Mapping
from typing import Any

from codex_oss.config import load

Flags = dict[str, tuple[str, Any]]
"""Dotted keys to the flag that set them and the value."""


def load_config(
    options: argparse.Namespace, env: Mapping[str, str], flags: Flags | None = None
) -> load.Loaded:
    """Return the configuration with everything the command line says about it.

    ``flags`` are those of one command only.
    """
    overrides = [
        *options.config,
        *(f"features.{name}=true" for name in options.enable),
        *(f"features.{name}=false" for name in options.disable),
    ]
    return load.load(
        load.codex_home(env),
        env,
        overrides=overrides,
        profile=options.profile,
        flags=_flags(options) | (flags or {}),
        oss=options.oss,
        local_provider=options.local_provider,
        strict=options.strict_config,
    )


def _flags(options: argparse.Namespace) -> Flags:
    flags: Flags = {}
    if options.model:
        flags["model"] = ("--model", options.model)
    if getattr(options, "full_auto", False):
        flags["sandbox_mode"] = ("--full-auto", "workspace-write")
    if getattr(options, "sandbox", None):
        flags["sandbox_mode"] = ("--sandbox", options.sandbox)
    if getattr(options, "bypass", False):
        name = "--dangerously-bypass-approvals-and-sandbox"
        flags["sandbox_mode"] = (name, "danger-full-access")
        flags["approval_policy"] = (name, "never")
    return flags
