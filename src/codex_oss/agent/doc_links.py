"""Which links are followed that stand in the place of an AGENTS.md.

A project that was cloned, or a command, may have made the link, and this program's
reading is not confined. The Codex CLI 0.169 follows all of them: a link to
``~/.codex/config.toml`` brings the keys in there to the model.
"""

import os
from pathlib import PurePath

import msgspec

from codex_oss.policy import within

_KEY_NAMES = frozenset(
    {
        *("auth.json", "config.toml", "credentials", "credentials.json"),
        *(".credentials.json", ".git-credentials", ".netrc", ".npmrc", ".pypirc"),
    }
)
_KEY_BEGINS = (".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")
_KEY_ENDS = (".env", ".key", ".pem", ".p12", ".pfx", ".kdbx", ".gpg", ".asc")
_KEY_FOLDERS = frozenset({".git", ".ssh", ".gnupg", ".aws", ".kube"})
"""Names of files that hold keys, now and then, and of folders around such."""

MAY_HOLD_KEYS = "{path} is a link to {real}, which may hold keys: it is left out."
HIDDEN = "{path} is a link to {real}, which may not be read: it is left out."
UNREAD = "{path} may not be read: it is left out."
OUTSIDE = (
    "{path} is a link to {real}, outside of the project: it is left out. Put a copy in "
    "its place, or trust the project, which lets it link to *.md files."
)
NO_TEXT = (
    "{path} is a link to {real}, outside of the project and no *.md file: it is left "
    "out."
)


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What files may stand behind links; all are absolute paths without links."""

    hidden: tuple[str, ...]
    """What may not be read."""
    top: str | None = None
    """The project's top; None: the files are the person's own, and may be anywhere."""
    home: str = ""
    """The person's own settings, where a project may link to its instructions."""
    trusted: bool = False
    """Whether a person trusts the project."""
    names: tuple[str, ...] = ()
    """Names that instructions have, besides ``*.md``."""

    def refuses(self, path: str, real: str) -> str:
        """Return why what is at ``path``, which is ``real``, is not read, in words.

        "" where it is read.
        """
        words = self._refusal(path, real)
        return words.format(path=path, real=real)

    def _refusal(self, path: str, real: str) -> str:
        folder, name = os.path.split(path)
        linked = real != os.path.join(os.path.realpath(folder), name)  # noqa: PTH118  texts
        if within(real, self.hidden):
            return HIDDEN if linked else UNREAD
        outside = self.top is not None and not within(real, (self.top,))
        if (linked or outside) and _may_hold_keys(real):
            return MAY_HOLD_KEYS
        if not outside:
            return ""
        if not (real.lower().endswith(".md") or PurePath(real).name in self.names):
            return NO_TEXT
        return "" if self.trusted or within(real, (self.home,)) else OUTSIDE


def _may_hold_keys(real: str) -> bool:
    parts = PurePath(real.lower()).parts
    name = parts[-1]
    return (
        name in _KEY_NAMES
        or name.startswith(_KEY_BEGINS)
        or name.endswith(_KEY_ENDS)
        or not _KEY_FOLDERS.isdisjoint(parts[:-1])
    )
