"""Commands that destroy what cannot be had back, found in a script.

It catches habits, not cunning: a program of one's own, ``python -c`` or a script that
is written first and run later are not seen. The sandbox is the wall.
"""

from collections.abc import Iterator

from codex_oss.policy.call import Call, of_git
from codex_oss.policy.commands import Command, Script
from codex_oss.policy.loss import FORCED_REMOVAL, Harm
from codex_oss.policy.losses import FORCED, OVERWRITES, losses_of
from codex_oss.policy.place import Ground, Place
from codex_oss.policy.runners import everything, name_of

__all__ = ["FORCED_REMOVAL", "Ground", "Harm", "harm"]

BOMB = Harm(
    "it starts itself again and again until the machine stands still (a fork bomb)",
    "A function that starts itself twice is not permitted: the machine would stand "
    "still. Use a loop",
)
UNREAD = Harm(
    "it is too long or too tangled to look through",
    "The command is too long or too tangled to look through. Split it into several "
    "commands, or write a file and run that",
)
UNSEEN = Harm(
    "it runs a script that nobody has seen",
    "Running what a pipe brings to a shell is not permitted: nobody has seen it. Save "
    "it to a file, read the file, then run that",
)
MOVES = frozenset(("cd", "pushd", "popd"))
"""Commands that change the folder of those behind them."""
_REMOVING = frozenset("rRfivdI")
_OVERWRITING = frozenset((">", ">|", "&>", ">&"))


def harm(script: Script, ground: Ground) -> Harm | None:
    """Return the first thing that ``script`` destroys for good, if anything.

    ``cd`` is followed where its folder is written out. Never raises.
    """
    if script.unread:
        return UNREAD
    places: dict[tuple[int, ...], Place] = {(): Place(ground, ground.cwd)}
    for command in everything(script):
        place = _place(command, places)
        if found := next(_harms(command, place), None):
            return found
        if name_of(command) in MOVES:
            places[command.scope] = _moved(command, place)
    return None


def _place(command: Command, places: dict[tuple[int, ...], Place]) -> Place:
    """Return where a command runs: its subshell's place, or that of the one around."""
    scope = command.scope
    while scope not in places:
        scope = scope[:-1]
    return places[scope]


def _harms(command: Command, place: Place) -> Iterator[Harm]:
    if command.bomb:
        yield BOMB
    if command.unseen:
        yield UNSEEN
    if command.tangled:
        yield UNREAD
    if not command.remote:
        yield from _redirected(command, place)
    name = name_of(command)
    if not name:
        if _removes_by_any_name(command):
            yield FORCED
        return
    call = Call(
        name=name,
        words=command.words[1:],
        place=place,
        fed=command.fed,
        remote=command.remote,
    )
    if name == "git":
        call = of_git(call)
    for loss in losses_of(call.name):
        lost = loss.when(call)
        if lost is not None:
            yield _about(loss.harm, lost)


def _redirected(command: Command, place: Place) -> Iterator[Harm]:
    for redirect in command.redirects:
        if redirect.operator not in _OVERWRITING or redirect.target is None:
            continue
        path = place.overwrites(redirect.target)
        # `>&2` is no file.
        if path and not redirect.target.text.isdigit():
            yield _about(OVERWRITES, path)


def _about(found: Harm, lost: str) -> Harm:
    return Harm(found.asked.replace("{}", lost), found.told.replace("{}", lost))


def _removes_by_any_name(command: Command) -> bool:
    """Return whether a program of unknown name has ``rm``'s options: ``$RM -rf x``."""
    options = (w.text[1:] for w in command.words[1:] if w.text.startswith("-"))
    letters = set("".join(options))
    return letters <= _REMOVING and "f" in letters and not letters.isdisjoint("rR")


def _moved(command: Command, place: Place) -> Place:
    """Return the place after a command that changes the folder."""
    if name_of(command) == "popd":
        return Place(place.ground, None)
    options = ("-P", "-L", "-e", "--", "-n")
    words = (word for word in command.words[1:] if word.text not in options)
    return place.moved(next(words, None))
