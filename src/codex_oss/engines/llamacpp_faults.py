"""Why llama.cpp did not start, read from its log and its exit code."""

from pathlib import Path

import msgspec

from codex_oss.engines.log import Log
from codex_oss.errors import EngineError

OLLAMA = "or use Ollama: `codex-oss exec --oss -m gpt-oss:20b`"


class Refused(Exception):
    """The child ended before it served; ``code`` is 128 + n for signal n."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class Fault(msgspec.Struct, frozen=True):
    """What to tell. ``is_final``: other parameters would not help."""

    error: EngineError
    is_final: bool


class _Sign(msgspec.Struct, frozen=True):
    """Words in the log, and what they mean to people."""

    words: str
    message: str
    hint: str


_DAMAGED = "The model file {path} is damaged or not whole"
_AGAIN = "Delete it and download it again."
_NO_MEMORY = "There is not enough memory for {path}"
_SMALLER = "Use a smaller model, quantization or context, or end other programs."

_SIGNS = (
    _Sign(
        "(No such file or directory)",
        "The model file {path} does not exist",
        "Check the path.",
    ),
    _Sign(
        "(Permission denied)",
        "The model file {path} may not be read",
        "Change its rights, or copy it.",
    ),
    _Sign(
        "unknown model architecture",
        "This llama.cpp cannot run the model: {line}",
        f"Update it with `pip install -U xllamacpp`, take another model, {OLLAMA}.",
    ),
    _Sign(
        "invalid magic characters",
        "{path} is not a GGUF model file",
        "Download the .gguf file itself, not a page or a pointer to it.",
    ),
    _Sign(
        "this software only supports up to version",
        "{path} is of a newer GGUF version than this llama.cpp reads",
        "Update it with `pip install -U xllamacpp`.",
    ),
    _Sign("is not within the file bounds", _DAMAGED, _AGAIN),
    _Sign("failed to read magic", _DAMAGED, _AGAIN),
    _Sign("failed to read key-value pairs", _DAMAGED, _AGAIN),
    _Sign("failed to read tensor info", _DAMAGED, _AGAIN),
    _Sign("insufficient memory", _NO_MEMORY, _SMALLER),
    _Sign("failed to allocate", _NO_MEMORY, _SMALLER),
    _Sign("unable to allocate", _NO_MEMORY, _SMALLER),
    _Sign("std::bad_alloc", _NO_MEMORY, _SMALLER),
    _Sign("out of memory", _NO_MEMORY, _SMALLER),
    _Sign(
        "couldn't bind HTTP server socket",
        "llama.cpp could not listen on 127.0.0.1",
        "Check that a sandbox or firewall lets programs listen on loopback.",
    ),
)
"""Signs in order of preference: the first one found in the log counts."""

_SIGNALS = {
    128 + 9: (
        "The system ended llama.cpp (signal 9), most likely for lack of memory",
        _SMALLER,
    ),
    128 + 4: (
        "This processor lacks instructions that the installed llama.cpp uses (AVX2)",
        f"Build xllamacpp from source, {OLLAMA}.",
    ),
}


def explain(code: int, log: Log, path: Path) -> Fault:
    """Return why a child that ended with ``code`` did not serve ``path``."""
    text = log.text()
    for sign in _SIGNS:
        if sign.words in text:
            line = next(line for line in text.splitlines() if sign.words in line)
            message = sign.message.format(path=path, line=_reason(line))
            return Fault(EngineError(message, hint=sign.hint), is_final=True)
    if code in _SIGNALS:
        message, hint = _SIGNALS[code]
        return Fault(EngineError(message, hint=hint), is_final=True)
    ended = f"crashed (signal {code - 128})" if code > 128 else f"ended ({code})"  # noqa: PLR2004  128 + signal
    errors = [line for line in text.splitlines() if " E " in line]
    why = f": {_reason(errors[-1])}" if errors else ""
    hint = f"Its log: {log.path}" if log.path else "Try another model."
    return Fault(
        EngineError(f"llama.cpp {ended} while it loaded {path}{why}", hint=hint),
        is_final=False,
    )


def taken(port: int) -> EngineError:
    """Return the error for a child that cannot listen where the one before it did."""
    return EngineError(
        f"port {port}, where it was, is another program's by now",
        hint="End codex-oss and start it again: its engine then takes another port.",
    )


def missing(why: str) -> EngineError:
    """Return the error for a child that cannot import xllamacpp."""
    if "libgomp" in why:
        return EngineError(
            f"The embedded engine lacks a library of the system: {why}",
            hint=f"Install libgomp (`apt install libgomp1`, `dnf install libgomp`), "
            f"{OLLAMA}.",
        )
    return EngineError(
        f"The embedded engine is not installed: {why}",
        hint=f"Install it with `pip install codex-oss`, {OLLAMA}.",
    )


def _reason(line: str) -> str:
    """Cut time, level and function from a log line."""
    text = line.partition(" E ")[2] or line
    return text.rpartition("error loading model: ")[2].strip()
