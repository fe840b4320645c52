"""Where a command would run, and which files it may lose there."""

from collections.abc import Callable

import msgspec

from codex_oss.policy.permissions import within
from codex_oss.policy.words import Word


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Where a script would run: its folder, what it may lose, what is there.

    ``cwd``, ``roots`` and ``home`` are absolute and real. ``exists`` tells whether a
    path names something; ``real`` follows its links. Without ``home`` nothing is known
    about ``~``.
    """

    cwd: str
    roots: tuple[str, ...]
    exists: Callable[[str], bool]
    real: Callable[[str], str] = str
    home: str = ""


_HOMES = ("~/", "$HOME/", "${HOME}/")
_UNKNOWN = frozenset("$`*?[{")
_WILDCARDS = frozenset("*?[")
_NOWHERE = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")
_STREAMS = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
_DESCRIPTORS = ("/dev/fd", "/proc/self/fd", "/dev/tcp", "/dev/udp", "/dev/pts")


class Place(msgspec.Struct, frozen=True):
    """A ground, and the folder that the commands before have changed to.

    ``cwd`` is None where it is not known. Paths are only known as far as words are.
    """

    ground: Ground
    cwd: str | None

    def path(self, word: Word) -> str | None:
        """Return the absolute path that a word names, if it is known."""
        text = word.text
        if not word.literal:
            text = self._at_home(text)
        if not text or "\0" in text:
            return None
        if text.startswith("/"):
            return text
        return None if self.cwd is None else f"{self.cwd}/{text}"

    def there(self, word: Word) -> bool:
        """Return whether a word names something that exists."""
        path = self.path(word)
        return path is not None and self.ground.exists(path)

    def outside(self, word: Word) -> str | None:
        """Return the path of a word if it is known and outside of all roots."""
        path = self.path(word)
        if path is None or within(self.ground.real(path), self.ground.roots):
            return None
        return path

    def pattern_outside(self, word: Word) -> str | None:
        """Return a pattern such as ``/etc/*`` if its folder is outside of all roots."""
        at = next((i for i, c in enumerate(word.text) if c in _WILDCARDS), None)
        if word.literal or at is None:
            return None
        text = word.text[: word.text.rfind("/", 0, at) + 1]
        known = word.text[:at].removeprefix("$HOME/").removeprefix("${HOME}/")
        if _UNKNOWN & set(known):
            return None
        folder = Word(text or ".", not text.startswith(_HOMES))
        path = self.path(folder)
        if path is None or not self.is_folder(path) or not self.outside(folder):
            return None
        name = word.text[len(text) :]
        return f"{path.removesuffix('/.').rstrip('/')}/{name}"

    def overwrites(self, word: Word) -> str | None:
        """Return the path of a file that writing to ``word`` would destroy."""
        path = self.outside(word)
        if path is None or path in _NOWHERE or path in _STREAMS:
            return None
        if within(path, _DESCRIPTORS) or self.is_folder(path):
            return None
        return path if self.ground.exists(path) else None

    def is_folder(self, path: str) -> bool:
        """Return whether there is a folder at ``path``."""
        return self.ground.exists(f"{path}/.")

    def moved(self, word: Word | None) -> "Place":
        """Return the place after ``cd WORD``, or ``cd``."""
        if word is None:
            return Place(self.ground, self.ground.home or None)
        return Place(self.ground, None if word.text == "-" else self.path(word))

    def _at_home(self, text: str) -> str:
        """Return a path below the home folder; nothing if not all of it is known."""
        home = self.ground.home
        start = next((s for s in _HOMES if f"{text}/".startswith(s)), None)
        if not home or start is None:
            return ""
        rest = text[len(start) :]
        return "" if _UNKNOWN & set(rest) else f"{home}/{rest}".rstrip("/")
