"""What happens to a request between a client and a model, told for people."""

from typing import Literal

import msgspec


class Slimmed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The request was made smaller. Tokens are estimates of what the model reads."""

    tokens_before: int
    tokens_after: int


class Sent(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model's server was asked. ``body`` is the JSON that went out."""

    url: str
    body: bytes


class Retried(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The server will be asked again, for it failed before anything was shown."""

    reason: str
    delay_s: float = 0


class Mended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A call was not as the tool wants it, and was made so.

    ``what``: its name, its arguments, a call that stood in text, or a tool that was
    not offered and is played by another one.
    """

    what: Literal["name", "arguments", "text", "tool"]
    was: str
    now: str


class AskedAgain(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A call could not be mended, and the model was asked to send it once more."""

    reason: str


class Truncated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The server read fewer tokens than the prompt can have: it dropped a part."""

    tokens_sent: int
    """The least that the prompt can have."""
    tokens_read: int


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How far the server has read the prompt, in tokens.

    ``processed`` counts also those that it had ``cached`` from before.
    """

    processed: int
    total: int
    cached: int


class Remark(msgspec.Struct, frozen=True, tag=True):
    """Something that people should know of how the server runs the model."""

    text: str
    """A sentence or two."""


Fact = Slimmed | Sent | Retried | Mended | AskedAgain | Truncated | Reading | Remark
