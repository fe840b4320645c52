"""Folders that are not looked into: they belong to git, or tools make them again."""

import os

from codex_oss.undo.entries import SkipWhy

REPOSITORIES = frozenset({b".git", b".hg", b".svn", b".jj"})
"""Version control's own, folders or files. They are never read, never written."""

MADE = frozenset(
    {
        *(b"node_modules", b"bower_components", b".pnpm-store", b".yarn"),
        *(b"__pycache__", b".tox", b".nox", b".eggs", b".ipynb_checkpoints"),
        *(b".mypy_cache", b".pytest_cache", b".ruff_cache", b".hypothesis"),
        *(b".gradle", b".terraform", b".direnv", b".cache", b".ccls-cache"),
        *(b".next", b".nuxt", b".svelte-kit", b".turbo", b".parcel-cache"),
        *(b".angular", b".dart_tool", b"_build", b".stack-work", b"dist-newstyle"),
        *(b".npm", b".rustup", b".cargo", b".nvm", b".pyenv", b"DerivedData"),
    }
)
"""Names that only mean folders which are made by tools, and made again."""

BESIDE = {
    b"target": (b"Cargo.toml", b"pom.xml", b"build.sbt"),
    b"build": (b"build.gradle", b"build.gradle.kts", b"CMakeCache.txt"),
    b"_build": (b"mix.exs", b"dune-project"),
    b"deps": (b"mix.exs",),
    b"Pods": (b"Podfile",),
    b"zig-out": (b"build.zig",),
    b"zig-cache": (b"build.zig",),
    b".zig-cache": (b"build.zig",),
}
"""Names that mean that only beside one of these files."""

INSIDE = (b"pyvenv.cfg", b"CACHEDIR.TAG")
"""Files that say so of the folder they lie in: a virtual environment of Python, and
what the Cache Directory Tagging Specification marks."""

_GIT = (b"HEAD", b"objects", b"refs")
"""What git asks of a folder that it takes for a repository, whatever that is called."""


def reason(name: bytes, folder: int, siblings: frozenset[bytes]) -> SkipWhy | None:
    """Return why a folder is not looked into; None if it is.

    ``folder`` is a descriptor of where it lies, among ``siblings``.
    """
    if name in REPOSITORIES:
        return "repository"
    if name in MADE or not siblings.isdisjoint(BESIDE.get(name, ())):
        return "made"
    if any(_holds(name, mark, folder) for mark in INSIDE):
        return "made"
    if all(_holds(name, mark, folder) for mark in _GIT):
        return "repository"
    return None


def _holds(name: bytes, mark: bytes, folder: int) -> bool:
    try:
        os.lstat(name + b"/" + mark, dir_fd=folder)
    except OSError:
        return False
    return True


def in_repository(path: bytes) -> bool:
    """Return whether a path is version control's own, or lies in such a folder."""
    return not REPOSITORIES.isdisjoint(path.split(b"/"))
