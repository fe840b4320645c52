"""May this action run: allow, ask or deny. The table stands in ``policy.table``."""

from codex_oss.policy.actions import (
    Action,
    Allow,
    Answer,
    AnswerServer,
    Ask,
    CallTool,
    Deny,
    Machine,
    Question,
    RunAgain,
    RunCommand,
    Verdict,
    WriteFiles,
)
from codex_oss.policy.permissions import (
    PROTECTED_NAMES,
    ApprovalPolicy,
    Granular,
    Isolation,
    Permissions,
    SandboxMode,
    within,
    writable,
)
from codex_oss.policy.rules import PrefixRule, Rules
from codex_oss.policy.table import NO_ESCALATION, decide

__all__ = [
    "NO_ESCALATION",
    "PROTECTED_NAMES",
    "Action",
    "Allow",
    "Answer",
    "AnswerServer",
    "ApprovalPolicy",
    "Ask",
    "CallTool",
    "Deny",
    "Granular",
    "Isolation",
    "Machine",
    "Permissions",
    "PrefixRule",
    "Question",
    "Rules",
    "RunAgain",
    "RunCommand",
    "SandboxMode",
    "Verdict",
    "WriteFiles",
    "decide",
    "within",
    "writable",
]
