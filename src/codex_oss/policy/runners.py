"""Commands that run another: ``sudo``, ``xargs``, ``bash -c``, ``find -exec``."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec
from msgspec.structs import replace

from codex_oss.policy import piped
from codex_oss.policy.commands import Command, Script
from codex_oss.policy.printed import SHELLS, SOURCES, UNSEEN
from codex_oss.policy.script import read
from codex_oss.policy.words import Word

MAX_DEPTH = 16
"""How deep commands are followed into commands that run them."""
MAX_SCRIPTS = 64
"""How many scripts inside of one script are read. What is beyond is ``tangled``."""


class Runner(msgspec.Struct, frozen=True):
    """A command that runs the rest of its words.

    ``values`` are the short options that take a value, ``longs`` the long ones that
    take it as a word of its own; ``operands`` is how many words stand between the
    options and the command.
    """

    values: str = ""
    longs: tuple[str, ...] = ()
    operands: int = 0


RUNNERS = {
    "busybox": Runner(),
    "caffeinate": Runner("tw"),
    "chroot": Runner(operands=1),
    "chrt": Runner("TPD", operands=1),
    "command": Runner(),
    "builtin": Runner(),
    "coproc": Runner(),
    "doas": Runner("Cu"),
    "env": Runner("Cu", ("--chdir", "--unset")),
    "exec": Runner("a"),
    "fakeroot": Runner("lsb"),
    "flock": Runner("wE", ("--timeout", "--wait", "--conflict-exit-code"), 1),
    "gosu": Runner(operands=1),
    "ionice": Runner("cnpPu", ("--class", "--classdata")),
    "nice": Runner("n", ("--adjustment",)),
    "nohup": Runner(),
    "nsenter": Runner("tSG", ("--target", "--setuid", "--setgid")),
    "pkexec": Runner(longs=("--user",)),
    "runuser": Runner("ugGsw", ("--user", "--group", "--supp-group", "--shell")),
    "setpriv": Runner(
        longs=("--reuid", "--regid", "--groups", "--pdeathsig", "--securebits")
    ),
    "setsid": Runner(),
    "stdbuf": Runner("ioe", ("--input", "--output", "--error")),
    "strace": Runner("eopEsu"),
    "sudo": Runner("CDRTUghprtu", ("--user", "--group", "--chdir", "--prompt")),
    "systemd-run": Runner(
        "uHMpE", ("--unit", "--property", "--setenv", "--slice", "--uid", "--gid")
    ),
    "taskset": Runner(operands=1),
    "time": Runner("fo", ("--format", "--output")),
    "timeout": Runner("ks", ("--kill-after", "--signal"), 1),
    "toybox": Runner(),
    "unbuffer": Runner(),
    "unshare": Runner("SGRw", ("--setuid", "--setgid", "--root", "--wd")),
    "watch": Runner("n", ("--interval",)),
    "xargs": Runner(
        "adEIJLnPRSs", ("--arg-file", "--delimiter", "--max-args", "--max-procs")
    ),
    "parallel": Runner("aIjLnNS", ("--jobs", "--max-args", "--arg-file")),
}
FEEDERS = frozenset(("xargs", "parallel"))
"""Runners that give the command more words."""
_ONLY_NAMED = ((Word("-v"),), (Word("-V"),))
_SPOKEN = {
    "eval": Runner(),
    "parallel": RUNNERS["parallel"],
    "ssh": Runner("BbcDEeFIiJLlmOopQRSWw", (), 1),
    "watch": RUNNERS["watch"],
}
"""Commands whose words, joined, are a script."""
_AFTER = {
    "env": ("-S", "--split-string"),
    "flock": ("-c", "--command"),
    "runuser": ("-c", "--command"),
    "script": ("-c", "--command"),
    "su": ("-c", "--command"),
}
"""Commands that take a script as the value of an option."""
_SHELL_VALUES = ("-o", "+o", "-O", "+O", "--rcfile", "--init-file")
_EXEC = {
    "find": ("-exec", "-execdir", "-ok", "-okdir"),
    "fd": ("-x", "--exec", "-X", "--exec-batch"),
    "fdfind": ("-x", "--exec", "-X", "--exec-batch"),
}
"""Options behind which a command stands, up to ``;``."""
_GIT_RUNS = (("submodule", "foreach"), ("bisect", "run"))
_GIT_VALUES = ("-C", "-c", "--git-dir", "--work-tree", "--namespace")


def everything(script: Script) -> Iterator[Command]:
    """Yield all commands of ``script``, and those that they run, where it is seen.

    A command comes before what it runs. Where there is more than is followed, there
    is one that is ``tangled``.
    """
    budget = [MAX_SCRIPTS]
    for command in script.commands:
        yield from _with_run(command, MAX_DEPTH, budget)


def name_of(command: Command) -> str:
    """Return the name of the program, without its folder; nothing if not known."""
    if not command.words or not command.words[0].literal:
        return ""
    return command.words[0].text.rpartition("/")[2]


def behind(name: str, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the words of the command that a runner with these words runs."""
    words = _rest(words, RUNNERS[name])
    return _without_assignments(words) if name in {"env", "sudo"} else words


