"""The skills of a person and of the project that they work in."""

from collections.abc import Iterator
from pathlib import Path

from codex_oss.agent import context
from codex_oss.agent.skills import Found, find_skills, listing
from codex_oss.config import load
from codex_oss.config.home import user_home
from codex_oss.policy import Permissions
from codex_oss.wiring.permissions import Job

_INTRO = Path(__file__).parent.parent / "prompts" / "skills.md"
_BELOW = ((".codex", "skills"), (".agents", "skills"))


def skills(
    job: Job,
    allowed: Permissions,
    model: str,
    window: int | None,
    profile: context.PromptProfile,
) -> tuple[Found, str]:
    """Return the skills there are, and what the model is told of them."""
    settings = job.loaded.config.skills
    off = [choice for choice in settings.config if not choice.enabled]
    named = [name for choice in off for name in (choice.path, choice.name) if name]
    found = find_skills(
        dict.fromkeys(_places(job)),
        denied=allowed.deny_read,
        disabled=frozenset(named),
    )
    if not found.skills or not settings.include_instructions or context.tiny(model):
        return found, ""
    intro = _INTRO.read_text("utf-8")
    text, warning = listing(found.skills, intro, window, lite=profile == "lite")
    warnings = [*found.warnings, *([warning] if warning else [])]
    return Found(found.skills, warnings), text


def _places(job: Job) -> Iterator[Path]:
    """Yield the folders of skills; a project's only where it is trusted."""
    around = load.project_at(job.loaded.config, str(job.cwd))
    for folder in around.folders():
        if around.trusts(folder):
            yield from (folder.joinpath(*below) for below in _BELOW)
    yield job.loaded.home / "skills"
    yield user_home(job.env) / ".agents" / "skills"
