"""Makes a Responses request small before a model on somebody's own machine reads it.

The Codex CLI's first turn has 8,400 tokens, which such a machine reads for a minute.
"safe" says the same in fewer words; "aggressive" also leaves out what the work at
hand seldom needs. Nothing is done about outputs and answers: an item becomes the same
bytes whatever comes after it, so what the server has read of a prompt stays valid.
"""

from codex_oss.translate.diet.request import SMALL_WINDOW, Diet, Level, slim, tokens

__all__ = ["SMALL_WINDOW", "Diet", "Level", "slim", "tokens"]
