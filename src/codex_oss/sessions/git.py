"""What a repository is at, read from its files: no program is started for it."""

from pathlib import Path

MAX_BYTES = 1024 * 1024
"""More is not read of a file of git's."""


def facts(cwd: Path) -> dict[str, str]:
    """Return commit, branch and remote of the repository that a folder is in.

    The keys are those of ``session_meta.git`` of the Codex CLI 0.169; what is not
    known is left out, and outside of a repository nothing is known.
    """
    git = _git_folder(cwd)
    if git is None:
        return {}
    common = _common(git)
    found: dict[str, str] = {}
    head = _text(git / "HEAD").strip()
    name = head.removeprefix("ref: ")
    commit = _commit(git, common, name) if name != head else head
    if commit:
        found["commit_hash"] = commit
    if name != head:
        found["branch"] = name.removeprefix("refs/heads/")
    if url := _origin(_text(common / "config")):
        found["repository_url"] = url
    return found


def _git_folder(cwd: Path) -> Path | None:
    for folder in (cwd, *cwd.parents):
        mark = folder / ".git"
        if (mark / "HEAD").is_file():
            return mark
        if mark.is_file():  # a worktree, or a submodule
            named = _text(mark).strip().removeprefix("gitdir: ")
            return folder / named if named else None
    return None


def _common(git: Path) -> Path:
    """Return where a worktree's branches and configuration are."""
    named = _text(git / "commondir").strip()
    return git / named if named else git


def _commit(git: Path, common: Path, name: str) -> str:
    for folder in (git, common):
        if commit := _text(folder / name).strip():
            return commit
    for line in _text(common / "packed-refs").splitlines():
        commit, _, packed = line.partition(" ")
        if packed == name:
            return commit
    return ""


def _origin(config: str) -> str:
    """Return the URL of remote ``origin`` without a password in it."""
    here = False
    for line in map(str.strip, config.splitlines()):
        if line.startswith("["):
            here = line.replace(" ", "") == '[remote"origin"]'
        key, _, value = line.partition("=")
        if here and key.strip() == "url":
            return _without_password(value.strip())
    return ""


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path if mark else url


def _text(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe of that name would be waited for
            return ""
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
