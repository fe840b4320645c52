"""A program's arguments, as options and operands, and the place they count in."""

import msgspec

from codex_oss.policy.place import Place
from codex_oss.policy.words import Word


class Arguments(msgspec.Struct, frozen=True):
    """Options by letter and by long name, and what is left."""

    letters: str
    longs: tuple[str, ...]
    operands: tuple[Word, ...]
    values: dict[str, Word]
    """The values of the short options that take one."""

    def has(self, letters: str, *longs: str) -> bool:
        """Return whether one of these options is there; long ones may be cut short."""
        return not set(letters).isdisjoint(self.letters) or any(
            wanted.startswith(given) for given in self.longs for wanted in longs
        )


_SHORTEST = len("--f")


def arguments(words: tuple[Word, ...], values: str = "") -> Arguments:
    """Return ``words`` sorted; ``values`` are the short options that take one."""
    letters, longs = "", list[str]()
    operands, taken = list[Word](), dict[str, Word]()
    at = 0
    while at < len(words):
        text = words[at].text
        at += 1
        if text == "--":
            operands += words[at:]
            break
        if text.startswith("--"):
            longs += [text.partition("=")[0]] if len(text) >= _SHORTEST else []
        elif text.startswith("-") and text != "-":
            end = next((i for i, c in enumerate(text) if c in values and i), None)
            letters += text[1:] if end is None else text[1 : end + 1]
            if end == len(text) - 1 and at < len(words):
                taken[text[-1]] = words[at]
                at += 1
            elif end is not None:
                taken[text[end]] = Word(text[end + 1 :], words[at - 1].literal)
        else:
            operands.append(words[at - 1])
    return Arguments(letters, tuple(longs), tuple(operands), taken)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is run: its words without its name, and where.

    ``fed``: it gets more words from elsewhere. ``remote``: on another machine, of
    whose files nothing is known.
    """

    name: str
    words: tuple[Word, ...]
    place: Place
    fed: bool = False
    remote: bool = False


_GIT_VALUES = ("-C", "-c", "--git-dir", "--work-tree", "--namespace")


def of_git(call: Call) -> Call:
    """Return a call of git as one of its command, such as ``git reset``."""
    words, place = call.words, call.place
    while words and words[0].text.startswith("-"):
        option = words[0].text
        if option == "-C" and len(words) > 1:
            place = place.moved(words[1])
        words = words[2 if option in _GIT_VALUES else 1 :]
    name = f"git {words[0].text}" if words else "git"
    return Call(
        name=name, words=words[1:], place=place, fed=call.fed, remote=call.remote
    )
