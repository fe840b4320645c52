"""Requests as the Codex CLI 0.169 builds them, in words of our own.

Sizes are those measured of its first turn with a model it does not know: base prompt
17.1 KB, skills and permissions 2.7 KB, environment 0.9 KB, tools 17.3 KB.
"""

import json
from typing import Any

HEADERS = {
    "content-type": "application/json",
    "accept": "text/event-stream",
    "originator": "codex_exec",
    "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown",
    "session-id": "01a1fd2e-741b-7b50-a8e6-6c8cc14d32e5",
    "thread-id": "01a1fd2e-741b-7b50-a8e6-6c8cc14d32e5",
}
_PROSE = """
work with care read what stands there before a change run the tests say what was done
keep answers short name files by their path never guess ask when two ways lead apart
prefer small steps to large ones and leave the folder as it was found
"""
_WORDS = _PROSE.split()

_BASE, _SKILLS, _PERMISSIONS, _ENVIRONMENT = 17_100, 2_100, 530, 880
_TOOLS: dict[str, tuple[int, dict[str, str]]] = {
    "exec_command": (
        900,
        {
            "cmd": "string", "workdir": "string", "shell": "string", "login": "boolean",
            "tty": "boolean", "yield_time_ms": "number", "max_output_tokens": "number",
            "sandbox_permissions": "string", "justification": "string",
        },
    ),
    "write_stdin": (
        400,
        {
            "session_id": "number", "chars": "string", "yield_time_ms": "number",
            "max_output_tokens": "number",
        },
    ),
    "request_user_input": (1_100, {"questions": "string"}),
    "view_image": (150, {"path": "string"}),
    "get_goal": (150, {}),
    "create_goal": (500, {"objective": "string", "token_budget": "number"}),
    "update_goal": (1_800, {"status": "string"}),
}  # fmt: skip
_AGENTS: dict[str, tuple[int, dict[str, str]]] = {
    "close_agent": (450, {"target": "string"}),
    "resume_agent": (300, {"id": "string"}),
    "send_input": (1_500, {"target": "string", "message": "string"}),
    "spawn_agent": (3_400, {"message": "string", "model": "string"}),
    "wait_agent": (600, {"targets": "string", "timeout_ms": "number"}),
}
_PARAMETER = 90
"""Characters that describe one parameter."""


def text(size: int, start: int = 0) -> str:
    """Return prose of so many characters, the same every time."""
    words, length, number = list[str](), 0, start
    while length < size:
        word = _WORDS[(number * 7 + number // 11) % len(_WORDS)]
        number += 1
        words.append(word + (".\n" if number % 13 == 0 else ""))
        length += len(words[-1]) + 1
    return " ".join(words)[:size]


def tools() -> list[dict[str, Any]]:
    """Return the tools of a first turn."""
    agents = [_function(name, *shape) for name, shape in _AGENTS.items()]
    namespace = {
        "type": "namespace",
        "name": "multi_agent_v1",
        "description": text(60),
        "tools": agents,
    }
    functions = [_function(name, *shape) for name, shape in _TOOLS.items()]
    search = {"type": "web_search", "external_web_access": False}
    return [*functions[:4], namespace, *functions[4:], search]


def message(role: str, said: str) -> dict[str, Any]:
    """Return a message item."""
    kind = "output_text" if role == "assistant" else "input_text"
    parts = [{"type": kind, "text": said}]
    return {"type": "message", "role": role, "content": parts}


def first_turn() -> list[dict[str, Any]]:
    """Return the input of a first turn."""
    return [
        message("developer", text(_BASE)),
        {
            "type": "message",
            "role": "developer",
            "content": [
                {"type": "input_text", "text": "<skills>" + text(_SKILLS, 3)},
                {"type": "input_text", "text": "<permissions>" + text(_PERMISSIONS, 5)},
            ],
        },
        message("user", "<environment_context>" + text(_ENVIRONMENT, 9)),
        message("user", "List the files of this folder."),
    ]


def call_and_output(number: int) -> list[dict[str, Any]]:
    """Return a call and its output, as they join the history."""
    call = {
        "type": "function_call",
        "name": "exec_command",
        "arguments": json.dumps({"cmd": f"ls -l part{number}"}),
        "call_id": f"call_{number}",
    }
    output = "Chunk ID: 0a1b2c\nWall time: 0.0120 seconds\nOutput:\n" + text(
        300, number
    )
    return [
        call,
        {
            "type": "function_call_output",
            "call_id": f"call_{number}",
            "output": output,
        },
    ]


def body(model: str, given: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a request as Codex sends it."""
    metadata = {f"x-codex-{n}": text(60, n) for n in range(16)}
    return {
        "model": model,
        "input": given,
        "tools": tools(),
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": HEADERS["thread-id"],
        "client_metadata": metadata,
    } | more


def http(request: dict[str, Any], headers: dict[str, str] | None = None) -> bytes:
    """Return a request as bytes of HTTP."""
    data = json.dumps(request, separators=(",", ":")).encode()
    lines = [f"{name}: {value}\r\n" for name, value in (headers or HEADERS).items()]
    head = f"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1\r\n{''.join(lines)}"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


def chat(model: str, size: int, *, stream: bool) -> bytes:
    """Return a Chat request of the same size, for the server behind the bridges."""
    asked = {
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": text(size)}],
    }
    data = json.dumps(asked, separators=(",", ":")).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    return f"{head}content-length: {len(data)}\r\n\r\n".encode() + data


def small(model: str, *, stream: bool) -> dict[str, Any]:
    """Return the least request."""
    return {"model": model, "input": "Say a word.", "stream": stream, "store": False}


def _function(name: str, size: int, fields: dict[str, str]) -> dict[str, Any]:
    properties = {
        key: {"type": kind, "description": text(_PARAMETER, number)}
        for number, (key, kind) in enumerate(fields.items())
    }
    return {
        "type": "function",
        "name": name,
        "description": text(size, len(name)),
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": list(fields)[:1],
            "additionalProperties": False,
        },
    }
