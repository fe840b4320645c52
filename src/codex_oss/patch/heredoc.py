"""A patch inside a shell command: recognise it, so that no shell has to run it.

Recognised is a script that is exactly one statement::

    apply_patch <<'WORD'            also <<WORD, <<"WORD", <<-WORD and the name
    …                               applypatch
    WORD
    cd DIR && apply_patch <<'WORD'  DIR a plain word or a quoted one
    apply_patch '…'                 the patch as one quoted word

Everything else is an ordinary command. Nothing in the patch is expanded.
"""

import re

import msgspec

from codex_oss.patch.parse import BEGIN

_CD = r"""(?:cd\s+(?P<dir>'[^']*'|"[^"$`\\]*"|[^\s'"$`\\;&|<>()*?#~]+)\s*&&\s*)?"""
_NAME = r"apply_?patch"
_HEREDOC = (
    rf"\s*{_CD}{_NAME}\s*<<(?P<tabs>-?)\s*(?P<quote>['\"]?)(?P<word>\w+)(?P=quote)\s*"
)
_ARGUMENT = rf"""\s*{_CD}{_NAME}\s+(?P<argument>'.*'|"(?:[^"\\]|\\.)*")\s*"""


class Invocation(msgspec.Struct, frozen=True):
    """A patch and the directory that it is for, if the script names one."""

    patch: str
    workdir: str | None


def recognise(script: str) -> Invocation | None:
    """Return the patch that ``script`` applies, or None if it does anything else."""
    opening, _, rest = script.lstrip().partition("\n")
    heredoc = re.fullmatch(_HEREDOC, opening)
    if heredoc is not None:
        body = _body(rest, heredoc["word"], tabs=bool(heredoc["tabs"]))
        return None if body is None else Invocation(body, _unquote(heredoc["dir"]))
    argument = re.fullmatch(_ARGUMENT, script, re.DOTALL)
    if argument is None:
        return None
    patch = _word(argument["argument"])
    return None if patch is None else Invocation(patch, _unquote(argument["dir"]))


def is_bare_patch(script: str) -> bool:
    """Return whether the command is itself a patch, without a program's name."""
    return script.lstrip().startswith(BEGIN)


def _body(rest: str, word: str, *, tabs: bool) -> str | None:
    """Return the lines up to ``word``; a shell takes a missing one for the end."""
    lines = [line.removesuffix("\r") for line in rest.split("\n")]
    if tabs:
        lines = [line.lstrip("\t") for line in lines]
    if word not in lines:
        return "\n".join(lines)
    end = lines.index(word)
    if any(line.strip() for line in lines[end + 1 :]):
        return None
    return "\n".join(lines[:end])


def _word(quoted: str) -> str | None:
    r"""Return the text of a quoted word; ``'\''`` is a quote inside single quotes."""
    if quoted[0] == '"':
        return re.sub(r'\\(["\\$`])', r"\1", quoted[1:-1])
    inner = quoted[1:-1].replace("'\\''", "\0").replace("'\"'\"'", "\0")
    return None if "'" in inner else inner.replace("\0", "'")


def _unquote(word: str | None) -> str | None:
    return word[1:-1] if word is not None and word[0] in "'\"" else word
