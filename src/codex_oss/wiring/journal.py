"""Where a session is kept, and what its file says of it."""

from collections.abc import Sequence

import msgspec

from codex_oss import __version__, events
from codex_oss.items import Item, Message, Reasoning, text_of
from codex_oss.policy import Permissions
from codex_oss.ports import Clock, Journal
from codex_oss.sessions import rollout
from codex_oss.wiring.model_settings import reasoning_effort
from codex_oss.wiring.permissions import Job, approval_summary

_KIND_LENGTH = 20
"""Characters by which the place, AGENTS.md and their like are told apart."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation, new or going on, and where its next lines are written.

    ``missing`` is what of the surroundings the history does not hold yet.
    """

    journal: Journal
    rollout: rollout.Rollout | None
    meta: object
    history: list[Item]
    missing: list[Item]
    usage: events.TokenUsage


def place(
    job: Job,
    thread_id: str,
    clock: Clock,
    *,
    window: int | None,
    instructions: str,
    surroundings: list[Item],
) -> Place:
    """Return where the job's conversation is kept."""
    kept, home = job.kept, job.loaded.home
    file: rollout.Rollout | None = None
    meta: object = None
    if not job.ephemeral:
        if kept:
            file = rollout.Rollout.again(home, kept, clock, window)
        else:
            file = rollout.Rollout(home, thread_id, clock, window)
            meta = _meta(job, thread_id, clock, instructions)
    said = _readable(job, kept.items) if kept else []
    return Place(
        journal=file or rollout.Ephemeral(),
        rollout=file,
        meta=meta,
        history=said,
        missing=[item for item in surroundings if _last_like(item, said) != item],
        usage=kept.usage if kept else events.TokenUsage(),
    )


def turn_context(job: Job, allowed: Permissions, model: str) -> dict[str, object]:
    """Return what is in force during a turn, as Codex's ``turn_context`` has it.

    ``configured_model`` is ours: None where the engine has picked the model.
    """
    config = job.loaded.config
    policy: dict[str, object] = {"type": allowed.mode}
    if allowed.mode == "workspace-write":
        write = config.sandbox_workspace_write
        policy |= {
            "writable_roots": [r for r in allowed.writable_roots if r != str(job.cwd)],
            "network_access": allowed.network,
            "exclude_tmpdir_env_var": write.exclude_tmpdir_env_var,
            "exclude_slash_tmp": write.exclude_slash_tmp,
        }
    asked = approval_summary(allowed)
    return {
        "cwd": str(job.cwd),
        "approval_policy": "on-request" if asked == "granular" else asked,
        "sandbox_policy": policy,
        "model": model,
        "configured_model": config.model,
        "model_provider": job.loaded.provider_id,
        "effort": reasoning_effort(job.loaded, model).value,
        "summary": config.model_reasoning_summary or "auto",
    }


def _meta(
    job: Job, thread_id: str, clock: Clock, instructions: str
) -> dict[str, object]:
    from codex_oss.sessions import git  # noqa: PLC0415  not for sessions that go on

    meta: dict[str, object] = {
        "session_id": thread_id,
        "id": thread_id,
        "timestamp": rollout.utc(clock.now()),
        "cwd": str(job.cwd),
        "originator": job.front.originator,
        "cli_version": __version__,
        "source": job.front.source,
        "thread_source": "user",
        "model_provider": job.loaded.provider_id,
        "base_instructions": {"text": instructions},
    }
    if repository := git.facts(job.cwd):
        meta["git"] = repository
    if job.front.arguments is not None:
        meta["arguments"] = job.front.arguments
    return meta


def _last_like(item: Item, said: Sequence[Item]) -> Item | None:
    """Return what was said last of the kind of an item: what begins as it does.

    A place that was left and come back to is told anew.
    """
    kind = _begins(item)
    return next((each for each in reversed(said) if _begins(each) == kind), None)


def _begins(item: Item) -> tuple[str, str] | None:
    if not isinstance(item, Message) or item.role == "assistant":
        return None
    return item.role, text_of(item.content)[:_KIND_LENGTH]


def _readable(job: Job, items: Sequence[Item]) -> list[Item]:
    """Return the history without what only another provider can read."""
    if job.kept and job.kept.provider == job.loaded.provider_id:
        return list(items)
    return [item for item in items if not _sealed(item)]


def _sealed(item: Item) -> bool:
    return isinstance(item, Reasoning) and bool(item.encrypted_content)
