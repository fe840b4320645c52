"""The configuration of one run: defaults < file < profile < project < ``-c`` < flags.

Every value knows where it was set. Files: ``$CODEX_HOME/config.toml``, the chosen
profile's ``$CODEX_HOME/NAME.config.toml`` and a trusted project's
``.codex/config.toml``, of which there may be one in every folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from codex_oss.config import features, project, toml
from codex_oss.config.builtin import OSS, environment_layer
from codex_oss.config.decode import Unknown, decode, find_unknown
from codex_oss.config.home import user_home
from codex_oss.config.keys import dotted
from codex_oss.config.legacy import modernize
from codex_oss.config.oss import Layers, applies, merge_layers
from codex_oss.config.overrides import flag_layer, parse_override
from codex_oss.config.provider import Provider
from codex_oss.config.schema import Config, TrustLevel
from codex_oss.config.tree import Leaf, Tree, get, leaf, leaves, merge, table
from codex_oss.errors import ConfigError
from codex_oss.policy import ApprovalPolicy, Granular, SandboxMode

FILE_NAME = "config.toml"
_DENIED = ("deny", "none")
"""Words of a permission profile's ``filesystem`` for what cannot be read."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, and where everything in it comes from.

    ``origins`` has the dotted keys that somebody set; ``profile`` is the one in effect
    and ``oss`` whether profile ``oss`` is (``--oss`` adds it to another profile).
    """

    config: Config
    origins: Mapping[str, str]
    warnings: list[str]
    provider_id: str
    provider: Provider
    home: Path
    profile: str | None
    oss: bool
    blocked: bool = False
    """Whether the project has settings that nobody trusts (``project.UNTRUSTED``)."""

    def origin(self, key: str) -> str:
        """Return where a dotted key was set, or ``default``."""
        return self.origins.get(key, "default")


def codex_home(env: Mapping[str, str]) -> Path:
    """Return ``$CODEX_HOME``, which must exist when it is set, or ``~/.codex``."""
    named = env.get("CODEX_HOME", "")
    if not named:
        return user_home(env) / ".codex"
    home = Path(named)
    hint = "Create that directory, or unset CODEX_HOME to use ~/.codex"
    if not home.exists():
        raise ConfigError(
            f'CODEX_HOME points to "{named}", but that path does not exist', hint=hint
        )
    if not home.is_dir():
        raise ConfigError(
            f'CODEX_HOME points to "{named}", but that path is not a directory',
            hint=hint,
        )
    return home.resolve()


def load(  # noqa: PLR0913  one argument for each thing the command line may say
    home: Path,
    env: Mapping[str, str],
    *,
    overrides: Sequence[str] = (),
    profile: str | None = None,
    flags: Mapping[str, tuple[str, Any]] = {},
    oss: bool = False,
    local_provider: str | None = None,
    strict: bool = False,
    cwd: Path | None = None,
) -> Loaded:
    """Read the configuration.

    ``overrides`` are the texts of ``-c``, in order; ``flags`` maps dotted keys to the
    flag that set them and the value; ``profile``, ``oss`` and ``local_provider`` are
    ``-p``, ``--oss`` and ``--local-provider``, which means ``--oss`` too. ``strict``
    makes an unknown key an error. ``cwd``, without links, is where the work is: the
    settings of a project there count if it is trusted. Raises ``ConfigError``.
    """
    files = _Files(home=home, shown=shown(home, env), warnings=[])
    warnings = files.warnings
    file, command = files.config(), _overrides(overrides, warnings)
    below = merge(file, command)
    name = profile if profile is not None else _profile_key(below)
    chosen = {} if name in (None, OSS) else files.profile(name, below)
    own, blocked = _of_project(cwd, merge(file, chosen, command), files)
    layers = Layers(
        file=file,
        profile=chosen,
        project=own,
        command=command,
        flags=flag_layer(flags),
    )
    in_effect = applies(layers, name, asked=oss or local_provider is not None)
    if in_effect:
        layers = replace(layers, oss=files.profile(OSS, below))
        tree, dropped = merge_layers(layers, oss=oss, local_provider=local_provider)
        warnings += dropped
    else:
        oss_profile = files.profile(OSS, below) if name == OSS else {}
        tree = merge(file, chosen, oss_profile, own, command, layers.flags)
    tree = merge(environment_layer(env), tree)
    unknown = [*find_unknown(tree), *features.find_unknown(tree)]
    _report_unknown(unknown, warnings, strict=strict)
    config, provider_id, provider = _decode(tree)
    return Loaded(
        config=config,
        origins={dotted(key): found.origin for key, found in leaves(tree)},
        warnings=warnings,
        provider_id=provider_id,
        provider=provider,
        home=home,
        profile=name or (OSS if in_effect else None),
        oss=in_effect,
        blocked=blocked,
    )


def project_at(config: Config, path: str) -> project.Project:
    """Return the project around a folder, given as absolute path without links."""
    cwd = Path(path)
    root = project.project_root(cwd, config.project_root_markers)
    entries = config.projects.items()
    levels = {_path(key): one.trust_level for key, one in entries if one.trust_level}
    return project.Project(cwd, root, levels)


def trust_level(config: Config, path: str) -> TrustLevel | None:
    """Return what ``[projects]`` says about a folder: itself, else its project's top.

    ``path`` is absolute.
    """
    around = project_at(config, _path(path))
    entry = around.entry(around.cwd)
    return None if entry is None else cast("TrustLevel", around.levels[entry])


def sandbox_mode(config: Config, path: str) -> SandboxMode:
    """Return the sandbox mode in a project: as set, else by its trust entry."""
    if config.sandbox_mode is not None:
        return config.sandbox_mode
    return "workspace-write" if trust_level(config, path) else "read-only"


def approval_policy(config: Config) -> ApprovalPolicy | Granular:
    """Return when a person is asked, of the two ways to write it."""
    policy = config.approval_policy
    return policy if isinstance(policy, str) else policy.granular


def deny_read(config: Config) -> list[str]:
    """Return what may not be read, as written: paths and names of presets.

    The paths that the permission profile in effect denies come after our own key's.
    """
    profile = config.permissions.get(config.default_permissions or "", {})
    files = profile.get("filesystem")
    entries = cast("dict[str, object]", files) if isinstance(files, dict) else {}
    named = [path for path, access in entries.items() if access in _DENIED]
    return [
        *config.sandbox_deny_read,
        *(path for path in named if path.startswith(("/", "~"))),
    ]


def shown(home: Path, env: Mapping[str, str]) -> str:
    """Return the home directory as people know it: ``~/.codex``."""
    user_home = env.get("HOME", "").rstrip("/")
    text = str(home)
    if user_home and text.startswith(user_home + "/"):
        return "~" + text.removeprefix(user_home)
    return text


def _overrides(texts: Sequence[str], warnings: list[str]) -> Tree:
    """Return what ``-c`` says, in today's spelling; later ones win."""
    command: Tree = {}
    for text in texts:
        override = parse_override(text)
        warnings += modernize(override)
        command = merge(command, override)
    return command


