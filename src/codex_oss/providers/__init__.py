"""Models over the wire APIs that servers speak. A provider is data; this reads it."""

from collections.abc import Callable, Mapping

from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.ports import Clock, Model
from codex_oss.providers.endpoint import Endpoint, endpoint, site
from codex_oss.providers.memory import ProbeMemory
from codex_oss.providers.probe import Probe
from codex_oss.providers.retry import Pause, WallClock, noise
from codex_oss.translate.quirks import Mending

__all__ = ["WIRE_APIS", "ProbeMemory", "connect"]


def _responses(at: Endpoint, probe: Probe, mending: Mending | None) -> Model:  # noqa: ARG001  a server that speaks it mends itself
    from codex_oss.providers.responses import ResponsesModel  # noqa: PLC0415  see below

    return ResponsesModel(at, probe)


def _chat(at: Endpoint, probe: Probe, mending: Mending | None) -> Model:
    from codex_oss.providers.chat import ChatModel  # noqa: PLC0415  see below

    return ChatModel(at, probe, mending=mending)


WIRE_APIS: dict[str, tuple[str, Callable[[Endpoint, Probe, Mending | None], Model]]] = {
    "responses": ("/responses", _responses),
    "chat": ("/chat/completions", _chat),
}
"""``wire_api`` to the path below ``base_url`` and the model that is asked there.

A model is imported when it is asked for: the translators of the one wire are 13 ms of
every start that speaks the other.
"""


def connect(  # noqa: PLR0913  all that a model needs from outside
    provider_id: str,
    provider: Provider,
    model: str,
    *,
    env: Mapping[str, str],
    client: Client,
    memory: ProbeMemory,
    version: str,
    clock: Clock | None = None,
    mending: Mending | None = None,
) -> Model:
    """Return a model of a provider; nothing is asked until it is.

    ``version`` is codex-oss's own; ``mending`` says what is done about calls that are
    not as their tools want them. Raises ``ConfigError`` when the provider lacks its
    ``base_url`` or its key.
    """
    where = site(provider_id, provider, env, version)
    path, build = WIRE_APIS[provider.wire_api]
    at = endpoint(where, path, client, Pause(clock or WallClock(), noise))
    return build(at, Probe(where, model, client, memory), mending)
