"""Older spellings of the Codex CLI's keys, and how each is said today.

Every entry changes a layer of configuration in place and returns what people are told.
A key in its new spelling counts before the same key in its old one. Sources: the
changelog of the Codex CLI from April 2025 on and the keys that 0.169 no longer knows.
"""

from typing import cast

import msgspec

from codex_oss.config.keys import dotted, read_key
from codex_oss.config.kinds import describe_value
from codex_oss.config.tree import Key, Leaf, Tree, first, get, leaf, merge, pop, put
from codex_oss.errors import ConfigError


class Renamed(msgspec.Struct, frozen=True):
    """A key that is called otherwise today. ``quiet``: not old, just another name."""

    old: str
    new: str
    quiet: bool = False


class Dropped(msgspec.Struct, frozen=True):
    """A key that has no effect any more, and why that is."""

    old: str
    reason: str


class Respelled(msgspec.Struct, frozen=True):
    """A value that is called otherwise today."""

    key: str
    old: str
    new: str


RENAMED = (
    Renamed("sandbox.mode", "sandbox_mode"),
    Renamed("sandbox.writable_roots", "sandbox_workspace_write.writable_roots"),
    Renamed("sandbox.network_access", "sandbox_workspace_write.network_access"),
    Renamed(
        "sandbox.exclude_tmpdir_env_var",
        "sandbox_workspace_write.exclude_tmpdir_env_var",
    ),
    Renamed("sandbox.exclude_slash_tmp", "sandbox_workspace_write.exclude_slash_tmp"),
    Renamed("experimental_instructions_file", "model_instructions_file"),
    Renamed("include_plan_tool", "tools.update_plan.enabled"),
    Renamed("include_view_image_tool", "features.view_image"),
    Renamed("tools.view_image", "features.view_image"),
    Renamed("openai_base_url", "model_providers.openai.base_url", quiet=True),
)

_ALWAYS_PATCH = "apply_patch is always offered to the model"
DROPPED = (
    Dropped("disable_response_storage", "responses are never stored on the server"),
    Dropped("model_max_output_tokens", "the model's server sets this limit"),
    Dropped("include_apply_patch_tool", _ALWAYS_PATCH),
    Dropped("experimental_use_freeform_apply_patch", _ALWAYS_PATCH),
    Dropped("experimental_use_rmcp_client", "there is one MCP client"),
    Dropped("experimental_use_exec_command_tool", "there is one shell tool"),
    Dropped("experimental_use_unified_exec_tool", "there is one shell tool"),
    Dropped("model_supports_reasoning_summaries", "the server is asked"),
    Dropped("model_reasoning_summary_format", "summaries are printed as they come"),
    Dropped("preferred_auth_method", "a provider's env_key names the key to use"),
    Dropped("tools.web_search_request", "there is no web search"),
)

RESPELLED = (
    Respelled("approval_policy", "unless-allow-listed", "untrusted"),
    Respelled("approval_policy", "auto-edit", "untrusted"),
    Respelled("model_provider", "ollama-chat", "ollama"),
    Respelled("oss_provider", "ollama-chat", "ollama"),
)

PERMISSION_MODES = {
    ":read-only": "read-only",
    ":workspace": "workspace-write",
    ":danger-full-access": "danger-full-access",
}
"""Built-in values of ``default_permissions`` as values of ``sandbox_mode``."""

_FOLDER = "disk-write-folder="
_PERMISSIONS = (
    "disk-full-read-access",
    "disk-write-cwd",
    "disk-write-platform-user-temp-folder",
    "disk-write-platform-global-temp-folder",
    "disk-full-write-access",
    "network-full-access",
)


def modernize(layer: Tree) -> list[str]:
    """Give every old key of a layer its new spelling; return the warnings."""
    warnings: list[str] = []
    _lift_sandbox_word(layer)
    for rename in RENAMED:
        warnings += _rename(layer, _key(rename.old), _key(rename.new), rename.quiet)
    for name in _provider_ids(layer):
        at = ("model_providers", name)
        new = (*at, "requires_openai_auth")
        warnings += _rename(layer, (*at, "requires_auth"), new, quiet=False)
    for dropped in DROPPED:
        if node := pop(layer, _key(dropped.old)):
            warnings.append(
                f"{_origin(node)}: `{dropped.old}` has no effect: {dropped.reason}. "
                "Remove it."
            )
    for value in RESPELLED:
        warnings += _respell(layer, value)
    warnings += _permissions_list(layer)
    warnings += _permissions_name(layer)
    return warnings


