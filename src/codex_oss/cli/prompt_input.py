"""Where the prompt of ``exec`` comes from: the argument, stdin, or both."""

import sys
from typing import TextIO

from codex_oss.errors import CodexOssError


def read_prompt(given: str | None, stdin: TextIO, err: TextIO = sys.stderr) -> str:
    """Return the prompt, as Codex's ``exec`` puts it together.

    ``-`` and no argument read stdin. With an argument, piped stdin is read to its
    end and appended inside ``<stdin>``; a terminal is left alone.
    """
    if given is not None and not _is_text(given):
        raise CodexOssError("the prompt is not UTF-8 text")
    if given == "-":
        return _read(stdin)
    if given is None:
        if stdin.isatty():
            raise CodexOssError(
                "No prompt provided. Either specify one as an argument or pipe the "
                "prompt into stdin."
            )
        err.write("Reading prompt from stdin...\n")
        text = _read(stdin)
        if not text.strip():
            raise CodexOssError("No prompt provided via stdin.")
        return text
    if stdin.isatty():
        return given
    err.write("Reading additional input from stdin...\n")
    text = _read(stdin)
    if not text:
        return given
    end = "" if text.endswith("\n") else "\n"
    return f"{given}\n\n<stdin>\n{text}{end}</stdin>"


def _read(stdin: TextIO) -> str:
    try:
        return stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise CodexOssError(f"stdin is not UTF-8 text: {error.reason}") from error


def _is_text(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True
