"""A layer of configuration: nested tables whose leaves know where they were set.

A key is a path of segments, ``("sandbox_workspace_write", "network_access")``; people
read and write it dotted. Arrays are leaves: a higher layer replaces them whole. So
that it has an origin, an empty table is a leaf too, until something is merged into it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import msgspec

Key: TypeAlias = tuple[str, ...]
Tree: TypeAlias = dict[str, "Tree | Leaf"]


class Leaf(msgspec.Struct, frozen=True):
    """A value and its origin, such as ``~/.codex/config.toml:12`` or ``-c``."""

    value: Any
    origin: str


def graft(table: Mapping[str, Any], origin: Callable[[Key], str], at: Key = ()) -> Tree:
    """Return plain tables as a tree; ``origin`` tells where a key was set."""
    tree: Tree = {}
    for name, value in table.items():
        key = (*at, name)
        if isinstance(value, dict) and value:
            tree[name] = graft(cast("dict[str, Any]", value), origin, key)
        else:
            tree[name] = Leaf(value, origin(key))
    return tree


def plain(node: Tree | Leaf) -> Any:
    """Return the value of a leaf, or a tree as plain tables."""
    if isinstance(node, Leaf):
        return node.value
    return {name: plain(child) for name, child in node.items()}


def merge(*layers: Tree) -> Tree:
    """Return the layers as one tree: later ones win, leaf by leaf."""
    result: Tree = {}
    for layer in layers:
        for name, node in layer.items():
            below = table(result.get(name))
            above = table(node)
            if below and above is not None:
                result[name] = merge(below, above)
            else:
                result[name] = merge(above) if above else node
    return result


def table(node: Tree | Leaf | None) -> Tree | None:
    """Return a node as a table, or None when it is not one."""
    if isinstance(node, Leaf):
        return {} if node.value == {} else None
    return node


def get(tree: Tree, key: Key) -> Tree | Leaf | None:
    """Return what stands at a key, or None."""
    node: Tree | Leaf | None = tree
    for name in key:
        if not isinstance(node, dict):
            return None
        node = node.get(name)
    return node


def leaf(tree: Tree, *key: str) -> Leaf | None:
    """Return the leaf at a key; None when there is none, or a table."""
    node = get(tree, key)
    return node if isinstance(node, Leaf) else None


def put(tree: Tree, key: Key, node: Tree | Leaf) -> None:
    """Set a key, making the tables above it."""
    for name in key[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[key[-1]] = node


def pop(tree: Tree, key: Key) -> Tree | Leaf | None:
    """Remove a key and return what stood there, with the tables it leaves empty."""
    parent = get(tree, key[:-1])
    if not isinstance(parent, dict):
        return None
    node = parent.pop(key[-1], None)
    if node is not None and not parent and len(key) > 1:
        pop(tree, key[:-1])
    return node


def leaves(tree: Tree, at: Key = ()) -> Iterator[tuple[Key, Leaf]]:
    """Yield every leaf with its key, in the order they were written."""
    for name, node in tree.items():
        key = (*at, name)
        if isinstance(node, Leaf):
            yield key, node
        else:
            yield from leaves(node, key)


def first(node: Tree | Leaf) -> Leaf | None:
    """Return the leaf itself, or the first one of a table."""
    if isinstance(node, Leaf):
        return node
    return next((found for _, found in leaves(node)), None)
