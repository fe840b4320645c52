"""May this action run: allow, ask or deny, as one decision table.

Source of the table: what the Codex CLI 0.169 does in each approval policy and
sandbox mode (see ``docs/compatibility.md`` for where this program differs).
"""

import re
from typing import Literal, assert_never

import msgspec

SandboxMode = Literal["read-only", "workspace-write", "danger-full-access"]
ApprovalPolicy = Literal["untrusted", "on-request", "on-failure", "never"]


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's commands may do.

    ``writable_roots`` are absolute real paths, the workspace first; they count in
    ``workspace-write`` only. ``network`` is whether commands reach the network.
    """

    mode: SandboxMode = "read-only"
    approval: ApprovalPolicy = "never"
    writable_roots: tuple[str, ...] = ()
    network: bool = False


class RunCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command in a shell. ``escalated`` asks to run it outside the sandbox."""

    command: str
    cwd: str
    escalated: bool = False
    justification: str = ""


class WriteFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A change to files, by absolute real paths."""

    paths: tuple[str, ...]


Action = RunCommand | WriteFiles


class Allow(msgspec.Struct, frozen=True):
    """Run it; ``sandboxed`` says where."""

    sandboxed: bool = True


class Ask(msgspec.Struct, frozen=True):
    """A person decides; ``reason`` is shown to them."""

    reason: str = ""


class Deny(msgspec.Struct, frozen=True):
    """Do not run it; ``reason`` is told to the model."""

    reason: str


Verdict = Allow | Ask | Deny


# --- what is told -----------------------------------------------------------------

NO_ESCALATION = (
    "approval policy is Never; reject command — you cannot ask for escalated "
    "permissions if the approval policy is Never"
)
FORCED_REMOVAL = "rm -f style commands are not permitted. Use a safer approach"
_OUTSIDE = (
    "patch rejected: writing outside of the project; rejected by user approval settings"
)
_READ_ONLY = (
    "patch rejected: writing is blocked by read-only sandbox; "
    "rejected by user approval settings"
)

# --- the table --------------------------------------------------------------------


def decide(action: Action, permissions: Permissions) -> Verdict:
    """Return whether ``action`` may run under ``permissions``, and where.

    A ``Deny`` carries the words for the model. ``on-failure`` is ``on-request``.
    """
    match action:
        case RunCommand():
            return _decide_command(action, permissions)
        case WriteFiles():
            return _decide_write(action, permissions)
        case _:
            assert_never(action)


def _decide_command(action: RunCommand, permissions: Permissions) -> Verdict:
    never = permissions.approval == "never"
    if removes_by_force(action.command):
        return Deny(FORCED_REMOVAL) if never else Ask("it removes files by force")
    if action.escalated and never:
        return Deny(NO_ESCALATION)
    if permissions.approval == "untrusted" and not known_safe(action.command):
        return Ask(action.justification or "not on the list of harmless commands")
    if permissions.mode == "danger-full-access":
        return Allow(sandboxed=False)
    if action.escalated:
        return Ask(action.justification or "it asks to run outside the sandbox")
    return Allow()


def _decide_write(action: WriteFiles, permissions: Permissions) -> Verdict:
    if permissions.mode == "danger-full-access":
        return Allow(sandboxed=False)
    read_only = permissions.mode == "read-only"
    roots = () if read_only else permissions.writable_roots
    if all(_writable(path, roots) for path in action.paths):
        return Allow()
    if permissions.approval != "never":
        return Ask("it writes where the sandbox does not let commands write")
    return Deny(_READ_ONLY if read_only else _OUTSIDE)


# --- paths ------------------------------------------------------------------------

PROTECTED_NAMES = (".git", ".codex", ".agents")
"""Entries of a writable root that stay read-only: hooks and settings run code."""


def _writable(path: str, roots: tuple[str, ...]) -> bool:
    """Return whether ``path`` is inside a root and not in its protected entries."""
    names = _names(path)
    if names is None:
        return False
    inside = False
    for root in roots:
        above = _names(root)
        if above is None or names[: len(above)] != above:
            continue
        below = names[len(above) :]
        if below and below[0] in PROTECTED_NAMES:
            return False
        inside = True
    return inside


def _names(path: str) -> list[str] | None:
    """Return the components of an absolute path; None for one that is not."""
    if not path.startswith("/"):
        return None
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del names[-1:]
        elif name not in {"", "."}:
            names.append(name)
    return names


# --- scripts ----------------------------------------------------------------------
# A lexer for POSIX shell scripts, as far as a list of simple commands needs one.
# `shlex` has no newlines, here-documents or comments that end with their line.

_TOKENS = (
    r"(?P<blank>[ \t\r]+|\\\n)"
    r"|(?P<newline>\n)"
    r"|(?P<heredoc><<-?(?!<))"
    r"|(?P<redirect>\d*(?:[<>]+[&|]?|&>+))"
    r"|(?P<end>&&|\|\||;;|[;|&()])"
    r"|(?P<single>'[^']*')"
    r'|(?P<double>"(?:\\.|[^"\\])*")'
    r"|(?P<escape>\\.)"
    r"|(?P<bare>[^\s'\"\\;|&()<>]+|.)"
)
_CUT_AT_ESCAPE = re.compile(r'\\([$`"\\\n])')


class _Lexer:
    """Takes a script apart into simple commands, each a list of words."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._commands: list[list[str]] = [[]]
        self._word: str | None = None
        self._heredocs: list[str] = []
        self._expects: Literal["", "delimiter", "file"] = ""

    def commands(self) -> list[list[str]]:
        """Return the commands in order; here-documents and comments are left out."""
        at = 0
        pattern = re.compile(_TOKENS, re.DOTALL)
        while token := pattern.match(self._script, at):
            at = token.end()
            kind, text = token.lastgroup, token.group()
            if kind == "bare" and text[0] == "#" and self._word is None:
                at = self._line_end(at)
            elif kind in {"single", "double", "escape", "bare"}:
                self._word = (self._word or "") + _unquoted(str(kind), text)
            else:
                self._separate(str(kind))
                if kind == "newline":
                    at = self._after_heredocs(at)
        self._separate("end")
        return [command for command in self._commands if command]

    def _separate(self, kind: str) -> None:
        self._end_word()
        if kind == "heredoc":
            self._expects = "delimiter"
        elif kind == "redirect":
            self._expects = "file"
        elif kind in {"end", "newline"}:
            self._expects = ""
            self._commands.append([])

    def _end_word(self) -> None:
        if self._word is None:
            return
        if self._expects == "delimiter":
            self._heredocs.append(self._word)
        elif self._expects != "file":
            self._commands[-1].append(self._word)
        self._word = None
        self._expects = ""

    def _line_end(self, at: int) -> int:
        end = self._script.find("\n", at)
        return len(self._script) if end < 0 else end

    def _after_heredocs(self, at: int) -> int:
        for delimiter in self._heredocs:
            line = None
            while at < len(self._script) and line != delimiter:
                end = self._line_end(at)
                line = self._script[at:end].lstrip("\t")
                at = min(end + 1, len(self._script))
        self._heredocs.clear()
        return at


