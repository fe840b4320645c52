"""The environment of the model's commands.

Source of names and order: ``shell_environment_policy`` and the variables that the
Codex CLI 0.169 adds.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from codex_oss.config.schema import ShellEnvironmentPolicy

_CORE = (
    *("HOME", "LANG", "LC_*", "LOGNAME", "PATH", "SHELL", "USER", "USERNAME"),
    *("TMPDIR", "TEMP", "TMP"),
)
_DEFAULT_EXCLUDES = ("*KEY*", "*SECRET*", "*TOKEN*")
_FOR_PROGRAMS = {
    # No colours, pagers or translations: a model reads this.
    "NO_COLOR": "1",
    "TERM": "dumb",
    "LANG": "C.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "COLORTERM": "",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GH_PAGER": "cat",
    "CODEX_CI": "1",
    "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS": "1",
}


def command_env(
    base: Mapping[str, str],
    policy: ShellEnvironmentPolicy,
    *,
    secrets: Iterable[str] = (),
    thread_id: str = "",
    version: str = "",
) -> dict[str, str]:
    """Return the environment of a model's commands, ``base`` being this program's.

    To what ``allowed_env`` returns come variables for programs whose output a model
    reads; what ``policy.set`` says goes before them.
    """
    env = allowed_env(base, policy, secrets=secrets)
    ours = _FOR_PROGRAMS | {
        "CODEX_VERSION": version,
        "CODEX_THREAD_ID": thread_id,
        "CODEX_SESSION_ID": thread_id,
    }
    return env | {k: v for k, v in ours.items() if k not in policy.set}


def allowed_env(
    base: Mapping[str, str],
    policy: ShellEnvironmentPolicy,
    *,
    secrets: Iterable[str] = (),
) -> dict[str, str]:
    """Return what commands get of ``base``, this program's environment.

    ``secrets`` are variables that hold keys of model servers: commands never get
    them, unless ``policy.set`` says so.
    """
    env = _inherited(base, policy.inherit)
    if not policy.ignore_default_excludes:
        env = _without(env, _DEFAULT_EXCLUDES)
    env = _without(_without(env, policy.exclude), tuple(secrets))
    env |= policy.set
    if policy.include_only:
        env = {k: v for k, v in env.items() if _matches(k, policy.include_only)}
    return env


def _inherited(base: Mapping[str, str], inherit: str) -> dict[str, str]:
    if inherit == "all":
        return dict(base)
    if inherit == "core":
        return {k: v for k, v in base.items() if _matches(k, _CORE)}
    return {}


def _without(env: Mapping[str, str], patterns: tuple[str, ...]) -> dict[str, str]:
    return {k: v for k, v in env.items() if not _matches(k, patterns)}


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)
