"""What a person is told of an action that the policy refused without asking."""

from codex_oss import policy
from codex_oss.events import Blocked
from codex_oss.policy import Action, Permissions

SHOWN = 160
"""Characters of a command's first line."""
_ASK = "To be asked about it: -a on-request, at a terminal."
_BY_KIND = "`approval_policy.granular` in config.toml says what is asked about."
_FORBIDDEN = "A rule forbids it: `$CODEX_HOME/rules`, or the project's `.codex/rules`."


def told(
    action: Action, reason: str, permissions: Permissions, *, forbidden: bool
) -> Blocked | None:
    """Return what happened and how to allow it; None: that is told by others.

    ``reason`` is what the model reads; ``forbidden`` says that a rule wants it so.
    """
    match action:
        case policy.RunCommand(command=command, escalated=escalated):
            asked = escalated and reason == policy.NO_ESCALATION
            why = "it was to run outside the sandbox" if asked else reason
            what = f"`{_first(command)}` was not run: {why}"
        case policy.WriteFiles(paths=paths):
            more = f", and {len(paths) - 1} more" if len(paths) > 1 else ""
            read_only = permissions.mode == "read-only"
            why = "the sandbox is read-only" if read_only else "not all may be written"
            what = f"an edit was not made: {why} ({''.join(paths[:1])}{more})"
        case policy.CallTool(server=server, tool=tool):
            what = f"{server}/{tool} was not called: nobody is asked for a yes"
        case policy.RunAgain() | policy.AnswerServer():
            return None
    remedy = _FORBIDDEN if forbidden else _remedy(action, permissions)
    return Blocked(item_id="", what=what, remedy=remedy)


def _remedy(action: Action, permissions: Permissions) -> str:
    if isinstance(action, policy.WriteFiles):
        if permissions.mode == "read-only":
            return "To allow writing to the folder: -s workspace-write"
        return "To allow it: --add-dir FOLDER, unless it belongs to git or to settings."
    return _ASK if permissions.approval == "never" else _BY_KIND


def _first(command: str) -> str:
    line, _, more = command.strip().partition("\n")
    return f"{line[:SHOWN]} …" if more or len(line) > SHOWN else line