def _unquoted(kind: str, text: str) -> str:
    if kind == "single":
        return text[1:-1]
    if kind == "double":
        return _CUT_AT_ESCAPE.sub(r"\1", text[1:-1])
    return text[1:] if kind == "escape" else text


# --- removal by force -------------------------------------------------------------

_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh"})
_KEYWORDS = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{"})
# A command that runs the rest of its words, and its options that take a value.
_RUNNERS = {
    "sudo": "CDRTUghprtu",
    "doas": "Cu",
    "env": "CSu",
    "command": "",
    "exec": "a",
    "nohup": "",
    "time": "fo",
    "nice": "n",
}
_NESTED_SCRIPTS = 4


def removes_by_force(script: str, depth: int = _NESTED_SCRIPTS) -> bool:
    """Return whether a command of ``script`` is ``rm`` with ``-f`` or ``--force``.

    Seen through ``sudo``, ``env`` and their like, absolute paths and nested
    ``bash -c``. It catches habits, not cunning: ``xargs rm -f``, ``find -delete`` and
    ``$(echo rm) -f`` are not seen. The sandbox is the wall.
    """
    for command in _Lexer(script).commands():
        words = _without_runners(command)
        if not words:
            continue
        name = words[0].rpartition("/")[2]
        if name == "rm" and _has_force(words[1:]):
            return True
        nested = _script_of(words) if name in _SHELLS and depth else None
        if nested is not None and removes_by_force(nested, depth - 1):
            return True
    return False


def _without_runners(words: list[str]) -> list[str]:
    """Return the words of the program that in the end runs."""
    at, with_value = 0, ""
    runs = False
    while at < len(words):
        word = words[at]
        name = word.rpartition("/")[2]
        if _assigns(word) or (not runs and word in _KEYWORDS):
            at += 1
        elif runs and word.startswith("-") and word != "-":
            takes_next = len(word) == len("-u") and word[1] in with_value
            at += 2 if takes_next else 1
        elif name in _RUNNERS:
            with_value, runs = _RUNNERS[name], True
            at += 1
        else:
            break
    return words[at:]


def _assigns(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _has_force(arguments: list[str]) -> bool:
    for word in arguments:
        if word == "--":
            return False
        if word.startswith("--f") and "--force".startswith(word):
            return True
        if word.startswith("-") and not word.startswith("--") and "f" in word:
            return True
    return False


def _script_of(words: list[str]) -> str | None:
    """Return the script in ``bash -lc SCRIPT``."""
    for at, word in enumerate(words[1:], start=1):
        if not word.startswith("-"):
            return None
        if not word.startswith("--") and word.endswith("c"):
            return words[at + 1] if at + 1 < len(words) else None
    return None


# --- known to be harmless ---------------------------------------------------------

_HARMLESS = frozenset(
    (
        *("cat", "cd", "cut", "echo", "expr", "false", "grep", "head", "id", "ls"),
        *("nl", "numfmt", "paste", "pwd", "rev", "seq", "stat", "tac", "tail", "tr"),
        *("true", "uname", "uniq", "wc", "which", "whoami"),
    )
)
_NEVER_HARMLESS = {
    "base64": ("-o", "--output"),
    "find": (
        *("-exec", "-execdir", "-ok", "-okdir", "-delete"),
        *("-fls", "-fprint", "-fprint0", "-fprintf"),
    ),
    "rg": ("--pre", "--hostname-bin", "--search-zip", "-z"),
}
_SED_WORDS = 4
# Expansions, redirections, groups, comments, escapes and lines. Also inside quotes,
# where some are harmless: such a command asks once too often.
_NOT_PLAIN = frozenset("$`\\<>(){}*?[]~!#^\n\r")


def known_safe(command: str) -> bool:
    """Return whether ``command`` only reads and prints.

    True for plain words joined by ``&& || ; |`` where each command is on a short
    list (Codex CLI 0.148).
    """
    if _NOT_PLAIN & set(command):
        return False
    if "&" in command.replace("&&", ""):
        return False
    if command.count("'") % 2 or command.count('"') % 2:
        return False
    commands = _Lexer(command).commands()
    return bool(commands) and all(_harmless(words) for words in commands)


def _harmless(words: list[str]) -> bool:
    name, *arguments = words
    if name in _NEVER_HARMLESS:
        bad = _NEVER_HARMLESS[name]
        return not any(_is_option(word, bad) for word in arguments)
    if name == "sed":
        return (
            len(words) <= _SED_WORDS
            and words[1:2] == ["-n"]
            and re.fullmatch(r"\d+(,\d+)?p", "".join(words[2:3])) is not None
            and not any(word.startswith("-") for word in words[3:])
        )
    return name in _HARMLESS


def _is_option(word: str, options: tuple[str, ...]) -> bool:
    """Return whether ``word`` may be one of ``options``, also cut short or joined."""
    name = word.partition("=")[0]
    if name.startswith("--"):
        return any(option.startswith(name) for option in options)
    letters = {option[1] for option in options if len(option) == len("-o")}
    return word.startswith("-") and (name in options or not letters.isdisjoint(word))