def _of_project(cwd: Path | None, persons: Tree, files: "_Files") -> tuple[Tree, bool]:
    """Return the settings of the project, and whether some are not trusted."""
    if cwd is None:
        return {}, False
    names = ("projects", "project_root_markers")
    config = decode({name: persons[name] for name in names if name in persons})
    found, warnings, blocked = project.settings(
        project_at(config, str(cwd)), files.home.resolve()
    )
    files.warnings.extend(warnings)
    return found, blocked


def _path(text: str) -> str:
    return text.rstrip("/") or "/"


def _profile_key(below: Tree) -> str | None:
    """Return the profile that ``profile = "x"`` names."""
    found = leaf(below, "profile")
    return found.value if found and isinstance(found.value, str) else None


class _Files(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration files of one directory; warnings gather while they are read."""

    home: Path
    shown: str
    warnings: list[str]

    def config(self) -> Tree:
        """Return ``config.toml``."""
        return self._read(FILE_NAME) or {}

    def profile(self, name: str, below: Tree) -> Tree:
        """Return a profile: its table in ``below`` with its file on top.

        Profile ``oss`` may have neither.
        """
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise ConfigError(
                f'Profile "{name}" is not a name', hint="Pass NAME of [profiles.NAME]"
            )
        node = get(below, ("profiles", name))
        own = table(node)
        if isinstance(node, Leaf) and own is None:
            raise ConfigError(f"{node.origin}: `profiles.{name}`: expected a table")
        file = self._read(f"{name}.{FILE_NAME}")
        if own is None and file is None and name != OSS:
            raise self._unknown_profile(name, below)
        layer = _of_profile(name, own or {})
        self.warnings.extend(modernize(layer))
        return merge(layer, file or {})

    def _read(self, name: str) -> Tree | None:
        tree = toml.read(self.home / name, f"{self.shown}/{name}")
        if tree is not None:
            self.warnings.extend(modernize(tree))
        return tree

    def _unknown_profile(self, name: str, below: Tree) -> ConfigError:
        tables = below.get("profiles")
        known = [OSS, *(tables if isinstance(tables, dict) else ())]
        return ConfigError(
            f'Profile "{name}" not found: no [profiles.{name}] in '
            f"{self.shown}/{FILE_NAME} and no file {self.shown}/{name}.{FILE_NAME}",
            hint=f"Known profiles: {', '.join(dict.fromkeys(known))}",
        )


def _of_profile(name: str, tree: Tree) -> Tree:
    """Return a copy of a profile's table whose origins name the profile."""
    return {
        key: Leaf(node.value, f"profile {name}, {node.origin}")
        if isinstance(node, Leaf)
        else _of_profile(name, node)
        for key, node in tree.items()
    }


def _report_unknown(
    unknown: Sequence[Unknown], warnings: list[str], *, strict: bool
) -> None:
    for key in unknown:
        meant = f"Did you mean `{key.guess}`?" if key.guess else ""
        if strict:
            raise ConfigError(
                f"unknown configuration field `{key.key}` in {key.origin}", hint=meant
            )
        told = f"{key.origin}: unknown key `{key.key}` is ignored"
        warnings.append(f"{told}. {meant}" if meant else told)


def _decode(tree: Tree) -> tuple[Config, str, Provider]:
    """Return the configuration and the provider it names."""
    config = decode(tree)
    name = config.model_provider
    if provider := config.model_providers.get(name):
        return config, name, provider
    origin = leaf(tree, "model_provider")
    where = f" ({origin.origin})" if origin else ""
    raise ConfigError(
        f"Model provider `{name}` not found{where}",
        hint=f"Known: {', '.join(sorted(config.model_providers))}. "
        f"Or write [model_providers.{dotted((name,))}] with its base_url",
    )
