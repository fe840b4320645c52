"""A session from a configuration: permissions, tools, prompt, journal."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from msgspec import UNSET

from codex_oss import __version__
from codex_oss.agent import context, rollout
from codex_oss.agent.project_docs import ProjectDocs, read_project_docs
from codex_oss.agent.session import Parts, Session
from codex_oss.config import load
from codex_oss.errors import ConfigError, ToolError
from codex_oss.items import InputText, Item, Message, user
from codex_oss.net import Client
from codex_oss.policy import Permissions
from codex_oss.ports import Journal, Model, Tool
from codex_oss.sandbox.run import Sandbox
from codex_oss.tools import shell
from codex_oss.tools.apply_patch import ApplyPatch
from codex_oss.tools.environment import command_env
from codex_oss.tools.output import BYTES_PER_TOKEN
from codex_oss.tools.permit import Permit
from codex_oss.tools.placement import Placement
from codex_oss.tools.plan import UpdatePlan
from codex_oss.tools.view_image import ViewImage, data_url
from codex_oss.wire import responses
from codex_oss.wiring.ending import end_all
from codex_oss.wiring.model import open_model
from codex_oss.wiring.permissions import (
    Job,
    approval_summary,
    key_variables,
    permissions,
    rules_file,
    sandbox,
    sandbox_summary,
)
from codex_oss.wiring.world import Nobody, SystemClock, shell_path, uuid7

if TYPE_CHECKING:
    from codex_oss.wiring.mcp import Remote

TITLE = f"codex-oss v{__version__}"
PROMPTS = Path(__file__).parent.parent / "prompts"
PARTS_OF_LITE = ("lite", "patch")
"""The lite prompt; tiny models, which cannot write patches, get the first part."""


class Opened(msgspec.Struct, frozen=True):
    """A session ready for its first prompt, and what people should know of it."""

    session: Session
    description: list[tuple[str, str]]
    warnings: list[str]
    end: list[Callable[[], Any]]
    rollout: Path | None = None
    """The session's file; None where none is kept."""
    permissions: Permissions = Permissions()

    def prompt(self, text: str, images: list[str]) -> Message:
        """Return the user's message with the images at the given paths."""
        return context.prompt(text, [(path, self._shown(path)) for path in images])

    def _shown(self, path: str) -> str:
        """Return an image as a URL; an empty one, and a warning, if it is none."""
        try:
            return data_url(Path(path))
        except ToolError as error:
            self.warnings.append(f"image {path} is not shown to the model: {error}")
            return ""

    async def close(self) -> None:
        """End everything that was started for the session, last first."""
        await end_all(self.end)


async def open_session(job: Job, err: TextIO) -> Opened:
    """Return a session that is ready for a prompt.

    Starts an engine when the provider leaves that to us; its progress goes to
    ``err``. Raises ``CodexOssError``; nothing is left running then.
    """
    client, allowed = Client(), permissions(job)
    end: list[Callable[[], Any]] = [client.close]
    remote = _remote(job, end)
    try:
        opened = await open_model(job.loaded, job.env, client, err, end, job.consent)
        session, notes, path = await _session(
            job, allowed, opened.model, opened.name, end, remote
        )
    except BaseException:
        await end_all(end)
        raise
    description = [
        ("workdir", str(job.cwd)),
        ("model", opened.name),
        *opened.rows,
        ("approval", approval_summary(allowed)),
        ("sandbox", sandbox_summary(allowed, job.cwd)),
    ]
    warnings = [*job.loaded.warnings, *opened.notes, *notes]
    return Opened(session, description, warnings, end, path, allowed)


async def _session(
    job: Job,
    allowed: Permissions,
    model: Model,
    name: str,
    end: list[Callable[[], Any]],
    remote: "Remote | None",
) -> tuple[Session, list[str], Path | None]:
    config, clock, kept = job.loaded.config, SystemClock(), job.kept
    thread_id = kept.thread_id if kept else uuid7(clock.now())
    window = config.model_context_window or await model.window()
    profile = config.prompt_profile
    if profile == "auto":
        profile = context.choose_profile(name, window)
    confining, rules = sandbox(job), rules_file(job)
    permit = Permit(allowed, job.approver or Nobody(), rules=rules)
    tools = _tools(job, profile, thread_id, permit, confining)
    named = {tool.spec.name: tool for tool in tools}
    frame = _frame(job, name, profile, tools, thread_id)
    joined = await remote.join(named, frame.tools, permit, window) if remote else []
    journal: Journal = rollout.Ephemeral()
    path: Path | None = None
    if not job.ephemeral:
        home = job.loaded.home
        again = rollout.Rollout.again
        file = again(kept, clock) if kept else rollout.Rollout(home, thread_id, clock)
        journal, path = file, file.path
        end.append(file.close)
    docs = _docs(job, allowed, name, window)
    parts = Parts(
        thread_id=thread_id,
        model=model,
        tools=named,
        frame=frame,
        surroundings=_surroundings(job, allowed, name, docs),
        cwd=job.cwd,
        journal=journal,
        clock=clock,
        stream_retries=job.loaded.provider.stream_max_retries,
        meta=_meta(job, thread_id, clock),
        history=kept.items if kept else [],
    )
    session = Session(parts)
    end.append(session.close)
    notes = [*docs.warnings, *rules.warnings, *confining.remarks(allowed), *joined]
    return session, notes, path


