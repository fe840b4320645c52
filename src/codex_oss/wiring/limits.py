"""What the configuration says about the window, compaction and how long to think."""

from pathlib import Path

from codex_oss.agent.window import Limits, output_bytes
from codex_oss.config.schema import Config
from codex_oss.errors import ConfigError
from codex_oss.tools.output import BYTES_PER_TOKEN
from codex_oss.tools.shell import MAX_OUTPUT_BYTES
from codex_oss.translate import thinking
from codex_oss.wiring.model_settings import reasoning_effort, thinking_budget
from codex_oss.wiring.permissions import Job


def limits(job: Job, model: str) -> Limits:
    """Return what people set for the session. Raises ``ConfigError``."""
    config = job.loaded.config
    responses = job.loaded.provider.wire_api == "responses"
    family = thinking.thinking_of(model)
    return Limits(
        window=config.model_context_window,
        compact_at=config.model_auto_compact_token_limit,
        output=config.tool_output_token_limit or None,
        compact_prompt=config.compact_prompt or _from_file(config),
        thinking=thinking_budget(job.loaded, model).value,
        effort=reasoning_effort(job.loaded, model).value,
        most_thinking=family.most,
        # The servers of the other APIs know a word for no thoughts at all.
        least_effort="low" if responses else thinking.least(family),
        asks_again=not responses,
    )


def max_output(config: Config, window: int | None) -> int:
    """Return how many bytes of one tool's output the model may read."""
    if limit := config.tool_output_token_limit:
        return limit * BYTES_PER_TOKEN
    return output_bytes(window, MAX_OUTPUT_BYTES)


def _from_file(config: Config) -> str | None:
    path = config.experimental_compact_prompt_file
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"cannot read `experimental_compact_prompt_file` {path}: {error}",
            hint="Name a text file in UTF-8, or remove the key.",
        ) from error
