"""One entry of ``[models]``: what is set for one model, whoever serves it."""

from typing import Annotated, Literal

import msgspec

EditForm = Literal["auto", "patch", "replace", "whole"]


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one model. codex-oss only.

    Each counts before the key for all models, unless that one is set with ``-c``.
    The entry's name is the model's, with or without what stands before its last
    ``/``; ``*`` stands for anything. Of several that fit, the longest name counts.
    """

    edit_form: EditForm | None = None
    """``edit_form`` for this model."""
    reasoning_effort: str | None = None
    """``model_reasoning_effort`` for this model."""
    thinking_budget: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """``model_thinking_budget`` for this model."""
