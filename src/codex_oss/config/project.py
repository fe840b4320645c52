"""The project that somebody works in: its folders, their trust, their settings.

A project's own ``.codex/config.toml`` counts where the person trusts it, and never for
what is the person's alone. Source: experiments with the Codex CLI 0.169, which has the
same rules and warnings; where ours are narrower, ``docs/guides/agents-md.md`` says so.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from codex_oss.config import toml
from codex_oss.config.legacy import modernize
from codex_oss.config.tree import Leaf, Tree, leaf, merge

FOLDER = ".codex"
FILE_NAME = "config.toml"
Levels = Mapping[str, str]
"""Absolute paths of folders to ``trusted`` or ``untrusted``."""

PERSONAL = frozenset(
    {
        # As in the Codex CLI: who is asked, what is told, which program is run.
        *("chatgpt_base_url", "model_provider", "model_providers", "notify"),
        *("openai_base_url", "otel", "profile", "profiles"),
        # Ours: where models come from, what is hidden, what a project is, what is kept.
        *("bridge", "default_permissions", "engine", "mcp_oauth_callback_port"),
        *("mcp_oauth_credentials_store", "oss_provider", "permissions"),
        *("project_root_markers", "projects", "sandbox_deny_read", "sandbox_linux"),
        "undo",
    }
)
"""Keys that no project file sets."""
UNGUARDED = frozenset(
    {
        *("allow_login_shell", "approval_policy", "experimental_compact_prompt_file"),
        "mcp_servers",
        *("experimental_compact_prompt_file", "model_instructions_file"),
        *("sandbox_mode", "sandbox_workspace_write"),
        "shell_environment_policy",
    }
)
"""Keys that a folder below the project's top sets only with a trust entry of its own.

The sandbox guards ``.codex`` at the top of what may be written, not below it: commands
may have written these files.
"""
UNTRUSTED = (
    "Untrusted project-local configuration is disabled. Run `codex-oss exec --trust` "
    "to allow project configuration and MCP servers for this and future sessions in "
    "the project, including MCP commands outside the sandbox. Explicitly untrusted "
    "projects must have their trust setting updated first."
)
_TO_APPLY = (
    "If you want these settings to apply, manually set them in your user-level "
    "config.toml."
)


class Project(msgspec.Struct, frozen=True):
    """A folder, the top of the project that it is in, and what trusts them.

    ``levels`` come from the person's own settings only.
    """

    cwd: Path
    root: Path | None
    levels: Levels

    def entry(self, folder: Path) -> str | None:
        """Return the folder whose trust counts for one of the project.

        Its own entry counts before that of the project's top; None: neither has one.
        """
        own = (str(folder), *((str(self.root),) if self.root else ()))
        return next((path for path in own if path in self.levels), None)

    def trusts(self, folder: Path) -> bool:
        """Return whether a folder's own settings are followed."""
        path = self.entry(folder)
        return path is not None and self.levels[path] == "trusted"

    def guards(self, folder: Path) -> bool:
        """Return whether a trusted folder's settings cannot be a command's work."""
        return folder == (self.root or self.cwd) or str(folder) in self.levels

    def folders(self) -> list[Path]:
        """Return the folders from the project's top to this one."""
        return folders(self.cwd, self.root)


def project_root(cwd: Path, markers: Sequence[str] = (".git",)) -> Path | None:
    """Return the nearest folder at or above ``cwd`` that holds one of ``markers``."""
    for folder in (cwd, *cwd.parents):
        if any(os.path.exists(folder / marker) for marker in markers):  # noqa: PTH110  False, not an error, for what may not be read
            return folder
    return None


def folders(cwd: Path, root: Path | None) -> list[Path]:
    """Return the folders from ``root`` to ``cwd``; only that one without a root."""
    if root is None:
        return [cwd]
    below = cwd.relative_to(root).parts
    return [root.joinpath(*below[:depth]) for depth in range(len(below) + 1)]


def settings(project: Project, home: Path) -> tuple[Tree, list[str], bool]:
    """Return what the project's files set, warnings, and whether a file is blocked.

    The nearest file wins. A folder whose ``.codex`` is ``home``, Codex's own, has no
    settings of a project. Raises ``ConfigError`` for a trusted file that is no TOML.
    """
    tree: Tree = {}
    warnings: list[str] = []
    blocked = False
    for folder in project.folders():
        path = folder / FOLDER / FILE_NAME
        if path.parent.resolve() == home:
            continue
        is_file = os.path.isfile(path)  # noqa: PTH113  a pipe would be waited for
        if not project.trusts(folder):
            blocked = blocked or is_file or _has_skills(folder)
            continue
        if not is_file:
            continue
        layer = toml.read(path, str(path)) or {}
        warnings += modernize(layer)
        warnings += _without_personal(layer, path)
        if not project.guards(folder):
            warnings += _without_unguarded(layer, folder)
        _rooted(layer, path.parent)
        tree = merge(tree, layer)
    return tree, warnings, blocked


def _has_skills(folder: Path) -> bool:
    return any(os.path.isdir(folder / name / "skills") for name in (FOLDER, ".agents"))  # noqa: PTH112  False for what may not be read


def _without_personal(layer: Tree, path: Path) -> list[str]:
    dropped = _drop(layer, PERSONAL)
    mode = leaf(layer, "sandbox_mode")
    if mode is not None and mode.value == "danger-full-access":
        del layer["sandbox_mode"]
        dropped.append('sandbox_mode = "danger-full-access"')
    if not dropped:
        return []
    told = f"Ignored unsupported project-local config keys in {path}"
    return [f"{told}: {', '.join(dropped)}. {_TO_APPLY}"]


def _without_unguarded(layer: Tree, folder: Path) -> list[str]:
    dropped = _drop(layer, UNGUARDED)
    if not dropped:
        return []
    told = (
        f"Ignored project-local config keys in {folder / FOLDER / FILE_NAME}: "
        f"{', '.join(dropped)}. A command of the model may have written them: only the "
        "project's top folder is guarded. If they are yours, set "
        f'projects."{folder}".trust_level to "trusted".'
    )
    return [told]


def _drop(layer: Tree, keys: Iterable[str]) -> list[str]:
    return [key for key in sorted(keys) if layer.pop(key, None) is not None]


def _rooted(layer: Tree, folder: Path) -> None:
    """Read a relative path as one beside the file that names it."""
    for key in ("model_instructions_file", "experimental_compact_prompt_file"):
        found = leaf(layer, key)
        if found is not None and isinstance(found.value, str):
            path = os.path.join(folder, os.path.expanduser(found.value))  # noqa: PTH111, PTH118  texts
            layer[key] = Leaf(path, found.origin)
