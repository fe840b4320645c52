"""What `exec_command` and `write_stdin` take: as types, and as JSON schemas.

Source: the Codex CLI 0.169. A model pays for every word, so what a name says is not
said again.
"""

from typing import Any, Literal

import msgspec


class RunArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``exec_command``."""

    cmd: str
    workdir: str | None = None
    shell: str | None = None
    login: bool | None = None
    tty: bool | None = None
    yield_time_ms: float | None = None
    max_output_tokens: float | None = None
    sandbox_permissions: Literal["use_default", "require_escalated"] | None = None
    justification: str | None = None
    prefix_rule: list[str] | None = None


class WriteArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``write_stdin``."""

    session_id: int
    chars: str | None = None
    yield_time_ms: float | None = None
    max_output_tokens: float | None = None


_Properties = dict[str, dict[str, Any]]
_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_FLAG = {"type": "boolean"}
RUN_PROPERTIES: _Properties = {
    "cmd": _TEXT,
    "workdir": {**_TEXT, "description": "Default: the current directory"},
    "tty": {**_FLAG, "description": "Give it a terminal, to type with write_stdin"},
    "yield_time_ms": {**_NUMBER, "description": "Default 10000, at most 30000"},
    "max_output_tokens": _NUMBER,
    "login": _FLAG,
    "shell": _TEXT,
}
ASK_PROPERTIES: _Properties = {
    "sandbox_permissions": {
        **_TEXT,
        "enum": ["use_default", "require_escalated"],
        "description": "require_escalated asks the user to run it unsandboxed",
    },
    "justification": {**_TEXT, "description": "The question to the user for that"},
    "prefix_rule": {
        "type": "array",
        "items": _TEXT,
        "description": "First words of commands the user may allow for good",
    },
}
"""Further parameters of ``exec_command`` where somebody can be asked."""
WRITE_PROPERTIES: _Properties = {
    "session_id": _NUMBER,
    "chars": {**_TEXT, "description": "Such as y\\n; \\u0003 is Ctrl-C"},
    "yield_time_ms": _NUMBER,
    "max_output_tokens": _NUMBER,
}
