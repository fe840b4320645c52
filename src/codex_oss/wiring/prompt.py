"""What the model is told: instructions, AGENTS.md, the place, the form of answers."""

from pathlib import Path

from msgspec import UNSET

from codex_oss.agent import context
from codex_oss.agent.form import AnswerForm
from codex_oss.agent.project_docs import REMEDY, ProjectDocs, read_project_docs
from codex_oss.config import load
from codex_oss.errors import ConfigError
from codex_oss.items import InputText, Item, Message, user
from codex_oss.policy import Permissions
from codex_oss.ports import Tool
from codex_oss.tools.ladder import Form
from codex_oss.wire import responses
from codex_oss.wiring import thinking
from codex_oss.wiring.editing import Editing
from codex_oss.wiring.model_settings import reasoning_effort
from codex_oss.wiring.permissions import Job, unread
from codex_oss.wiring.world import shell_path

PROMPTS = Path(__file__).parent.parent / "prompts"


def frame(
    job: Job,
    name: str,
    profile: context.PromptProfile,
    editing: Editing,
    tools: list[Tool],
    thread_id: str,
) -> context.Frame:
    """Return what all requests of the session have in common."""
    config = job.loaded.config
    text, final = _answer_forms(job, tools)
    told = (
        (PROMPTS / "review.md").read_text("utf-8")
        if job.reviews
        else instructions(job, name, profile, editing.form)
    )
    silencer = thinking.silencer(job.loaded, name)
    return context.Frame(
        model=name,
        instructions=f"{told}\n\n{silencer}" if silencer else told,
        tools=[tool.spec for tool in editing.told(tools)],
        cache_key=thread_id,
        reasoning=responses.ReasoningParams(
            effort=reasoning_effort(job.loaded, name).value or UNSET,
            summary=config.model_reasoning_summary or "auto",
        ),
        text=text,
        form=final,
    )


def form(job: Job, frame: context.Frame) -> AnswerForm | None:
    """Return what the final answer must follow."""
    if job.output_schema is None:
        return None
    from codex_oss.wiring.checking import faults  # noqa: PLC0415  few have a schema

    return AnswerForm(
        job.output_schema,
        apart=frame.form is not None,
        strict=not job.reviews,
        faults=faults,
    )


def _answer_forms(
    job: Job, tools: list[Tool]
) -> tuple[responses.TextParams | None, responses.TextParams | None]:
    """Return the form of all answers, and that of the final one if it is another.

    Over the Responses API the schema goes with the tools, as Codex sends it: OpenAI's
    models can do both in one answer.
    """
    verbosity = job.loaded.config.model_verbosity or UNSET
    plain = responses.TextParams(verbosity=verbosity) if verbosity else None
    if job.output_schema is None:
        return plain, None
    form = {
        "type": "json_schema",
        "strict": True,
        "name": "codex_output_schema",
        "schema": job.output_schema,
    }
    held = responses.TextParams(format=form, verbosity=verbosity)
    together = not tools or job.loaded.provider.wire_api == "responses"
    return (held, None) if together else (plain, held)


def instructions(
    job: Job, model: str, profile: context.PromptProfile, form: Form
) -> str:
    """Return the profile's prompt, and how files are edited; nothing of it if tiny."""
    config = job.loaded.config
    if config.model_instructions_file is None:
        names = [profile, f"{profile}_{form}"]
        names = names[:1] if context.tiny(model) else names
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


def surroundings(
    job: Job, allowed: Permissions, model: str, project: ProjectDocs, skills: str
) -> list[Item]:
    """Return what stands before the first prompt; ``skills`` is the list of them."""
    config = job.loaded.config
    items: list[Item] = []
    if config.developer_instructions:
        part = InputText(text=config.developer_instructions)
        items.append(Message(role="developer", content=[part]))
    if skills:
        items.append(Message(role="developer", content=[InputText(text=skills)]))
    if project.text:
        items.append(user(project.text))
    if config.include_environment_context and not context.tiny(model):
        name = Path(shell_path(job.env)).name
        items.append(context.environment(str(job.cwd), name, allowed))
    return items


def docs(job: Job, allowed: Permissions, name: str, window: int | None) -> ProjectDocs:
    """Return the project's instructions, as much of them as the model can take."""
    config = job.loaded.config
    trust = load.trust_level(config, str(job.cwd))
    limit = 0 if trust == "untrusted" else config.project_doc_max_bytes
    budget = context.docs_budget(name, window, limit)
    found = read_project_docs(
        job.cwd,
        job.loaded.home,
        max_bytes=limit and max(budget, 1),
        fallback_names=config.project_doc_fallback_filenames,
        markers=config.project_root_markers,
        denied=allowed.deny_read or unread(job),
        trusted=trust == "trusted",
        remedy=REMEDY if budget >= limit else "give the model a larger window",
    )
    if not context.tiny(name) or not found.text:
        return found
    return ProjectDocs("", [f"AGENTS.md is left out: {name} is too small a model."])
