"""What a model meant by a call: the tool, and arguments that fit its schema."""

from codex_oss.translate.names import mend_name
from codex_oss.translate.repair import mend_arguments
from codex_oss.translate.tools import Target, ToolMap


def target_of(name: str, tools: ToolMap) -> Target | None:
    """Return the offered tool that ``name`` means; None when that is not plain."""
    if target := tools.resolve(name):
        return target
    meant = mend_name(name, tools.schemas)
    return tools.resolve(meant) if meant else None


def arguments_for(target: Target, arguments: str) -> str:
    """Return the JSON object that was meant.

    What cannot be mended stays as it was: who runs the tool tells the model why.
    """
    mended = mend_arguments(arguments, target.schema)
    return arguments if mended is None else mended