def _remote(job: Job, end: list[Callable[[], Any]]) -> "Remote | None":
    """Start the MCP servers, if there are any."""
    if not job.loaded.config.mcp_servers:
        return None
    from codex_oss.wiring.mcp import Remote  # noqa: PLC0415  few have servers

    return Remote(job, end)


# --- what the model is told ----------------------------------------------------------


def _frame(
    job: Job,
    name: str,
    profile: context.PromptProfile,
    tools: list[Tool],
    thread_id: str,
) -> context.Frame:
    config = job.loaded.config
    return context.Frame(
        model=name,
        instructions=_instructions(job, name, profile),
        tools=[tool.spec for tool in tools],
        cache_key=thread_id,
        reasoning=responses.ReasoningParams(
            effort=config.model_reasoning_effort or UNSET,
            summary=config.model_reasoning_summary or "auto",
        ),
        text=_answer_form(job),
    )


def _answer_form(job: Job) -> responses.TextParams | None:
    verbosity = job.loaded.config.model_verbosity or UNSET
    if job.output_schema is None:
        return responses.TextParams(verbosity=verbosity) if verbosity else None
    form = {
        "type": "json_schema",
        "strict": True,
        "name": "codex_output_schema",
        "schema": job.output_schema,
    }
    return responses.TextParams(format=form, verbosity=verbosity)


def _instructions(job: Job, model: str, profile: context.PromptProfile) -> str:
    config = job.loaded.config
    if config.model_instructions_file is None:
        names = [profile] if profile == "full" or context.tiny(model) else PARTS_OF_LITE
        texts = ((PROMPTS / f"{name}.md").read_text("utf-8") for name in names)
        return config.instructions or "".join(texts)
    path = config.model_instructions_file
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"cannot read `model_instructions_file` {path}: {error}",
            hint="Name a text file in UTF-8, or remove the key.",
        ) from error


def _surroundings(
    job: Job, allowed: Permissions, model: str, docs: ProjectDocs
) -> list[Item]:
    config = job.loaded.config
    items: list[Item] = []
    if config.developer_instructions:
        part = InputText(text=config.developer_instructions)
        items.append(Message(role="developer", content=[part]))
    if docs.text:
        items.append(user(docs.text))
    if config.include_environment_context and not context.tiny(model):
        name = Path(shell_path(job.env)).name
        items.append(context.environment(str(job.cwd), name, allowed))
    return items


def _docs(job: Job, allowed: Permissions, name: str, window: int | None) -> ProjectDocs:
    config = job.loaded.config
    if load.trust_level(config, str(job.cwd)) == "untrusted":
        return ProjectDocs("", [])
    limit = config.project_doc_max_bytes
    budget = context.docs_budget(name, window, limit)
    docs = read_project_docs(
        job.cwd,
        job.loaded.home,
        max_bytes=limit and max(budget, 1),
        fallback_names=config.project_doc_fallback_filenames,
        markers=config.project_root_markers,
        denied=allowed.deny_read,
    )
    if budget or not docs.text:
        return docs
    return ProjectDocs("", [f"AGENTS.md is left out: {name} is too small a model."])


def _meta(job: Job, thread_id: str, clock: SystemClock) -> dict[str, object]:
    meta: dict[str, object] = {
        "id": thread_id,
        "timestamp": rollout.utc(clock.now()),
        "cwd": str(job.cwd),
        "originator": job.front.originator,
        "cli_version": __version__,
        "source": job.front.source,
        "model_provider": job.loaded.provider_id,
    }
    if job.front.arguments is not None:
        meta["arguments"] = job.front.arguments
    return meta


# --- what the model may do -----------------------------------------------------------


def _tools(
    job: Job,
    profile: context.PromptProfile,
    thread_id: str,
    permit: Permit,
    confining: Sandbox,
) -> list[Tool]:
    config = job.loaded.config
    limit = config.tool_output_token_limit
    settings = shell.Settings(
        shell=shell_path(job.env),
        env=command_env(
            job.env,
            config.shell_environment_policy,
            secrets=key_variables(config),
            thread_id=thread_id,
            version=__version__,
        ),
        allow_login=config.allow_login_shell,
        max_output_bytes=(limit and limit * BYTES_PER_TOKEN) or shell.MAX_OUTPUT_BYTES,
        max_poll_ms=config.background_terminal_max_timeout,
    )
    # What the person sets for commands they get, keys or not.
    given = config.shell_environment_policy.set
    held = frozenset(key_variables(config)) - given.keys()
    placement = Placement(permit, confining, settings.env, held)
    commands = shell.Shell(permit, placement, settings, clock=SystemClock())
    # OpenAI's models are trained on the freeform patch tool, all others on functions.
    freeform = job.loaded.provider_id == "openai"
    patches = ApplyPatch(permit, freeform=freeform)
    tools: list[Tool] = [*commands.tools(), patches]
    if profile == "full":
        if config.tools.update_plan.enabled:
            tools.append(UpdatePlan())
        tools.append(ViewImage(permit.permissions.deny_read))
    return tools
