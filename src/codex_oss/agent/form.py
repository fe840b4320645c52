"""The form of a final answer: a JSON schema that it must follow (``--output-schema``).

Local servers that are held to a schema cannot call tools in the same answer, and models
that fill in a form think worse. So where tools are offered over Chat Completions, the
model works and answers freely first, and is then asked for the same in the form.
"""

from collections.abc import Callable

import msgspec

from codex_oss.wire.json_text import NOT_JSON

SHOWN_BYTES = 4096
"""Schemas up to this size are told in words too: a grammar does not say why."""
ASKED = "Now give your final answer again, as JSON and nothing else."
FOLLOWS = "It must follow this JSON schema:\n{schema}"
AGAIN = (
    "Your final answer does not follow the JSON schema: {fault}. Give it again, as "
    "JSON and nothing else."
)
FAILED = "The model's final answer does not follow the schema: {fault}"
HINT = (
    "It was asked twice. Take a larger model, or a schema with fewer demands; the "
    "answer as it is stands above."
)


class AnswerForm(msgspec.Struct, frozen=True):
    """A schema, as JSON; ``apart``: it is asked for once the work is done.

    Unless it is ``strict``, an answer counts as it is when asking again did not help.
    """

    schema: object
    apart: bool
    strict: bool = True
    faults: Callable[[object, object], list[str]] | None = None
    """What checks a value by a schema; None: ``conforms``, which may take its time."""

    def asked(self, fault: str) -> str:
        """Return how the model is asked for it; ``fault`` is what was wrong before."""
        words = AGAIN.format(fault=fault) if fault else ASKED
        text = msgspec.json.encode(self.schema)
        if not self.apart or len(text) > SHOWN_BYTES:
            return words
        return f"{words} {FOLLOWS.format(schema=text.decode())}"

    def fault(self, answer: str | None) -> str:
        """Return what is wrong with an answer; nothing if it follows the schema."""
        if answer is None:
            return "there is none"
        try:
            value = msgspec.json.decode(answer)
        except RecursionError:
            return "it is nested too deep"
        except NOT_JSON as error:
            return f"it is no JSON ({error})"
        from codex_oss.agent import conforms  # noqa: PLC0415  few have a schema

        return "; ".join((self.faults or conforms.faults)(value, self.schema))
