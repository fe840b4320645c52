"""What the Codex CLI tells the model about its surroundings, in few words.

Codex wraps each piece in tags. A piece is rewritten when its form is the known one,
and whatever in it is not known is kept: a rule must not get lost, and what is said
stays true. The result is not of the known form, so that it is never cut again.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from codex_oss.translate.diet.known import Mode
from codex_oss.translate.diet.toolset import SmallLevel
from codex_oss.translate.diet.wording import cut

SKILL_LENGTH = 90
"""Characters of a skill's description that are kept."""
KEPT = 64
"""Texts whose short form is kept: a conversation's head comes with each request."""
KEPT_CHARS = 64 * 1024
"""Of one of them; a longer one is made short each time it comes."""

_ESCALATE = "require_escalated"
_NEVER = "Approval policy is currently never"
_MODE = "<collaboration_mode>"


def modes_of(text: str) -> frozenset[Mode]:
    """Return the modes that a piece of a developer's message speaks of."""
    found: set[Mode] = set()
    if text.startswith("<permissions") and _ESCALATE in text and _NEVER not in text:
        found.add("escalate")
    if text.startswith(_MODE) and "Plan" in text.strip().partition("\n")[0]:
        found.add("plan")
    return frozenset(found)


def slim_developer(text: str, level: SmallLevel) -> str | None:
    """Return one part of a developer's message in few words; None to leave it out."""
    return _slimmed(text, level, _DEVELOPER)


def slim_user(text: str, level: SmallLevel) -> str | None:
    """Return one part of a user's message; only the environment is made shorter."""
    return _slimmed(text, level, _USER)


_Rewriter = Callable[[str, SmallLevel], str | None]


def _slimmed(
    text: str, level: SmallLevel, rewriters: dict[str, _Rewriter]
) -> str | None:
    tag = next((tag for tag in rewriters if text.startswith(f"<{tag}>")), None)
    if tag is None:  # nearly every text: nothing of it is kept
        return text
    rewritten = _rewritten if len(text) <= KEPT_CHARS else _rewritten.__wrapped__
    return rewritten(text, tag, level, rewriters[tag])


@lru_cache(maxsize=KEPT)
def _rewritten(
    text: str, tag: str, level: SmallLevel, rewriter: _Rewriter
) -> str | None:
    body, closed, rest = text.removeprefix(f"<{tag}>").rpartition(f"</{tag}>")
    if not closed or rest.strip():
        return text
    slim = rewriter(body.strip(), level)
    if slim == body.strip():
        return text
    return slim and f"<{tag}>\n{slim}\n</{tag}>"


# --- skills ------------------------------------------------------------------------

_HEADINGS = frozenset(
    ("## Skills", "### Skill roots", "### Available skills", "### How to use skills")
)
_LISTED = r"^### Available skills\n((?:- .*\n?)+)"
_SKILL = r"^- (\S+): (.*) \(file: ([^()\n]+)\)$"
_ROOT = r"^- `(\w+)` = `([^`\n]+)`$"
_OWN_SKILLS = "/.system/"
_SKILLS = (
    "Skills are instructions in files. When the user names one, or the task is what "
    "one is for, read its file first:"
)


def _skills(body: str, level: SmallLevel) -> str | None:
    """Return the skills with their paths; "aggressive" leaves out Codex's own."""
    headings = {line.rstrip() for line in body.split("\n") if line.startswith("#")}
    listed = re.search(_LISTED, body, re.MULTILINE)
    if listed is None or not headings <= _HEADINGS:
        return body
    entries = listed[1].strip().split("\n")
    found = [re.match(_SKILL, entry) for entry in entries]
    roots: dict[str, str] = dict(re.findall(_ROOT, body, re.MULTILINE))
    lines: list[str] = []
    for entry in found:
        if entry is None:  # not the known form: all of it stays
            return body
        name, about, path = entry.groups()
        root, slash, rest = path.partition("/")
        whole = f"{roots.get(root, root)}{slash}{rest}"
        if level == "safe":
            lines.append(f"- {name}: {cut(about, SKILL_LENGTH)} Path: {whole}")
        elif _OWN_SKILLS not in whole:
            lines.append(f"- {name}: {whole}")
    return "\n".join([_SKILLS, *lines]) if lines else None


# --- permissions -------------------------------------------------------------------

