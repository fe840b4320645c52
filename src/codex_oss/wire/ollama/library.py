"""What Ollama says of its models: ``/api/show``, and the lines of ``/api/pull``.

Source: Ollama 0.9 to 0.33. Fields that this program does not read are not here; what
older releases leave out has a default.
"""

from typing import Any

import msgspec


class Details(msgspec.Struct, frozen=True):
    """What Ollama says of a model's file."""

    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /api/show``. ``model_info`` is the GGUF file's metadata."""

    capabilities: list[str] | None = None
    parameters: str = ""
    """Of the Modelfile: a name and a value in each line."""
    license: str = ""
    details: Details | None = None
    model_info: dict[str, Any] | None = None
    requires: str = ""
    """The least version of Ollama that runs it; empty: it does not say."""
    remote_host: str = ""
    remote_model: str = ""

    @property
    def remote(self) -> bool:
        """Whether it runs in a cloud."""
        return bool(self.remote_host or self.remote_model)

    @property
    def architecture(self) -> str:
        """The GGUF file's ``general.architecture``; empty: it does not say."""
        named = (self.model_info or {}).get("general.architecture")
        return named if isinstance(named, str) else ""

    @property
    def trained(self) -> int | None:
        """Tokens of context that the model was trained for."""
        length = self.number("context_length")
        return length if length and length > 0 else None

    @property
    def own_context(self) -> int:
        """``PARAMETER num_ctx`` of the model's own file; 0 when it has none."""
        for line in self.parameters.splitlines():
            name, _, value = line.partition(" ")
            value = value.strip().strip("\"'")
            if name == "num_ctx" and value.isdecimal():
                return int(value)
        return 0

    def number(self, key: str) -> int | None:
        """Return a number of the metadata, by its key below the architecture's name."""
        value = (self.model_info or {}).get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) else None

    def can(self, capability: str) -> bool | None:
        """Tell whether the model can; None when the server does not say."""
        return None if self.capabilities is None else capability in self.capabilities


class PullLine(msgspec.Struct, frozen=True):
    """One line of ``POST /api/pull`` or ``/api/create``.

    A layer has a ``digest``, its ``total`` bytes and how many are ``completed``, which
    is left out when it is none. The last line's status is ``success``; one with an
    ``error`` is the end too, whatever the HTTP status was.
    """

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""
