"""Shell scripts, taken apart into simple commands."""

import re
from typing import Literal

import msgspec


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A script as its simple commands."""

    text: str


def read(text: str) -> Script:
    """Return ``text`` taken apart."""
    return Script(text=text)


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


class Lexer:
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