def _key(text: str) -> Key:
    found = read_key(text)
    assert found is not None
    return found[0]


def _origin(node: Tree | Leaf) -> str:
    found = first(node)
    return found.origin if found else "config.toml"


def _provider_ids(layer: Tree) -> list[str]:
    providers = layer.get("model_providers")
    return list(providers) if isinstance(providers, dict) else []


def _lift_sandbox_word(layer: Tree) -> None:
    """Read ``sandbox = "read-only"`` like ``[sandbox] mode = "read-only"``."""
    word = leaf(layer, "sandbox")
    if word and isinstance(word.value, str):
        layer["sandbox"] = {"mode": word}


def _rename(layer: Tree, old: Key, new: Key, quiet: bool) -> list[str]:  # noqa: FBT001  a column of the table
    node = pop(layer, old)
    if node is None:
        return []
    if get(layer, new) is None:
        put(layer, new, node)
    if quiet:
        return []
    return [f"{_origin(node)}: `{dotted(old)}` is now `{dotted(new)}`"]


def _respell(layer: Tree, value: Respelled) -> list[str]:
    found = leaf(layer, value.key)
    if found is None or found.value != value.old:
        return []
    layer[value.key] = Leaf(value.new, found.origin)
    was, now = (f'`{value.key} = "{word}"`' for word in (value.old, value.new))
    return [f"{found.origin}: {was} is now {now}"]


def _permissions_name(layer: Tree) -> list[str]:
    """Read ``default_permissions`` as a sandbox mode where it names one."""
    found = leaf(layer, "default_permissions")
    if found is None:
        return []
    mode = PERMISSION_MODES.get(str(found.value))
    if mode is None:
        told = "only the paths that this profile denies count; for the rest set"
        now = "`sandbox_mode` and `[sandbox_workspace_write]`"
        return [f"{found.origin}: `default_permissions`: {told} {now}"]
    pop(layer, ("default_permissions",))
    layer.setdefault("sandbox_mode", Leaf(mode, found.origin))
    return []


def _permissions_list(layer: Tree) -> list[str]:
    """Read ``sandbox_permissions`` as a sandbox mode and its settings.

    Where the old list allowed something that no mode allows, the narrower mode is
    taken and the warning says so.
    """
    found = leaf(layer, "sandbox_permissions")
    if found is None:
        return []
    pop(layer, ("sandbox_permissions",))
    names = _permission_names(found)
    told = f"{found.origin}: `sandbox_permissions` is now "
    if {"disk-full-write-access", "network-full-access"} <= set(names):
        new: Tree = {"sandbox_mode": Leaf("danger-full-access", found.origin)}
        told += '`sandbox_mode = "danger-full-access"`'
    elif {"disk-full-write-access", "disk-write-cwd"} & set(names):
        new = _workspace_write(names, found.origin)
        told += '`sandbox_mode = "workspace-write"` and `[sandbox_workspace_write]`'
    else:
        new = {"sandbox_mode": Leaf("read-only", found.origin)}
        told += '`sandbox_mode = "read-only"`'
        if lost := [name for name in names if name != "disk-full-read-access"]:
            told += f"; not kept without disk-write-cwd: {', '.join(lost)}"
    layer |= merge(new, layer)
    return [told]


def _permission_names(found: Leaf) -> list[str]:
    value = cast("object", found.value)
    if not isinstance(value, list):
        raise ConfigError(
            f"{found.origin}: `sandbox_permissions`: expected an array of strings, "
            f"got {describe_value(value)}"
        )
    names = [str(name) for name in cast("list[object]", value)]
    for name in names:
        if name not in _PERMISSIONS and not name.startswith(_FOLDER):
            raise ConfigError(
                f"{found.origin}: `sandbox_permissions`: unknown permission {name!r}",
                hint=f"Known: {', '.join(_PERMISSIONS)}, {_FOLDER}PATH",
            )
    return names


def _workspace_write(names: list[str], origin: str) -> Tree:
    roots = [name.removeprefix(_FOLDER) for name in names if name.startswith(_FOLDER)]
    if "disk-full-write-access" in names:
        roots.insert(0, "/")
    settings: dict[str, object] = {
        "writable_roots": roots,
        "network_access": "network-full-access" in names,
        "exclude_tmpdir_env_var": "disk-write-platform-user-temp-folder" not in names,
        "exclude_slash_tmp": "disk-write-platform-global-temp-folder" not in names,
    }
    return {
        "sandbox_mode": Leaf("workspace-write", origin),
        "sandbox_workspace_write": {
            name: Leaf(value, origin) for name, value in settings.items()
        },
    }