def _with_run(command: Command, depth: int, budget: list[int]) -> Iterator[Command]:
    yield command
    name = name_of(command)
    for inner in _run_by(name, command):
        if depth == 0:
            yield Command(words=(), scope=command.scope, tangled=True)
            return
        yield from _with_run(inner, depth - 1, budget)
    for script in _scripts_in(name, command):
        if depth == 0 or budget[0] == 0:
            yield Command(words=(), scope=command.scope, tangled=True)
            return
        budget[0] -= 1
        text = script.text
        if script == UNSEEN or (name != "ssh" and piped.fetched(text)):
            yield Command(words=(), scope=command.scope, unseen=True)
        for inner in read(text).commands:
            placed = replace(
                inner,
                scope=(*command.scope, -budget[0], *inner.scope),
                remote=command.remote or name == "ssh",
            )
            yield from _with_run(placed, depth - 1, budget)


def _run_by(name: str, command: Command) -> Iterator[Command]:
    """Yield the commands in the words of a command that runs them."""
    if name in RUNNERS:
        if name == "command" and command.words[1:2] in _ONLY_NAMED:
            return
        words = behind(name, command.words[1:])
        fed = command.fed or name in FEEDERS
        yield replace(command, words=words, redirects=(), fed=fed)
    elif name in _EXEC:
        for words in _executed(command.words, _EXEC[name]):
            yield replace(command, words=words, redirects=(), fed=True)


def _scripts_in(name: str, command: Command) -> Iterator[Word]:
    """Yield the scripts that a command hands to a shell."""
    words = command.words[1:]
    if name in SHELLS:
        yield from _for_shell(words, command)
    elif name in SOURCES:
        yield from _sourced(words, command)
    elif name in _SPOKEN:
        yield Word(_spoken(_rest(words, _SPOKEN[name])))
    elif name == "trap":
        yield Word(_spoken(words[:1]))
    elif name == "alias":
        yield from (Word(word.text.partition("=")[2]) for word in words)
    elif name == "git":
        yield from map(Word, _of_git(words))
    elif name in _AFTER:
        yield from map(Word, _after(words, _AFTER[name]))


def _for_shell(words: tuple[Word, ...], command: Command) -> Iterator[Word]:
    """Yield the script in ``bash -lc SCRIPT``, or what ``bash`` reads as its input."""
    texts = [word.text for word in words]
    at, short = 0, ""
    while at < len(texts) and texts[at].startswith(("-", "+")):
        option = texts[at]
        at += 1
        if not option.startswith("--") and "c" in option:
            yield Word(next((t for t in texts[at:] if t[:1] not in {"-", "+"}), ""))
            return
        short += "" if option.startswith("--") else option
        at += option in _SHELL_VALUES
    if "n" not in short:  # else it is only checked
        yield from piped.scripts(words[at:], command, stdin="s" in short)


def _sourced(words: tuple[Word, ...], command: Command) -> Iterator[Word]:
    """Yield what ``source`` reads, if that is not a file.

    Programs of this machine print settings for it: ``source <(kubectl completion)``.
    """
    if not words:
        return
    text = words[0].text
    trusted = text.startswith("<(") and not piped.fetched(text)
    for script in piped.scripts(words, command, stdin=False):
        if script != UNSEEN or not trusted:
            yield script


def _of_git(words: tuple[Word, ...]) -> Iterator[str]:
    """Yield scripts that git runs: of an alias made on the spot, for each submodule."""
    texts = [word.text for word in words]
    at = 0
    while at < len(texts) and texts[at].startswith("-"):
        key, _, value = "".join(texts[at + 1 : at + 2]).partition("=")
        if texts[at] == "-c" and key.startswith("alias.") and value.startswith("!"):
            yield value[1:]
        at += 2 if texts[at] in _GIT_VALUES else 1
    command = tuple(texts[at : at + 2])
    if command in _GIT_RUNS:
        run = texts[at + 2 :]
        yield " ".join(run[next((i for i, t in enumerate(run) if t[:1] != "-"), 0) :])
    elif command[:1] == ("rebase",):
        yield from _after(words, ("-x", "--exec"))


def _spoken(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)


def _after(words: tuple[Word, ...], options: tuple[str, ...]) -> Iterator[str]:
    """Yield the word after one of ``options``."""
    for option, value in pairwise(words):
        if option.text in options:
            yield value.text


def _rest(words: tuple[Word, ...], runner: Runner) -> tuple[Word, ...]:
    """Return the words behind a runner's own options and operands."""
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        option = words[at].text
        at += 1
        if option == "--":
            break
        short = not option.startswith("--") and option[-1] in runner.values
        # `-u root`, but not `-uroot`; `-n` alone is no value either.
        alone = short and not any(c in runner.values for c in option[1:-1])
        if alone or option in runner.longs:
            at += 1
    return words[at + runner.operands :]


def _without_assignments(words: tuple[Word, ...]) -> tuple[Word, ...]:
    at = 0
    while at < len(words) and words[at].text.partition("=")[0].isidentifier():
        if "=" not in words[at].text:
            break
        at += 1
    return words[at:]


def _executed(
    words: tuple[Word, ...], options: tuple[str, ...]
) -> Iterator[tuple[Word, ...]]:
    """Yield the commands of ``find``'s ``-exec … ;``."""
    inner: list[Word] | None = None
    for word in words:
        if inner is None:
            inner = [] if word.text in options else None
        elif word.text in {";", "+"}:
            yield tuple(inner)
            inner = None
        else:
            inner.append(word)
    if inner:
        yield tuple(inner)
