"""Requests in the form in which the Codex CLI 0.169 sends them, in words of our own.

Sizes, tags, headings, tools and their parameters are as Codex has them: that is what
the program goes by. The prose is filler.
"""

from typing import Any

from codex_oss.wire import responses

_FILLER = "This line stands for a rule that the client tells every model it talks to. "
_HEADINGS = (
    "# How you work",
    "## Personality",
    "# AGENTS.md spec",
    "## Responsiveness",
    "### Preamble messages",
    "## Task execution",
    "## Validating your work",
    "# Tool Guidelines",
    "## Shell commands",
)
_SKILLS = """<skills_instructions>
## Skills
Words about what skills are.
### Skill roots
- `r0` = `/home/me/.codex/skills/.system`
- `r1` = `/home/me/.codex/skills`
### Available skills
- painter: Paints pictures of all kinds for those who like them. It has colours, \
brushes and more. Do not use it for text. (file: r0/painter/SKILL.md)
- team:release: How we release. Read it before each release. (file: r1/rel/SKILL.md)
### How to use skills
- Words about how: the model reads the file.
</skills_instructions>"""
_SANDBOX = (
    "Filesystem sandboxing says what can be read and written. `sandbox_mode` is "
    "`{mode}`: more words. Network access is {network}."
)
_NEVER = "Approval policy is currently never. Do not ask for anything."
_ASKS = """# Escalation Requests
Words about segments of commands.
- Pipes: |
## How to request escalation
Use `sandbox_permissions` with "require_escalated" and a `justification`.
## When to request escalation
- Often.
## prefix_rule guidance
Words.
### Banned prefix_rules
Words.
### Examples
- ["make", "test"]"""
_ROOTS = " The writable roots are `/tmp`, `/repo`."
_ENVIRONMENT = """<environment_context>
  <cwd>/repo</cwd>
  <shell>bash</shell>
  <current_date>2026-11-21</current_date>
  <filesystem><workspace_roots><root>/repo</root></workspace_roots><permission_profile \
type="managed"><file_system type="restricted"><entry access="read"><special>:root\
</special></entry><entry access="write"><path>/repo</path></entry><entry access="read">\
<path>/repo/.git</path></entry><entry access="read"><path>/repo/.codex</path></entry>\
</file_system></permission_profile></filesystem>
</environment_context>"""


def base(opening: str = "You are a coding agent running in the Codex CLI, ") -> str:
    """Return base instructions of 17,000 characters."""
    parts = [f"{heading}\n\n{_FILLER * 24}" for heading in _HEADINGS]
    return "\n\n".join([f"{opening}as this line says.", *parts])


def permissions(
    mode: str = "workspace-write",
    network: str = "restricted",
    *,
    asks: bool = False,
    also: str = "",
) -> str:
    """Return what Codex says about the sandbox; ``also`` is a line of no known form."""
    said = _SANDBOX.format(mode=mode, network=network)
    lines = [said, _ASKS if asks else _NEVER, also, _ROOTS]
    body = "\n".join(filter(None, lines))
    return f"<permissions instructions>\n{body}\n</permissions instructions>"


def skills() -> str:
    """Return a list of two skills: one of Codex's own and one of the person's."""
    return _SKILLS


def environment() -> str:
    """Return the environment of a turn in ``/repo``."""
    return _ENVIRONMENT


def mode(name: str) -> str:
    """Return what the TUI says about the mode that it is in."""
    return f"<collaboration_mode># Collaboration Mode: {name}\n\n{_FILLER * 5}\
</collaboration_mode>"


def message(role: str, *texts: str) -> dict[str, Any]:
    """Return a message of text parts."""
    parts = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "role": role, "content": parts}


def head(*, asks: bool = False) -> list[dict[str, Any]]:
    """Return the items of a first turn before the prompt."""
    return [
        message("developer", base()),
        message("developer", skills(), permissions(asks=asks)),
        message("user", environment()),
    ]


def function(name: str, required: str = "", optional: str = "") -> dict[str, Any]:
    """Return a function tool; parameters are strings, named by words."""
    names = [*required.split(), *optional.split()]
    return {
        "type": "function",
        "name": name,
        "description": _FILLER * 6,
        "strict": False,
        "parameters": {
            "type": "object",
            "properties": {
                each: {"type": "string", "description": _FILLER} for each in names
            },
            "required": required.split(),
            "additionalProperties": False,
        },
    }


def namespace(name: str, *tools: dict[str, Any]) -> dict[str, Any]:
    """Return tools under a common name."""
    return {
        "type": "namespace",
        "name": name,
        "description": _FILLER,
        "tools": [*tools],
    }


EXEC = function(
    "exec_command",
    "cmd",
    "justification login max_output_tokens prefix_rule sandbox_permissions shell tty "
    "workdir yield_time_ms",
)
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": _FILLER,
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: line+"},
}
AGENTS = namespace(
    "multi_agent_v1",
    function("close_agent", "target"),
    function("resume_agent", "id"),
    function("send_input", "target", "interrupt items message"),
    function("spawn_agent", "", "fork_context items message model reasoning_effort"),
    function("wait_agent", "targets", "timeout_ms"),
)
MCP = namespace("mcp__demo", function("echo", "text", "loud"))
TOOLS: list[dict[str, Any]] = [
    EXEC,
    function("write_stdin", "session_id", "chars max_output_tokens yield_time_ms"),
    function("request_user_input", "questions"),
    function("view_image", "path"),
    AGENTS,
    MCP,
    function("get_goal"),
    function("create_goal", "objective", "token_budget"),
    function("update_goal", "status"),
    {"type": "web_search", "external_web_access": False},
]


def request(
    items: list[dict[str, Any]] | None = None,
    tools: list[dict[str, Any]] | None = None,
    **fields: Any,
) -> responses.Request:
    """Return a decoded request; without arguments, that of a first turn."""
    given = [*head(), message("user", "hello")] if items is None else items
    body = {"model": "m", "input": given, "tools": TOOLS if tools is None else tools}
    return responses.decode_request(responses.encode({**body, **fields}))
