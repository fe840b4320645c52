"""What a shell script consists of, once it is taken apart: simple commands."""

import msgspec

from codex_oss.policy.words import Word


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """A redirection: ``target`` of an operator such as ``>``, ``2>&1``'s ``>&``.

    A here-document or here-string has ``text`` instead: what the command reads.
    """

    operator: str
    target: Word | None = None
    text: Word | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A simple command, or with no words what redirections do on their own.

    ``scope`` names the subshells around it, outermost first: a ``cd`` counts for what
    follows in the same one. ``fed``: it gets more words from elsewhere, as from
    ``xargs``. ``remote``: it runs on another machine. ``bomb``: it is no command but
    a function that starts itself twice at once. ``piped``: what a shell among its
    words reads from a pipe (see ``piped``). ``unseen``: it is no command but a script
    that is not written out. ``tangled``: it is no command but more of them, nested
    deeper than is looked.
    """

    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...] = ()
    scope: tuple[int, ...] = ()
    fed: bool = False
    remote: bool = False
    bomb: bool = False
    piped: Word | None = None
    unseen: bool = False
    tangled: bool = False


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A script as its simple commands, in order.

    Those in groups, loops, functions and substitutions are among them. ``plain``:
    there is nothing but commands of literal words joined by ``&&``, ``||``, ``;``,
    ``|`` and newlines. ``broken``: it does not parse; the commands of what does parse
    are here, and those of each line on its own. ``unread``: it is too long or too
    tangled to be parsed, and nothing of it is here.
    """

    text: str
    commands: tuple[Command, ...] = ()
    plain: bool = False
    broken: bool = False
    unread: bool = False
