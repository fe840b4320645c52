"""What the user asked for, and what commands may do then."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from codex_oss.config import load
from codex_oss.config.home import user_home
from codex_oss.config.rules import RulesFile
from codex_oss.config.schema import Config
from codex_oss.policy import ApprovalPolicy, Granular, Permissions, within
from codex_oss.ports import Approver
from codex_oss.sandbox import run, secrets
from codex_oss.wiring.world import state_home

if TYPE_CHECKING:
    from codex_oss.engines.base import Consent
    from codex_oss.sessions.kept import Kept
    from codex_oss.wiring.pool import Share

Backend = Literal["auto", "landlock"]
"""What isolates: what the machine has, or only this."""


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """The front end, as a session's file names it."""

    originator: str = "codex_oss_exec"
    source: str = "exec"
    client: str = "codex_exec"
    """The front end, as ``notify`` names it: in Codex's words."""
    arguments: object = None
    """What it was told, if the conversation must be opened again by it."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for: configuration, place and options.

    Without an ``approver`` nobody is asked, whatever the configuration says.
    """

    loaded: load.Loaded
    cwd: Path
    env: Mapping[str, str]
    extra_roots: list[Path] = []
    ephemeral: bool = False
    output_schema: dict[str, Any] | None = None
    approver: Approver | None = None
    alone: bool = False
    """The approver cannot be asked yet: what is asked before is refused."""
    ignore_rules: bool = False
    consent: "Consent | None" = None
    """Who is asked before an engine is started or a model pulled; None: nobody."""
    engines: "Share | None" = None
    """The engines that sessions share; None: this one gets its own."""
    front: Front = Front()
    reviews: bool = False
    """The model is to find what is wrong, not to change anything."""
    kept: "Kept | None" = None
    """The conversation that goes on; None: a new one."""


def permissions(job: Job) -> Permissions:
    """Return what commands may do: Codex's defaults where the user said nothing."""
    config, cwd = job.loaded.config, job.cwd
    mode, write = load.sandbox_mode(config, str(cwd)), config.sandbox_workspace_write
    roots = [cwd, *job.extra_roots, *map(Path, write.writable_roots)]
    scratch: list[Path] = []
    if not write.exclude_slash_tmp:
        scratch.append(Path("/tmp"))  # noqa: S108  a writable root of Codex's
    if (tmp := job.env.get("TMPDIR", "")) and not write.exclude_tmpdir_env_var:
        scratch.append(Path(tmp))
    return Permissions(
        mode=mode,
        approval=_approval(job),
        writable_roots=_real([*roots, *_trusted(config, [*roots, *scratch])]),
        scratch=_real(scratch),
        deny_read=() if mode == "danger-full-access" else unread(job),
        network=write.network_access or mode == "danger-full-access",
    )


def sandbox(job: Job, backend: Backend = "auto") -> run.Sandbox:
    """Return what puts commands into the sandbox that the configuration chooses."""
    return run.Sandbox(
        job.env, state=state_home(job.env), settings=sandbox_settings(job, backend)
    )


def sandbox_settings(job: Job, backend: Backend) -> run.Settings:
    """Return how Linux isolates, as the configuration says."""
    chosen = job.loaded.config.sandbox_linux
    return run.Settings(
        backend=backend,
        fallback=chosen.fallback,
        filter=chosen.filter,
        ptrace=chosen.allow_ptrace,
    )


def rules_file(job: Job) -> RulesFile:
    """Return the rules on commands of the person and of the project they work in."""
    around = load.project_at(job.loaded.config, str(job.cwd))
    return RulesFile(
        job.loaded.home,
        project=job.cwd,
        trusted=around.trusts(job.cwd) and around.guards(job.cwd),
        ignore=job.ignore_rules,
    )


def _trusted(config: Config, roots: Iterable[Path]) -> list[Path]:
    """Return the trusted projects inside of what may be written.

    Named as roots of their own, their settings are guarded like the workspace's: what
    commands write there would be followed one day.
    """
    real = _real(roots)
    entries = config.projects.items()
    named = [Path(path) for path, one in entries if one.trust_level == "trusted"]
    return [
        path
        for path in named
        if path.is_absolute() and path.is_dir() and within(str(path.resolve()), real)
    ]


def _approval(job: Job) -> ApprovalPolicy | Granular:
    if job.approver is None or job.alone:
        return "never"
    return load.approval_policy(job.loaded.config)


def unread(job: Job) -> tuple[str, ...]:
    """Return what neither commands in a sandbox nor this program read for a model."""
    return secrets.denied(
        load.deny_read(job.loaded.config),
        user_home(job.env),
        codex_home=job.loaded.home,
        state=state_home(job.env),
    )


def _real(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return absolute paths without links, each once; relative ones are left out."""
    real = [str(path.resolve()) for path in paths if path.is_absolute()]
    return tuple(dict.fromkeys(real))


def key_variables(config: Config) -> list[str]:
    """Return the environment variables that hold keys: commands never get them."""
    providers, servers = config.model_providers.values(), config.mcp_servers.values()
    named = [
        *(provider.env_key for provider in providers),
        *(name for each in providers for name in each.env_http_headers.values()),
        *(server.bearer_token_env_var for server in servers),
        *(name for each in servers for name in each.env_http_headers.values()),
        config.bridge.listen_key_env,
        config.bridge.api_key_env,
    ]
    return [*filter(None, named), "CODEX_API_KEY", "HF_TOKEN"]


# --- in a few words -------------------------------------------------------------------


def approval_summary(allowed: Permissions) -> str:
    """Return the approval policy in a word."""
    return allowed.approval if isinstance(allowed.approval, str) else "granular"


def sandbox_summary(allowed: Permissions, cwd: Path) -> str:
    """Return the sandbox in a few words, as Codex's banner has it."""
    if allowed.mode != "workspace-write":
        return allowed.mode
    roots = (*allowed.writable_roots, *allowed.scratch)
    # Trusted projects inside of others are roots for the sake of their settings.
    names = [
        "workdir" if root == str(cwd) else root
        for root in roots
        if root == str(cwd)
        or not within(root, tuple(each for each in roots if each != root))
    ]
    return f"workspace-write [{', '.join(names)}]"
