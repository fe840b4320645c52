"""Profile ``oss``: when it applies, which provider it uses, whose model it takes.

It is the profile of everybody who names no provider and no other profile. ``--oss``
and ``--local-provider`` say it outright. A ``model`` written for another provider is
not carried over to it: "o3" means nothing to a server on this machine.
"""

import msgspec

from codex_oss.config.builtin import DEFAULT_PROVIDER, OSS
from codex_oss.config.tree import Leaf, Tree, leaf, merge

_OF_A_MODEL = ("model", "model_context_window", "model_auto_compact_token_limit")


class Layers(msgspec.Struct, frozen=True, kw_only=True):
    """What people set, lowest first.

    ``profile`` is the chosen profile unless that is ``oss``; ``oss`` is that one.
    ``project`` is what the project's own files say.
    """

    file: Tree
    profile: Tree = {}
    oss: Tree = {}
    project: Tree = {}
    command: Tree = {}
    flags: Tree = {}


def applies(layers: Layers, profile: str | None, *, asked: bool) -> bool:
    """Tell whether profile ``oss`` is in effect.

    ``asked``: by ``--oss`` or ``--local-provider``, which nothing outranks.
    """
    if asked:
        return True
    over = _first(layers.flags, layers.command, key="model_provider")
    if profile is not None:
        return profile == OSS and (over is None or over.value == OSS)
    named = over or leaf(layers.file, "model_provider")
    return named is None or named.value == OSS


def merge_layers(
    layers: Layers, *, oss: bool, local_provider: str | None
) -> tuple[Tree, list[str]]:
    """Return the layers as one tree with profile ``oss`` in effect, and warnings.

    ``oss`` is ``--oss``; it and ``local_provider`` outrank ``-c model_provider``.
    """
    choice = _choice(layers)
    if local_provider is not None:
        choice = Leaf(local_provider, "--local-provider")
    elif oss and choice.value == OSS:
        choice = Leaf(OSS, "--oss")
    chosen: Tree = {"model_provider": choice}
    above = chosen if oss or local_provider is not None else {}
    upper = merge(chosen, layers.command, layers.flags, above)
    provider = leaf(upper, "model_provider") or choice
    (file, profile, project), dropped = _without_foreign_models(
        layers, str(provider.value)
    )
    tree = merge(file, profile, layers.oss, project, upper)
    return tree, [] if leaf(tree, "model") else dropped


def _choice(layers: Layers) -> Leaf:
    """Return the provider that profile ``oss`` uses, as far as people set it."""
    said = (
        leaf(layers.command, "oss_provider"),
        leaf(layers.oss, "model_provider"),
        leaf(layers.oss, "oss_provider"),
        _first(layers.profile, layers.file, key="oss_provider"),
    )
    # One that is no string stays what it is: its type is an error of its own key.
    names = (each for each in said if each and isinstance(each.value, str))
    return next(names, Leaf(OSS, "profile oss"))


def _without_foreign_models(
    layers: Layers, provider: str
) -> tuple[list[Tree], list[str]]:
    """Drop models that were written for another provider than profile ``oss``'s.

    A model belongs to the provider named beside it or, for a profile and a project,
    below it; to OpenAI when there is none, as in the Codex CLI. Its context window
    goes with it. Returns file, profile and project without them, and a warning.
    """
    warnings: list[str] = []
    kept: list[Tree] = []
    persons = merge(layers.file, layers.profile)
    for layer, below in (
        (layers.file, {}),
        (layers.profile, layers.file),
        (layers.project, persons),
    ):
        owner = _first(layer, below, key="model_provider")
        name = str(owner.value) if owner else DEFAULT_PROVIDER
        model = leaf(layer, "model")
        # A model that is no string stays: its type is an error that must be told.
        foreign = model is not None and isinstance(model.value, str)
        if model is None or not foreign or name in {OSS, provider}:
            kept.append(layer)
            continue
        kept.append({key: layer[key] for key in layer if key not in _OF_A_MODEL})
        warnings = [_warning(model, name, provider)]
    return kept, warnings


def _warning(model: Leaf, owner: str, provider: str) -> str:
    return (
        f'{model.origin}: `model = "{model.value}"` belongs to provider {owner} and is '
        f"not used with {provider}. To use it here, write it in [profiles.oss] or pass "
        f"-m {model.value}; to use {owner}, pass -c model_provider={owner}"
    )


def _first(*layers: Tree, key: str) -> Leaf | None:
    return next((found for layer in layers if (found := leaf(layer, key))), None)
