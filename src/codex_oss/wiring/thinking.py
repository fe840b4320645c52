"""How much the model of a session thinks, as people read it, and what has no effect."""

from codex_oss.agent.window import Limits, thinking_tokens
from codex_oss.config.load import Loaded
from codex_oss.translate.thinking import OFF, thinking_of
from codex_oss.wiring.model_settings import reasoning_effort, thinking_budget

NEVER = "{said} has no effect: {model} does not think."
ALWAYS = (
    "{said}: {model} thinks whatever it is told, unless its server can keep it from "
    "that. {effort!r} says how long, and nothing else."
)
PROMPT = (
    "{said}: {model} thinks where its instructions ask for it, as those of its makers "
    "do; `developer_instructions` can. {effort!r} says how long, and nothing else."
)
LEAST = "{said}: {model} cannot but think; it is asked for {least!r}."


def rows(
    loaded: Loaded, model: str, limits: Limits, window: int | None
) -> list[tuple[str, str]]:
    """Return how much the model thinks and who says so; nothing if it does not."""
    effort, budget = reasoning_effort(loaded, model), thinking_budget(loaded, model)
    control = thinking_of(model).control
    unset = effort.value is None and budget.value is None
    if control == "never" or (control == "unknown" and unset):
        return []
    words: list[str] = []
    if effort.value:
        words.append(f"{effort.value} ({effort.said_by})")
    tokens = thinking_tokens(limits, window)
    said = f" ({budget.said_by})" if budget.said_by else ""
    if effort.value in OFF and control == "switch":
        pass  # there is nothing to be limited
    elif tokens and window is None and budget.value is None:
        words.append("at most a share of the context window, which is not known yet")
    elif tokens:
        words.append(f"at most {tokens:,} tokens before an answer{said}")
    elif budget.value == 0:
        words.append(f"as long as it likes{said}")
    return [("thinking", ", ".join(words))] if words else []


def remark(loaded: Loaded, model: str) -> str:
    """Return what a person should know of an effort that the model cannot follow."""
    effort = reasoning_effort(loaded, model)
    if not effort.value or loaded.provider.wire_api == "responses":
        return ""
    family = thinking_of(model)
    match family.control:
        case "never":
            words = NEVER
        case "always" if loaded.provider.wire_api != "ollama":  # which can stop it
            words = ALWAYS
        case "prompt":
            words = PROMPT
        case "levels" if effort.value in OFF and family.efforts[0] not in OFF:
            words = LEAST
        case _:
            return ""
    least = family.efforts[0] if family.efforts else ""
    return words.format(
        said=effort.said_by, model=model, effort=effort.value, least=least
    )


def silencer(loaded: Loaded, model: str) -> str:
    """Return the word in the instructions that keeps a model from thinking, or "".

    Where it stands in them, every request begins as the one before did; where it is
    only in the last message, the turn before must be read anew.
    """
    if loaded.provider.wire_api == "responses":
        return ""
    asked = reasoning_effort(loaded, model).value
    return thinking_of(model).silencer if asked in OFF else ""