_SANDBOX = (
    r"^Filesystem sandboxing .*?`sandbox_mode` is `(read-only|workspace-write|"
    r"danger-full-access)`: .*?Network access is (restricted|enabled)\.(.*)$"
)
_FILES = {
    "read-only": "read-only; nothing can be written",
    "workspace-write": "all files can be read, the writable roots written",
    "danger-full-access": "none",
}
_NETWORK = {"restricted": "none", "enabled": "yes"}
_EXAMPLES = "### Examples"
_ASKING = frozenset(
    (
        "# Escalation Requests",
        "## How to request escalation",
        "## When to request escalation",
        "## prefix_rule guidance",
        "### Banned prefix_rules",
        _EXAMPLES,
    )
)
_NOBODY_ASKED = "Approvals: none. What is blocked stays blocked: do not ask."
_ASK = (
    "Approvals: a command can be let out of the sandbox. Call exec_command with "
    '"sandbox_permissions": "require_escalated" and a short question in '
    '"justification", without asking in words before: when the sandbox or the missing '
    "network stops a command that the task needs, and before anything destructive that "
    "the user did not ask for."
)


def _permissions(body: str, _level: SmallLevel) -> str:
    """Return the sandbox, the network, who approves, and all that is not known."""
    first, _, rest = body.partition("\n")
    known = re.match(_SANDBOX, first)
    never, asks = _NEVER in rest, "## How to request escalation" in rest
    if known is None or never == asks:
        return body
    mode, network, more = known.groups()
    said = f"Sandbox: {_FILES[mode]}. Network: {_NETWORK[network]}.{more}"
    approval = _NOBODY_ASKED if never else _ASK
    return "\n".join([said, approval, *_others(rest)])


def _others(text: str) -> list[str]:
    """Return the lines that are not Codex's words about asking for approval.

    Those end with a list of examples; what follows it has no heading of its own.
    """
    kept: list[str] = []
    skipping = listed = False
    last = ""
    for line in filter(str.strip, text.split("\n")):
        if line.startswith("#"):
            last, listed = line.rstrip(), False
            skipping = last in _ASKING
        elif last == _EXAMPLES:
            skipping = skipping and (line.startswith("- ") or not listed)
            listed = listed or line.startswith("- ")
        if not skipping and not line.startswith(_NEVER):
            kept.append(line.strip())
    return kept


# --- mode and environment ----------------------------------------------------------

_DEFAULT_MODE = "# Collaboration Mode: Default"
_IN_DEFAULT = (
    "Default mode. Make sensible assumptions and do the work. Ask only what you cannot "
    "go on without, in one plain sentence."
)


def _mode(body: str, _level: SmallLevel) -> str:
    return _IN_DEFAULT if body.startswith(_DEFAULT_MODE) else body


_FILESYSTEM = r"\s*<filesystem>(.*)</filesystem>"
_WORKSPACE = r"<workspace_roots>(?:<root>[^<]*</root>)*</workspace_roots>"
_ENTRY = (
    r'<entry access="(read|write)">(?:<path>([^<]*)</path>|<special>(:\w+)</special>)'
    r"</entry>"
)
_PROFILE = (
    rf'{_WORKSPACE}<permission_profile type="managed"><file_system type="restricted">'
    rf"(?:{_ENTRY})*</file_system></permission_profile>"
)


def _environment(body: str, level: SmallLevel) -> str:
    """Return the environment; "aggressive" keeps of its profile what is protected.

    What can be written stands with the permissions.
    """
    if level != "aggressive":
        return body
    found = re.search(_FILESYSTEM, body, re.DOTALL)
    if found and re.fullmatch(_PROFILE, found[1]):
        entries: list[tuple[str, str, str]] = re.findall(_ENTRY, found[1])
        kept = " ".join(path for access, path, _ in entries if access == "read")
        protected = f"\n<read_only>{kept.strip()}</read_only>" if kept.strip() else ""
        body = body[: found.start()] + protected + body[found.end() :]
    return "\n".join(line.strip() for line in body.split("\n"))


_DEVELOPER: dict[str, _Rewriter] = {
    "skills_instructions": _skills,
    "permissions instructions": _permissions,
    "collaboration_mode": _mode,
}
_USER: dict[str, _Rewriter] = {"environment_context": _environment}
